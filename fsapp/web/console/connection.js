/**
 * Keeps the picture true: one event stream, the lists it starts from, and a way back after a loss.
 *
 * The law of this file: that the picture is true is said only after the lists were read behind an
 * open stream; from the moment that stream is silent for too long, ends or fails, it is lost. What
 * the stream said while the lists were on their way is said again after them: whole objects, in
 * order, so the last word is always the newest.
 */

import { Refused } from "./api.js";
import { EventParser } from "./sse.js";

/** The server gives a sign of life every 15 seconds, or as often as it is set to. Until it is known
 * how often, and from then on by so much longer than that, the stream may be silent. */
const SILENCE_MS = 35_000;
const PATIENCE = 1.4;
const LEAST_SILENCE_MS = 3_000;
const QUIET_MS = 60;
const QUIET_AT_MOST_MS = 1_000;
const PAUSES_MS = [250, 500, 1_000, 2_000, 4_000];
const LONGEST_PAUSE_MS = 30_000;

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

export class Connection {
  #lastId = null;
  #again = null;
  #abort = null;
  #watchdog = null;
  #lastHeard = 0;
  #silence = SILENCE_MS;
  #lastSign = null;
  #failures = 0;
  #retryNow = () => {};
  #stopped = false;

  /**
   * `listener` is told: `snapshot({agent, agents, calls, organizations})`, `event({event, data})`,
   * `isTrue()`, `lost(refused)` and, when the token is void, `signedOut()`.
   */
  constructor(api, listener) {
    this.api = api;
    this.listener = listener;
    this.hurry = () => this.#retryNow();
    this.drop = () => this.#abort?.abort();
  }

  async start() {
    window.addEventListener("online", this.hurry);
    window.addEventListener("offline", this.drop);
    while (!this.#stopped) {
      const why = await this.#attempt();
      if (this.#stopped) break;
      if (why.http === 401) return this.listener.signedOut();
      this.listener.lost(why);
      await this.#wait(why);
    }
    return undefined;
  }

  stop() {
    this.#stopped = true;
    window.removeEventListener("online", this.hurry);
    window.removeEventListener("offline", this.drop);
    this.drop();
    this.hurry();
  }

  /** One stream from its opening to its end; answers why it ended. */
  async #attempt() {
    const abort = new AbortController();
    this.#abort = abort;
    this.#silence = SILENCE_MS;
    this.#lastSign = null;
    this.#heard();
    try {
      const headers = this.#lastId === null ? {} : { "Last-Event-ID": this.#lastId };
      const response = await this.api.open("/events", headers, abort.signal);
      const ended = this.#pump(response.body, abort);
      await Promise.race([ended, this.#synchronize(this.#lastId !== null)]);
      await ended;
      return new Refused(0, { description: "The connection was closed." });
    } catch (error) {
      return error instanceof Refused ? error : new Refused(0);
    } finally {
      clearTimeout(this.#watchdog);
      abort.abort();
      this.#again = null;
    }
  }

  async #pump(body, abort) {
    const parser = new EventParser();
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    abort.signal.addEventListener("abort", () => reader.cancel().catch(() => {}));
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      this.#heard(value);
      for (const message of parser.take(value)) this.#take(message);
    }
  }

  #take(message) {
    if (message.id !== null) this.#lastId = message.id;
    if (message.event === "reset") {
      this.#synchronize(false).catch(this.drop);
      return;
    }
    const event = { event: message.event, ...JSON.parse(message.data || "{}") };
    this.api.clock.heard(Number(event.timestamp));
    this.#again?.push(event);
    this.listener.event(event);
  }

  async #synchronize(resumed) {
    if (resumed) await this.#quiet();
    const again = [];
    this.#again = again;
    const [agent, agents, calls, organizations] = await Promise.all([
      this.api.get("/agent"),
      this.api.get("/agent/list"),
      this.api.get("/call/list"),
      this.api.get("/organization/list"),
    ]);
    if (this.#again !== again) return;
    this.#again = null;
    this.listener.snapshot({
      agent: agent.agent,
      agents: agents.agents,
      calls: calls.calls,
      organizations: organizations.organizations,
    });
    for (const event of again) this.listener.event(event);
    this.#failures = 0;
    this.listener.isTrue();
  }

  /** Until what was missed has been replayed. */
  async #quiet() {
    const end = Date.now() + QUIET_AT_MOST_MS;
    do await pause(QUIET_MS);
    while (Date.now() - this.#lastHeard < QUIET_MS && Date.now() < end);
  }

  #heard(text = "") {
    this.#lastHeard = Date.now();
    if (text.startsWith(":")) this.#signOfLife();
    clearTimeout(this.#watchdog);
    this.#watchdog = setTimeout(this.drop, this.#silence);
  }

  #signOfLife() {
    const gap = Date.now() - (this.#lastSign ?? -Infinity);
    if (gap < Infinity) this.#silence = Math.max(LEAST_SILENCE_MS, gap * PATIENCE);
    this.#lastSign = Date.now();
  }

  async #wait(why) {
    const usual = PAUSES_MS[Math.min(this.#failures, PAUSES_MS.length - 1)];
    this.#failures += 1;
    const asked = (why.retryAfter ?? 0) * 1000;
    // A restarted server is not asked by everybody at the same moment.
    const ms = Math.min(LONGEST_PAUSE_MS, Math.max(asked, usual * (0.7 + 0.6 * Math.random())));
    await Promise.race([pause(ms), new Promise((now) => (this.#retryNow = now))]);
    this.#retryNow = () => {};
  }
}
