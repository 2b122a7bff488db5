/** The boxes that show who is here and what has been: colleagues, recent calls. */

import { shownAge, shownTime } from "./clock.js";
import { CalmList, make, setAttribute, setText, the } from "./dom.js";
import { colleagues } from "./state.js";
import { agentStatus, organizationName, outcome, shortParty } from "./words.js";

const DIALLABLE = /^[0-9*#+]{1,32}$/;
const SHOWN_RECENT = 12;
const LONG = 36;

export class Colleagues {
  constructor() {
    this.list = new CalmList(the("colleague-list"), {
      row: () =>
        make(
          "li",
          {},
          make(
            "span",
            { class: "what" },
            make("b"),
            make("span", { class: "muted role" }),
            make("span", { class: "agent-state" }),
          ),
          make("span", { class: "age" }),
        ),
      update: (row, { agent, now }) => {
        const [status, since] = agentStatus(agent, now);
        setText(row.querySelector("b"), agent.name);
        const whole = `${agent.name}: ${status}`;
        setAttribute(row, "title", whole.length > LONG ? whole : null);
        setText(row.querySelector(".role"), agent.role === "agent" ? "" : agent.role);
        setText(row.querySelector(".agent-state"), status);
        setAttribute(row.querySelector(".agent-state"), "data-state", agent.state);
        setText(row.querySelector(".age"), since);
      },
    });
  }

  show(state, now) {
    const others = colleagues(state);
    this.list.show(others.map((agent) => ({ id: agent.id, agent, now })));
    the("colleague-none").hidden = others.length > 0;
  }
}

export class Recent {
  /** `dial(number)` puts a number into the dial field. */
  constructor(desk, dial) {
    this.desk = desk;
    this.dial = dial;
    this.list = new CalmList(the("recent-list"), {
      row: (id) => this.#row(id),
      update: (row, item) => this.#update(row, item),
    });
  }

  show(state) {
    const ended = state.recent.slice(0, SHOWN_RECENT);
    this.list.show(ended.map((call) => ({ id: call.id, call, state })));
    the("recent-none").hidden = ended.length > 0;
  }

  #row(id) {
    const again = make("button", { type: "button", class: "small again" }, "Dial");
    again.addEventListener("click", () => this.dial(again.dataset.number));
    return make(
      "li",
      { "data-call": id },
      make("time", { class: "age" }),
      make("span", { class: "what" }, make("b"), make("span", { class: "muted" })),
      make("span", { class: "outcome" }),
      make("span", { class: "acts" }, again),
    );
  }

  #update(row, { call, state }) {
    const number = call.inbound ? call.caller_id : call.destination;
    const who = shortParty(call, this.desk.names);
    setText(row.querySelector(".age"), shownTime(Number(call.ended_at)));
    setText(row.querySelector("b"), organizationName(state, call));
    setText(row.querySelector(".what .muted"), `${call.inbound ? "from" : "to"} ${who}`);
    setText(row.querySelector(".outcome"), ending(call));
    const button = row.querySelector("button");
    button.dataset.number = number;
    button.hidden = !DIALLABLE.test(number);
    setAttribute(button, "aria-label", `Dial ${who}`);
  }
}

/** How it went, with how long they spoke, or how long somebody waited who was missed. */
export function ending(call) {
  const [how, ended] = [outcome(call), Number(call.ended_at)];
  if (how === "missed") return `${how} after ${shownAge(ended - Number(call.arrival_time))}`;
  const spoken = call.bridged_at && ["answered", "transferred"].includes(how);
  return spoken ? `${how} ${shownAge(ended - Number(call.bridged_at))}` : how;
}
