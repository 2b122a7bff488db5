/** How things are said: every sentence a person reads or hears of calls, agents and refusals. */

import { shownAge, spokenAge } from "./clock.js";

/** What an organization is called, for an agent who answers in its name. */
export function organizationName(state, call) {
  const known = state.organizations.get(call.organization_id);
  return known?.name || `Organization ${call.organization_id}`;
}

/** Whom the call is with: "Mrs. Lund · 2045550101"; for an outbound one, who was dialled. */
export function party(call, names = new Map()) {
  const number = call.inbound ? call.caller_id : call.destination;
  const name = call.inbound ? call.caller_name : names.get(number);
  return name && name !== number ? `${name} · ${number}` : number || "number withheld";
}

/** The same in as few words as possible. */
export function shortParty(call, names = new Map()) {
  const number = call.inbound ? call.caller_id : call.destination;
  const name = call.inbound ? call.caller_name : names.get(number);
  return name || number || "number withheld";
}

/** What her own call is doing, and since when it does; `me` knows since when her phone rings. */
export function currentStatus(call, me) {
  if (call.state === "speaking") return ["speaking", Number(call.bridged_at)];
  if (call.state === "ringing") return ["ringing there", Number(call.arrival_time)];
  if (call.state === "transferring") {
    const since = me?.state === "ringing" ? Number(me.state_since) : Infinity;
    return ["your phone rings", since];
  }
  return ["dialling", Number(call.arrival_time)];
}

/** What an agent does, and since when: "speaking", "paused (lunch)", "speaking, then paused". */
export function agentStatus(agent, now) {
  const pause = agent.pause_reason ? `paused (${agent.pause_reason})` : "paused";
  const then = agent.state === "offline" ? "offline, " : `${agent.state}, then `;
  const before = agent.state === "paused" ? "" : then;
  const since = agent.state_since ? shownAge(now - Number(agent.state_since)) : "";
  return [agent.paused ? `${before}${pause}` : agent.state, since];
}

/** "3 waiting, Dr. Holm since 42 seconds". */
export function queueSpoken(state, waiting, now) {
  if (waiting.length === 0) return "Nobody is waiting.";
  const first = waiting[0];
  const age = spokenAge(now - Number(first.arrival_time));
  return `${waiting.length} waiting, ${organizationName(state, first)} since ${age}.`;
}

const CAUSES = {
  USER_BUSY: "Your phone is busy.",
  NO_ANSWER: "Your phone was not answered.",
  NO_USER_RESPONSE: "Your phone does not respond.",
  USER_NOT_REGISTERED: "Your phone is not registered.",
  CALL_REJECTED: "Your phone rejected the call.",
};

const SENTENCES = {
  "agent-busy": () => "You already have a call: end it or put it on hold first.",
  "agent-paused": () => "You are paused: come back, or choose a caller.",
  "call-locked": () => "The caller is still hearing the greeting.",
  "call-not-found": () => "That caller has hung up.",
  "no-current-call": () => "You have no call.",
  "queue-empty": () => "Nobody is waiting.",
  "not-authorized": () => "Your token is not valid any more.",
  "contact-not-found": () => "That contact is not there any more.",
  draining: () => "The server is about to stop and takes no new work.",
  "no-answer": () => "The server did not answer. Look before you try again.",
  "call-owned": (refused, state) => {
    const owner = state.agents.get(refused.call?.assigned_to);
    return `${owner?.name ?? refused.call?.assigned_to ?? "Somebody else"} has that call.`;
  },
  "phone-unavailable": (refused) => {
    const cause = refused.message.split(": ").pop();
    return CAUSES[cause] ?? `Your phone cannot be reached (${cause}).`;
  },
  "wrong-state": () => "That is not possible with this call now.",
};

/** One sentence about why nothing was done. */
export function refusalSentence(refused, state) {
  return SENTENCES[refused.error]?.(refused, state) ?? refused.message;
}

/** Why the stream is not there, in a sentence. */
export function lossSentence(refused) {
  if (refused.error === "draining") return "The server is about to stop.";
  if (refused.http === 503) return "The server takes no more consoles just now.";
  return refused.http ? refused.message : "No connection to the server.";
}

const OUTCOMES = { abandoned: "missed", overflowed: "sent on", failed: "not answered" };

/** How an ended call went, in a word or two. */
export function outcome(call) {
  if (call.outcome) return OUTCOMES[call.outcome] ?? call.outcome;
  if (call.inbound) return call.handled_by.length ? "answered" : "missed";
  return call.bridged_at ? "answered" : "not answered";
}
