/** The receptionist's console: puts connection, state, views, keys and sounds together. */

import { Announcer } from "./announce.js";
import { ServerClock, shownTime } from "./clock.js";
import { Connection } from "./connection.js";
import { Dial } from "./dial.js";
import { anyOpen, Help, Pause, Which } from "./dialogs.js";
import { setAttribute, setText, the } from "./dom.js";
import * as keys from "./keys.js";
import { Colleagues, Recent } from "./people.js";
import { signIn, signOut } from "./sign_in.js";
import { Sounds } from "./sounds.js";
import { current, folded, holds, loaded, nothing, queue, remembered } from "./state.js";
import { Verbs } from "./verbs.js";
import { Holds, MyCall, Queue } from "./views.js";
import {
  agentStatus,
  currentStatus,
  lossSentence,
  organizationName,
  party,
  queueSpoken,
} from "./words.js";

/** A digit pressed this soon after the queue has changed means the queue as it was before. */
const REACTION_MS = 700;

/** What her call is changes in several events, and a refusal may overtake them. */
const SETTLE_MS = 150;

class Desk {
  /** What the views, verbs and dialogs read. */
  state = nothing();
  live = false;
  names = new Map();
  bindings = keys.load();

  #queue = [];
  #queueBefore = [];
  #queueChanged = 0;
  #heardOf = new Set();
  #wasCurrent = "";
  #last;
  #settling = null;

  constructor(api, clock) {
    Object.assign(this, { api, clock });
    this.announcer = new Announcer(() =>
      queueSpoken(this.state, this.#queued(), this.clock.now()),
    );
    this.sounds = new Sounds();
    this.verbs = new Verbs(this);
    this.which = new Which(this);
    this.help = new Help(this, this.sounds);
    this.pause = new Pause(this);
    this.dial = new Dial(this);
    this.views = [
      new MyCall(this),
      new Queue(this),
      new Holds(this),
      new Colleagues(),
      new Recent(this, (number) => this.dial.focus(number)),
    ];
    document.addEventListener("keydown", (event) => this.#key(event));
    document.addEventListener("click", letGo, { capture: true });
    document.addEventListener("focusout", () => queueMicrotask(() => this.#show()));
    this.rebind(this.bindings);
  }

  start() {
    this.connection = new Connection(this.api, this);
    this.connection.start();
    the("boxes").focus();
    this.#lose("Connecting …");
    this.#tick();
  }

  /** Says it aloud, after what has happened before it. */
  say(sentence) {
    if (this.#settling !== null) this.#speakNow();
    this.announcer.now(sentence);
  }

  askWhich(sources) {
    this.which.ask(sources);
  }

  signOut() {
    this.connection.stop();
    signOut();
  }

  rebind(bindings) {
    this.bindings = bindings;
    for (const badge of document.querySelectorAll("[data-keys]")) {
      const [first] = keys.shown(bindings, badge.dataset.keys);
      setText(badge, first ?? "");
      badge.hidden = !first;
    }
    this.#show();
  }

  // What the connection tells.

  snapshot(lists) {
    this.state = loaded(this.state, lists);
    for (const call of queue(this.state)) this.#heardOf.add(call.id);
    this.#changed();
  }

  event(event) {
    this.state = folded(this.state, event);
    this.#sound(event);
    this.#changed();
  }

  isTrue() {
    const again = this.lostAt !== null;
    this.live = true;
    this.lostAt = null;
    document.body.classList.remove("lost");
    the("banner").hidden = true;
    if (again) this.announcer.now("Connected. The picture is true.");
    this.#wasCurrent = this.#currentSpoken();
    this.#last = current(this.state) ?? this.#last;
    this.announcer.queue();
    this.#show();
    this.#readHistory();
  }

  lost(refused) {
    this.#lose(`${lossSentence(refused)} Trying again. What you see is old.`);
  }

  signedOut() {
    signOut("Your token is not valid any more.");
  }

  #lose(sentence) {
    const first = this.live || this.lostAt === undefined;
    this.live = false;
    this.lostAt ??= this.clock.now();
    document.body.classList.add("lost");
    the("banner").hidden = false;
    setText(the("banner"), sentence);
    if (first) this.announcer.now(sentence);
    this.#show();
  }

  async #readHistory() {
    try {
      const { calls } = await this.api.get("/call/history", { limit: 20 });
      this.state = remembered(this.state, calls);
      this.#show();
    } catch {
      // Recent calls are a help, not a need.
    }
  }

  // What follows from a change.

  #changed() {
    const shown = this.#queued().map((call) => call.id);
    if (shown.join() !== this.#queue.join()) {
      if (Date.now() - this.#queueChanged > REACTION_MS) this.#queueBefore = this.#queue;
      this.#queue = shown;
      this.#queueChanged = Date.now();
      if (this.live) this.announcer.queue();
    }
    this.#speakOfCurrent();
    this.#show();
  }

  /** Who can be counted: not those who still hear a greeting. */
  #queued() {
    return queue(this.state).filter((call) => call.state === "queued");
  }

  #sound({ event, call }) {
    if (event !== "queue_join" || this.#heardOf.has(call.id)) return;
    this.#heardOf.add(call.id);
    const idle = !current(this.state) && this.state.me?.state !== "paused";
    if (this.live && idle) this.sounds.newCall();
  }

  /** Once it has settled: what passes by at once, as a phone that is busy, has its own word. */
  #speakOfCurrent() {
    this.#last = current(this.state) ?? this.#last;
    this.#settling ??= setTimeout(() => this.#speakNow(), SETTLE_MS);
  }

  #speakNow() {
    clearTimeout(this.#settling);
    this.#settling = null;
    const said = this.#currentSpoken();
    if (this.live && said !== this.#wasCurrent) {
      const words = said || this.#withoutCall();
      if (words) this.announcer.now(words);
    }
    this.#wasCurrent = said;
  }

  /** What became of the call she had. A pickup that failed has said so itself. */
  #withoutCall() {
    const now = this.state.calls.get(this.#last?.id);
    if (!now) return "Your call is over.";
    if (now.state === "transferred") return "The two are connected.";
    return this.#last.state === "speaking" ? "Your caller is back in the queue." : "";
  }

  #currentSpoken() {
    const call = current(this.state);
    if (!call) {
      const count = holds(this.state).length;
      return count ? `No call, ${count} on hold.` : "";
    }
    const [status] = currentStatus(call, this.state.me);
    return `${status}: ${organizationName(this.state, call)}, ${party(call, this.names)}.`;
  }

