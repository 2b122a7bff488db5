/**
 * What she asks for: each verb as one request, its refusal as one sentence where she looks.
 *
 * The law of this file: nothing is asked for while the picture is not true, nothing is asked for
 * twice while the first asking is under way, and what is allowed is read from the call's `can`.
 */

import { setText } from "./dom.js";
import { current, holds } from "./state.js";
import { refusalSentence } from "./words.js";

const SHOWN_MS = 7_000;
const NOT_TRUE = "Not connected: wait until the picture is true again.";

export class Verbs {
  #underWay = new Set();
  #timers = new Map();

  /** `desk` has `api`, `state`, `live`, `say(sentence)` and `askWhich(sources)`. */
  constructor(desk) {
    this.desk = desk;
  }

  /** Whoever is next by then: the server may know of a caller before this page does. */
  next(panel) {
    return this.ask(panel, "/call/pickup");
  }

  pickup(panel, id) {
    return this.ask(panel, "/call/pickup", { call_id: id });
  }

  back(panel, id) {
    return this.ask(panel, "/call/unpark", { call_id: id });
  }

  park(panel) {
    return this.#withCurrent(panel, "/call/park", "park");
  }

  end(panel, id = null) {
    if (id) return this.ask(panel, "/call/hangup", { call_id: id });
    return this.#withCurrent(panel, "/call/hangup", "hangup");
  }

  /** Connects a held call with the current one; asks which, if there are several. */
  transfer(panel, id = null) {
    if (id) return this.ask(panel, "/call/transfer", { source: id });
    const sources = holds(this.desk.state).filter((call) => call.can?.includes("transfer"));
    if (sources.length === 0) return this.say(panel, this.#whyNoTransfer());
    if (sources.length === 1) return this.transfer(panel, sources[0].id);
    return this.desk.askWhich(sources);
  }

  /** `target` is `{extension}` or `{cm_id}`; the key makes sure it is dialled once. */
  dial(panel, target) {
    return this.ask(panel, "/call/originate", target, { "Idempotency-Key": newKey() });
  }

  pause(reason) {
    const wanted = { state: "paused", ...(reason && { reason }) };
    return this.#state(wanted, "You are paused.");
  }

  resume() {
    return this.#state({ state: "idle" }, "You are back.");
  }

  /** One request; answers whether it was carried out. */
  async ask(panel, path, parameters = {}, headers = {}) {
    const what = `${path} ${JSON.stringify(parameters)}`;
    if (!this.desk.live) return this.say(panel, NOT_TRUE);
    if (this.#underWay.has(what)) return false;
    this.#underWay.add(what);
    this.#clear(panel);
    try {
      await this.desk.api.post(path, parameters, headers);
      return true;
    } catch (refused) {
      return this.say(panel, refusalSentence(refused, this.desk.state));
    } finally {
      this.#underWay.delete(what);
    }
  }

  /** A sentence in the panel, gone by itself, read aloud; answers false. */
  say(panel, sentence) {
    setText(notice(panel), sentence);
    this.desk.say(sentence);
    clearTimeout(this.#timers.get(panel));
    this.#timers.set(panel, setTimeout(() => this.#clear(panel), SHOWN_MS));
    return false;
  }

  async #state(wanted, said) {
    const done = await this.ask("my-call", "/agent/state", wanted);
    if (done) this.desk.say(said);
    return done;
  }

  #clear(panel) {
    setText(notice(panel), "");
  }

  #withCurrent(panel, path, verb) {
    const call = current(this.desk.state);
    if (!call) return this.say(panel, "You have no call.");
    if (!call.can?.includes(verb)) return this.say(panel, "That is not possible now.");
    return this.ask(panel, path, { call_id: call.id });
  }

  #whyNoTransfer() {
    const call = current(this.desk.state);
    if (holds(this.desk.state).length === 0) return "Nobody is on hold to connect.";
    if (!call) return "Dial somebody first: then connect the two.";
    if (call.inbound) return "Only a call you dialled can be connected with one on hold.";
    if (call.state !== "speaking") return "Wait until it is answered.";
    return "Only calls of the same organization can be connected.";
  }
}

const notice = (panel) => document.querySelector(`[data-notice="${panel}"]`);

/** Not randomUUID(): browsers have that only behind https and on localhost. */
function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
