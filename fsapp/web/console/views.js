/**
 * The boxes that show calls: my call, the queue, on hold.
 *
 * The law of this file: a button is there exactly when the call's `can` has its verb. Where it is
 * not, its place stays empty, so that nothing slides under a pointer.
 */

import { shownAge } from "./clock.js";
import { CalmList, keepScrollable, make, setAttribute, setText, the } from "./dom.js";
import { current, holds, next, queue } from "./state.js";
import { currentStatus, organizationName, party } from "./words.js";

const RECALL_SOON = 30;
const LONG_NAME = 26;

/** Shows or hides a button; one that has the focus is only marked, until the focus has left. */
export function offer(button, allowed) {
  const kept = !allowed && button === document.activeElement;
  setAttribute(button, "data-offered", allowed || kept ? null : "no");
  setAttribute(button, "aria-disabled", kept ? "true" : null);
}

const may = (call, verb) => Boolean(call?.can?.includes(verb));

/** A button of a row: what it says, what it does with the row's call. */
function rowButton(word, key, act) {
  const button = make("button", { type: "button", class: `small ${key}` }, word);
  button.addEventListener("click", () => {
    if (button.getAttribute("aria-disabled") !== "true") act(button.closest("li").dataset.call);
  });
  return button;
}

export class MyCall {
  constructor(desk) {
    this.desk = desk;
    the("park").addEventListener("click", () => desk.verbs.park("my-call"));
    the("transfer").addEventListener("click", () => desk.verbs.transfer("my-call"));
    the("end").addEventListener("click", () => desk.verbs.end("my-call"));
  }

  show(state, now) {
    const call = current(state);
    the("call-shown").hidden = call === null;
    the("call-none").hidden = call !== null;
    if (call) this.#fill(state, call, now);
    else this.#empty(state);
    offer(the("park"), this.desk.live && may(call, "park"));
    offer(the("end"), this.desk.live && may(call, "hangup"));
    const connectable = holds(state).some((held) => may(held, "transfer"));
    offer(the("transfer"), this.desk.live && connectable);
  }

  #empty(state) {
    setText(the("call-none"), nothingSaid(state));
    for (const id of ["organization", "greeting", "party", "status", "age"]) {
      setText(the(`call-${id}`), "");
    }
  }

  #fill(state, call, now) {
    const [status, since] = currentStatus(call, state.me);
    const name = organizationName(state, call);
    setText(the("call-organization"), name);
    setAttribute(the("call-organization"), "data-long", name.length > LONG_NAME);
    const greeting = state.organizations.get(call.organization_id)?.greeting ?? "";
    setText(the("call-greeting"), call.inbound && greeting ? `“${greeting}”` : "");
    const direction = call.inbound ? "from" : "to";
    setText(the("call-party"), `${direction} ${party(call, this.desk.names)}`);
    keepScrollable(the("call-shown"));
    setText(the("call-status"), status);
    setText(the("call-age"), shownAge(now - since));
    setAttribute(the("my-call"), "data-state", call.state);
  }
}

function nothingSaid(state) {
  if (state.me?.state === "paused") return "No call. You are paused.";
  return next(state) ? "No call. Somebody is waiting." : "No call.";
}

export class Queue {
  constructor(desk) {
    this.desk = desk;
    the("next").addEventListener("click", () => desk.verbs.next("queue"));
    this.list = new CalmList(the("queue-list"), {
      row: (id) => this.#row(id),
      update: (row, item) => this.#update(row, item),
      gone: (row) => gone(row, "gone"),
    });
  }

  show(state, now) {
    const waiting = queue(state);
    const queued = waiting.filter((call) => call.state === "queued");
    this.list.show(waiting.map((call, place) => ({ id: call.id, call, place, state, now })));
    setText(the("queue-count"), String(queued.length));
    const oldest = Math.min(...queued.map((call) => Number(call.arrival_time)));
    setText(the("queue-oldest"), queued.length ? `longest wait ${shownAge(now - oldest)}` : "");
    the("queue-none").hidden = waiting.length > 0;
    const free = current(state) === null && state.me?.state !== "paused";
    offer(the("next"), this.desk.live && next(state) !== null && free);
  }

