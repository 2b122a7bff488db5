/**
 * The dial field: a number, or the beginning of a name with its matches.
 *
 * A combobox as the ARIA practices describe it: the focus stays in the field, the arrows choose.
 * Enter dials what is marked; a number that is typed out is dialled as it stands.
 */

import { anyOpen } from "./dialogs.js";
import { make, setAttribute, setText, the } from "./dom.js";
import { current, holds } from "./state.js";
import { organizationName } from "./words.js";

const NUMBER = /^[0-9*#+]{1,32}$/;
const PUNCTUATION = /[\s()/.-]/g;
const TYPING_MS = 120;

export class Dial {
  #matches = [];
  #chosen = -1;
  #timer = null;
  #asked = 0;

  constructor(desk) {
    this.desk = desk;
    this.field = the("dial-field");
    this.field.addEventListener("input", () => this.#typed());
    this.field.addEventListener("keydown", (event) => this.#key(event));
    the("dial-form").addEventListener("submit", (event) => this.#submit(event));
    the("matches").addEventListener("click", (event) => this.#clicked(event));
    // Pressing a match must not take the focus from the field: the matches go with it.
    the("matches").addEventListener("pointerdown", (event) => event.preventDefault());
    the("matches").addEventListener("mousedown", (event) => event.preventDefault());
    this.field.addEventListener("focus", () => this.#open());
    this.field.addEventListener("blur", () => this.#open());
  }

  /** Puts the focus, and perhaps a number, into the field. */
  focus(number = null) {
    if (number !== null) {
      this.field.value = number;
      this.#typed();
    }
    this.field.focus();
    this.field.select();
  }

  /** Empties and leaves the field. */
  leave() {
    this.#clear();
    this.field.blur();
  }

  #clear() {
    this.field.value = "";
    this.#show([]);
  }

  #typed() {
    clearTimeout(this.#timer);
    const text = this.field.value.trim();
    if (text === "") this.#show([]);
    else this.#timer = setTimeout(() => this.#search(text), TYPING_MS);
  }

  async #search(text) {
    const asked = ++this.#asked;
    const first = organizationAtHand(this.desk.state);
    try {
      const found = await this.desk.api.get("/contact", {
        q: text,
        ...(first !== null && { organization_id: first }),
      });
      // Answers may overtake each other, and she may have typed on.
      const current = asked === this.#asked && this.field.value.trim() === text;
      if (current) this.#show(found.contacts, text);
    } catch {
      if (asked !== this.#asked) return;
      this.#show([]);
      setText(the("dial-hint"), NO_ANSWER);
    }
  }

  #show(contacts, text = "") {
    this.#matches = contacts;
    this.#chosen = contacts.length && !this.#number() ? 0 : -1;
    const options = contacts.map((contact, place) => this.#option(contact, place));
    the("matches").replaceChildren(...options);
    this.#open();
    const none = text && !contacts.length && !this.#number();
    setText(the("dial-hint"), none ? NO_MATCH : "");
    this.#mark();
  }

  /** The matches lie over what is below the field, as long as she is in it. */
  #open() {
    const open = this.#matches.length > 0 && document.activeElement === this.field;
    the("matches").hidden = !open;
    setAttribute(this.field, "aria-expanded", String(open));
  }

  #option(contact, place) {
    return make(
      "li",
      { role: "option", id: `match-${place}`, "data-place": place },
      make("b", {}, contact.name),
      make("span", { class: "age" }, contact.number),
      make("span", { class: "muted" }, organizationName(this.desk.state, contact)),
    );
  }

  #mark() {
    const options = [...the("matches").children];
    options.forEach((option, place) => {
      setAttribute(option, "aria-selected", String(place === this.#chosen));
    });
    options[this.#chosen]?.scrollIntoView({ block: "nearest" });
    const active = this.#chosen >= 0 ? `match-${this.#chosen}` : null;
    setAttribute(this.field, "aria-activedescendant", active);
  }

  #key(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || this.#matches.length === 0) return;
    event.preventDefault();
    const count = this.#matches.length;
    this.#chosen = (this.#chosen + step + count) % count;
    this.#mark();
  }

  #clicked(event) {
    const option = event.target.closest("[role=option]");
    if (option) this.#dial(this.#matches[Number(option.dataset.place)]);
  }

  async #submit(event) {
    event.preventDefault();
    const number = this.#number();
    if (this.#chosen >= 0) return this.#dial(this.#matches[this.#chosen]);
    if (number) return this.#dial({ number });
    const text = this.field.value.trim();
    // Enter may come before the matches do.
    if (text) await this.#search(text);
    if (this.#matches.length === 1) return this.#dial(this.#matches[0]);
    const why = text ? "Choose a match, or type a number." : "Type a name or a number.";
    return this.desk.verbs.say("dial", why);
  }

  /** The field as a number to dial, without what people write between digits; "" if it is none. */
  #number() {
    const number = this.field.value.replace(PUNCTUATION, "");
    return NUMBER.test(number) ? number : "";
  }

  async #dial(contact) {
    const { cm_id, number } = contact;
    const target = cm_id === undefined ? { extension: number } : { cm_id };
    if (contact.name) this.desk.names.set(contact.number, contact.name);
    const typed = this.field.value;
    // The other phone rings before the request has its answer: until then, too, keys are verbs.
    this.leave();
    if (!(await this.desk.verbs.dial("dial", target))) this.#putBack(typed);
  }

  /** What could not be dialled, unless she has gone on to something else. */
  #putBack(typed) {
    if (this.field.value !== "" || anyOpen()) return;
    this.field.value = typed;
    this.#typed();
    if (document.activeElement === document.body) this.field.focus();
  }
}

const NO_MATCH = "No contact begins with that.";
const NO_ANSWER = "Contacts cannot be searched just now.";

/** For whom she dials: whoever was put on hold last, or is on the line; null when nobody is. */
function organizationAtHand(state) {
  const held = holds(state).sort((one, other) => other.parked_at - one.parked_at);
  return (held[0] ?? current(state))?.organization_id ?? null;
}
