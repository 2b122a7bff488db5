/** The supervisors' wallboard: the same connection and state as the console's, shown as figures. */

import { ServerClock, shownAge, shownTime } from "./clock.js";
import { Connection } from "./connection.js";
import { draw } from "./chart.js";
import { make, setAttribute, setText, the } from "./dom.js";
import { signIn, signOut } from "./sign_in.js";
import { answering, folded, loaded, nothing, queue } from "./state.js";
import { lossSentence, organizationName } from "./words.js";

const READ_AGAIN_MS = 30_000;
const GATHER_MS = 1_500;
const CALL_STATES = [
  ["queued", "waiting"],
  ["created", "arriving"],
  ["transferring", "agent's phone rings"],
  ["ringing", "dialled, rings"],
  ["speaking", "speaking"],
  ["parked", "on hold"],
  ["transferred", "connected"],
];
const AGENT_STATES = ["idle", "ringing", "speaking", "paused", "offline"];

class Wallboard {
  #state = nothing();
  #live = false;
  #lostAt = null;
  #statistics = null;
  #timer = null;

  constructor(api, clock) {
    Object.assign(this, { api, clock });
    the("sign-out").addEventListener("click", () => signOut());
    new ResizeObserver(() => this.#draw()).observe(the("chart"));
  }

  start() {
    this.lost(null);
    new Connection(this.api, this).start();
    setInterval(() => this.#readSoon(), READ_AGAIN_MS);
    this.#tick();
  }

  snapshot(lists) {
    this.#state = loaded(this.#state, lists);
    this.#show();
  }

  event(event) {
    this.#state = folded(this.#state, event);
    if (["call_hangup", "call_state", "queue_join"].includes(event.event)) this.#readSoon();
    this.#show();
  }

  isTrue() {
    this.#live = true;
    this.#lostAt = null;
    document.body.classList.remove("lost");
    the("banner").hidden = true;
    this.#show();
    this.#readStatistics();
  }

  lost(refused) {
    this.#live = false;
    this.#lostAt ??= this.clock.now();
    document.body.classList.add("lost");
    the("banner").hidden = false;
    const why = refused ? `${lossSentence(refused)} Trying again. What you see is old.` : "";
    setText(the("banner"), why || "Connecting …");
  }

  signedOut() {
    signOut("Your token is not valid any more.");
  }

  #readSoon() {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      if (this.#live) this.#readStatistics();
    }, GATHER_MS);
  }

  async #readStatistics() {
    try {
      this.#statistics = (await this.api.get("/call/statistics")).statistics;
      this.#draw();
      this.#show();
    } catch {
      // The stream notices by itself when the server is away.
    }
  }

  #draw() {
    if (this.#statistics) draw(the("chart"), this.#statistics);
  }

  #tick() {
    const now = this.clock.now();
    setText(the("wire-state"), this.#live ? "connected" : "not connected, as of");
    setText(the("wire-clock"), shownTime(this.#live ? now : this.#lostAt, true));
    this.#show();
    setTimeout(() => this.#tick(), 1000 - ((now * 1000) % 1000));
  }

  #show() {
    if (!this.#state.me) return;
    const waiting = queue(this.#state).filter((call) => call.state === "queued");
    this.#showWaiting(waiting, this.#live ? this.clock.now() : this.#lostAt);
    this.#showCalls([...this.#state.calls.values()]);
    this.#showAgents(answering(this.#state));
    if (this.#statistics) showDay(this.#statistics.total);
  }

  #showWaiting(waiting, now) {
    const oldest = [...waiting].sort((one, other) => one.arrival_time - other.arrival_time)[0];
    const age = oldest ? now - Number(oldest.arrival_time) : null;
    setText(the("waiting-figure"), String(waiting.length));
    setText(the("longest-figure"), oldest ? shownAge(age) : "–");
    setText(the("longest-who"), oldest ? organizationName(this.#state, oldest) : "nobody waits");
    const limits = oldest && this.#state.organizations.get(oldest.organization_id);
    const tone = age >= limits?.waiting_red ? "red" : age >= limits?.waiting_amber ? "amber" : null;
    setAttribute(the("longest"), "data-wait", tone);
    document.title = waiting.length ? `(${waiting.length}) fsapp wallboard` : "fsapp wallboard";
  }

  #showCalls(calls) {
    setText(the("calls-count"), String(calls.length));
    counts(
      the("calls-list"),
      CALL_STATES.map(([state, word]) => ({
        word,
        count: calls.filter((call) => call.state === state).length,
      })),
    );
  }

  #showAgents(agents) {
    setText(the("agents-count"), String(agents.length));
    const named = (state) =>
      agents.filter((agent) => agent.state === state).map((agent) => agent.name);
    counts(
      the("agents-list"),
      AGENT_STATES.map((state) => ({
        word: state,
        count: named(state).length,
        names: named(state).sort().join(", "),
      })),
    );
  }
}

/** One line a state: how many, which state, who. The lines stay in their places. */
function counts(list, lines) {
  lines.forEach(({ word, count, names = "" }, place) => {
    list.children[place] ?? list.append(line());
    const row = list.children[place];
    setText(row.querySelector("b"), String(count));
    setText(row.querySelector("span"), word);
    setText(row.querySelector(".names"), names);
    setAttribute(row, "data-none", count === 0);
  });
}

const line = () => make("li", {}, make("b"), make("span"), make("span", { class: "names" }));

function showDay(total) {
  const share = (part) => (total.offered ? `${Math.round((100 * part) / total.offered)} %` : "");
  const waited = (seconds) => (seconds === null ? "–" : shownAge(seconds));
  setText(the("answered-figure"), String(total.answered));
  setText(the("answered-of"), `of ${total.offered} calls`);
  setText(the("abandoned-figure"), String(total.abandoned));
  setText(the("abandoned-of"), share(total.abandoned));
  setText(the("average-figure"), waited(total.waited_average));
  setText(the("average-longest"), `longest ${waited(total.waited_longest)}`);
}

const clock = new ServerClock();
signIn(clock, (api) => new Wallboard(api, clock).start());