  #row(id) {
    const pickup = rowButton("Pick up", "pickup", (call) => this.desk.verbs.pickup("queue", call));
    return make(
      "li",
      { "data-call": id, class: "waiting" },
      make("kbd", { class: "number" }),
      make("span", { class: "what" }, make("b"), make("span", { class: "muted" })),
      make("span", { class: "age" }),
      make("span", { class: "acts" }, pickup),
    );
  }

  #update(row, { call, place, state, now }) {
    const greeting = call.state === "created";
    const age = now - Number(call.arrival_time);
    const name = organizationName(state, call);
    const number = !greeting && place < 9 && this.desk.bindings.on ? String(place + 1) : "";
    revive(row);
    setText(row.querySelector(".number"), number);
    setText(row.querySelector("b"), name);
    setText(row.querySelector(".what .muted"), party(call));
    setText(row.querySelector(".age"), greeting ? "greeting" : shownAge(age));
    setAttribute(row, "data-wait", greeting ? null : waitClass(state, call, age));
    const button = row.querySelector("button");
    setAttribute(button, "aria-label", `Pick up ${name}, ${party(call)}`);
    offer(button, this.desk.live && may(call, "pickup"));
  }
}

function waitClass(state, call, age) {
  const limits = state.organizations.get(call.organization_id);
  if (age >= (limits?.waiting_red ?? 60)) return "red";
  return age >= (limits?.waiting_amber ?? 30) ? "amber" : null;
}

export class Holds {
  constructor(desk) {
    this.desk = desk;
    this.list = new CalmList(the("hold-list"), {
      row: (id) => this.#row(id),
      update: (row, item) => this.#update(row, item),
      gone: (row) => gone(row, "gone"),
    });
  }

  show(state, now) {
    const held = holds(state);
    this.list.show(held.map((call) => ({ id: call.id, call, state, now })));
    setText(the("hold-count"), held.length ? String(held.length) : "");
    the("hold-none").hidden = held.length > 0;
  }

  #row(id) {
    const verbs = this.desk.verbs;
    return make(
      "li",
      { "data-call": id },
      make("kbd", { class: "number" }),
      make(
        "span",
        { class: "what" },
        make("b"),
        make("span", { class: "recall" }),
        make("span", { class: "muted" }),
      ),
      make("span", { class: "age" }),
      make(
        "span",
        { class: "acts" },
        // One place for the two: she may take a call back, or connect it, never both at once.
        make(
          "span",
          { class: "either" },
          rowButton("Connect", "transfer", (call) => verbs.transfer("on-hold", call)),
          rowButton("Take back", "unpark", (call) => verbs.back("on-hold", call)),
        ),
        rowButton("End", "hangup", (call) => verbs.end("on-hold", call)),
      ),
    );
  }

  #update(row, { call, state, now }) {
    const name = organizationName(state, call);
    const { on, modifiers } = this.desk.bindings;
    const key = on && modifiers.back !== "off" ? call.letter.toUpperCase() : "";
    revive(row);
    setText(row.querySelector(".number"), key && modifiers.back === "Shift" ? `⇧${key}` : key);
    setText(row.querySelector("b"), name);
    setText(row.querySelector(".what .muted"), party(call, this.desk.names));
    setText(row.querySelector(".age"), shownAge(now - Number(call.parked_at)));
    this.#recall(row, call, now);
    for (const verb of ["unpark", "transfer", "hangup"]) {
      const button = row.querySelector(`.${verb}`);
      const word = button.textContent;
      setAttribute(button, "aria-label", `${word} ${name}, ${party(call, this.desk.names)}`);
      offer(button, this.desk.live && may(call, verb));
    }
  }

  /** Says that the call is about to come back by itself, or that it has. */
  #recall(row, call, now) {
    const left = call.recall_at ? Math.ceil(Number(call.recall_at) - now) : Infinity;
    const soon = left <= RECALL_SOON;
    setText(row.querySelector(".recall"), soon ? `back in ${Math.max(0, left)} s` : "");
    setAttribute(row, "data-wait", soon ? "red" : null);
  }
}

/** A row whose call is gone, kept in its place because somebody points at it. */
function gone(row, word) {
  row.classList.add("gone");
  setText(row.querySelector(".number"), "");
  setText(row.querySelector(".age"), word);
  setAttribute(row, "data-wait", null);
  for (const button of row.querySelectorAll("button")) offer(button, false);
}

const revive = (row) => row.classList.remove("gone");
