/**
 * The picture of calls and agents, folded from the lists and the events.
 *
 * The law of this file: pure. A state goes in, another comes out; no clock, no network, no page.
 * Objects are kept as the server sent them, whole. What is shown is picked out by the functions at
 * the end.
 */

const CURRENT = new Set(["created", "transferring", "ringing", "speaking"]);
const LETTERS = ["a", "b", "c", "d", "e", "f"];
const RECENT = 30;

/** Nothing known yet. */
export const nothing = () => ({
  me: null,
  agents: new Map(),
  calls: new Map(),
  organizations: new Map(),
  letters: new Map(),
  recent: [],
});

/** The lists, read anew; what only time has taught (letters, order, recent calls) is kept. */
export function loaded(state, { agent, agents, calls, organizations }) {
  const live = calls.filter((call) => call.state !== "hungup");
  let next = {
    ...state,
    me: agent,
    agents: byId(agents),
    calls: byId(live),
    organizations: byId(organizations),
  };
  next.agents.set(agent.id, agent);
  next = { ...next, letters: lettered(next) };
  return next;
}

/** The picture after one event of the stream. */
export function folded(state, event) {
  if (event.agent) return withAgent(state, event.agent);
  if (event.call) return withCall(state, event.call);
  return event.calls ? withKeys(state, event.calls) : state;
}

/** The picture with the calls that ended before it began, newest first. */
export const remembered = (state, ended) => ({
  ...state,
  recent: merged(state.recent, ended),
});

const byId = (objects) => new Map(objects.map((object) => [object.id, object]));

function withAgent(state, agent) {
  const agents = new Map(state.agents).set(agent.id, agent);
  return { ...state, agents, me: state.me?.id === agent.id ? agent : state.me };
}

function withCall(state, call) {
  const before = state.calls.get(call.id);
  const calls = new Map(state.calls);
  if (call.state === "hungup") calls.delete(call.id);
  else calls.set(call.id, call);
  const over = call.state === "hungup" ? [ended(before, call)] : [];
  const next = { ...state, calls, recent: merged(state.recent, over) };
  return { ...next, letters: lettered(next) };
}

const ended = (before, call) =>
  before?.state === "transferred" ? { ...call, outcome: "transferred" } : call;

/** What an event of other calls has changed: their places, what she may do with them. */
function withKeys(state, changes) {
  const calls = new Map(state.calls);
  for (const [id, keys] of Object.entries(changes)) {
    if (calls.has(id)) calls.set(id, { ...calls.get(id), ...keys });
  }
  return { ...state, calls };
}

function merged(recent, more) {
  const all = new Map(recent.map((call) => [call.id, call]));
  for (const call of more) all.set(call.id, { ...all.get(call.id), ...call });
  return [...all.values()]
    .sort((one, other) => Number(other.ended_at) - Number(one.ended_at))
    .slice(0, RECENT);
}

/** Each held call keeps its letter as long as it is held, whatever happens to the others. */
function lettered(state) {
  const held = parkedBy(state, state.me?.id);
  const letters = new Map();
  for (const { id } of held) if (state.letters.has(id)) letters.set(id, state.letters.get(id));
  const taken = new Set(letters.values());
  const free = LETTERS.filter((letter) => !taken.has(letter));
  for (const { id } of held) if (!letters.has(id)) letters.set(id, free.shift() ?? "");
  return letters;
}

function parkedBy(state, agentId) {
  return [...state.calls.values()]
    .filter((call) => call.state === "parked" && call.assigned_to === agentId)
    .sort((one, other) => Number(one.parked_at) - Number(other.parked_at));
}

// What is shown.

/** Whoever waits, in the order they will be served; then those who still hear a greeting. */
export function queue(state) {
  const calls = [...state.calls.values()];
  const queued = calls.filter((call) => call.state === "queued");
  const greeted = calls.filter((call) => call.state === "created" && call.locked);
  const key = (call) => [
    isHead(call, queued) ? 0 : 1,
    -call.priority,
    Number(call.arrival_time),
    call.position,
  ];
  const order = (one, other) => compared(key(one), key(other)) || one.id.localeCompare(other.id);
  return [...queued.sort(order), ...greeted.sort(order)];
}

/** Whether somebody stands behind her whom the usual order would put before her: a caller cut off
 * from her agent is served first (protocol §5). Places count per organization. */
function isHead(call, queued) {
  return queued.some(
    (other) =>
      other.organization_id === call.organization_id &&
      other.position > call.position &&
      compared(
        [-other.priority, Number(other.arrival_time)],
        [-call.priority, Number(call.arrival_time)],
      ) < 0,
  );
}

function compared(one, other) {
  const place = one.findIndex((value, index) => value !== other[index]);
  return place < 0 ? 0 : one[place] - other[place];
}

/** The call she is in, or is being put into. */
export const current = (state) =>
  [...state.calls.values()].find(
    (call) => call.assigned_to === state.me?.id && CURRENT.has(call.state),
  ) ?? null;

/** Her calls on hold, each with its letter, in the letters' order. */
export const holds = (state) =>
  parkedBy(state, state.me?.id)
    .map((call) => ({ ...call, letter: state.letters.get(call.id) ?? "" }))
    .sort((one, other) => (one.letter || "z").localeCompare(other.letter || "z"));

/** Everybody else by name, those who are here first. */
export const colleagues = (state) =>
  [...state.agents.values()]
    .filter((agent) => agent.id !== state.me?.id)
    .sort((one, other) => away(one) - away(other) || one.name.localeCompare(other.name));

/** Who answers calls: not the supervisor, or the screen on the wall, who only looks on. */
export const answering = (state) =>
  [...state.agents.values()].filter(
    (agent) => agent.id !== state.me?.id || agent.role === "agent" || agent.current_call,
  );

const away = (agent) => Number(agent.state === "offline");

/** The first call she may pick up. */
export const next = (state) => queue(state).find((call) => call.can?.includes("pickup")) ?? null;