  // What is shown.

  #show() {
    if (!this.state.me) return;
    const now = this.live ? this.clock.now() : this.lostAt;
    for (const view of this.views) view.show(this.state, now);
    this.#showMe(now);
    const count = this.#queue.length;
    const title = this.live ? (count ? `(${count}) fsapp` : "fsapp") : "not connected – fsapp";
    if (document.title !== title) document.title = title;
  }

  #showMe(now) {
    const { me } = this.state;
    const [status, since] = agentStatus(me, now);
    setText(the("me-name"), me.name);
    setText(the("me-phone"), me.phone.split("/").pop());
    setText(the("me-state"), status);
    setAttribute(the("me-state"), "data-state", me.state);
    setText(the("me-since"), since);
    this.pause.show(me);
  }

  #tick() {
    const now = this.clock.now();
    setText(the("wire-state"), this.live ? "connected" : "not connected, as of");
    setText(the("wire-clock"), shownTime(this.live ? now : this.lostAt, true));
    this.#show();
    setTimeout(() => this.#tick(), 1000 - ((now * 1000) % 1000));
  }

  // What she presses.

  #key(event) {
    if (event.defaultPrevented || event.repeat || event.isComposing || anyOpen()) return;
    if (event.key === "Escape") return this.#escape();
    if (event.target.matches("input, textarea, select")) return;
    const pressed = keys.found(this.bindings, event);
    if (!pressed) return;
    const own = event.target.closest("button, a, summary") !== null;
    if (own && ["Enter", " "].includes(event.key)) return;
    event.preventDefault();
    this.#do(pressed);
  }

  #do({ action, argument }) {
    const acts = {
      next: () => this.verbs.next("queue"),
      pickup: () => this.#pickupAt(Number(argument)),
      back: () => this.#backOf(argument),
      park: () => this.verbs.park("my-call"),
      transfer: () => this.verbs.transfer("my-call"),
      end: () => this.verbs.end("my-call"),
      dial: () => this.dial.focus(),
      pause: () => this.pause.toggle(),
      help: () => this.help.open(),
    };
    acts[action]();
  }

  #pickupAt(place) {
    const recent = Date.now() - this.#queueChanged < REACTION_MS;
    const seen = recent && this.#queueBefore.length ? this.#queueBefore : this.#queue;
    const id = seen[place - 1] ?? this.#queue[place - 1];
    if (!id) return this.verbs.say("queue", `There is no caller ${place}.`);
    return this.verbs.pickup("queue", id);
  }

  #backOf(letter) {
    const call = holds(this.state).find((held) => held.letter === letter);
    if (!call) return this.verbs.say("on-hold", `Nobody is on hold as ${letter.toUpperCase()}.`);
    return this.verbs.back("on-hold", call.id);
  }

  /** Leaves the field; outside of it, stops what is being dialled. */
  #escape() {
    if (document.activeElement === this.dial.field) return this.dial.leave();
    const call = current(this.state);
    const dialling = call && !call.inbound && call.state !== "speaking";
    if (dialling && call.can?.includes("hangup")) this.verbs.end("my-call", call.id);
    return undefined;
  }
}

/** A button pressed by pointer does not keep the focus: it would hold its list still for good, and
 * take the next Space for itself. In a dialog it does, as everywhere. */
function letGo(event) {
  if (event.detail > 0) event.target.closest(".bar button, .boxes button")?.blur();
}

const clock = new ServerClock();
signIn(clock, (api) => new Desk(api, clock).start());
