/** What opens over the desk because she asked for it: keys and sound, which call, why a pause. */

import { make, setAttribute, setText, the } from "./dom.js";
import * as keys from "./keys.js";
import { organizationName, party } from "./words.js";

/** Whether one of them is open; then the desk's keys are silent. */
export const anyOpen = () => document.querySelector("dialog[open]") !== null;

export class Help {
  #waitingFor = null;

  /** `changed(bindings)` and `signOut()` are the desk's. */
  constructor(desk, sounds) {
    Object.assign(this, { desk, sounds });
    the("help").addEventListener("click", () => this.open());
    the("help-close").addEventListener("click", () => the("help-dialog").close());
    the("help-dialog").addEventListener("keydown", (event) => this.#pressed(event));
    the("help-dialog").addEventListener("close", () => (this.#waitingFor = null));
    the("keys-on").addEventListener("change", (event) => this.#switch(event.target.checked));
    the("keys-usual").addEventListener("click", () => this.#bind(keys.defaults(), "Usual keys."));
    the("sign-out").addEventListener("click", () => desk.signOut());
    for (const id of ["sound-on", "sound-volume"]) {
      the(id).addEventListener("change", () => this.#sound());
    }
    the("sound-try").addEventListener("click", () => this.sounds.play());
  }

  open() {
    the("keys-on").checked = this.desk.bindings.on;
    the("sound-on").checked = this.sounds.on;
    the("sound-volume").value = this.sounds.volume;
    setText(the("help-said"), "");
    this.#fill();
    the("help-dialog").showModal();
  }

  #fill() {
    the("help-keys").replaceChildren(...keys.ACTIONS.map((action) => this.#row(action)));
  }

  #row(action) {
    const all = { ...this.desk.bindings, on: true };
    const chords = keys.shown(all, action.id).map((chord) => make("kbd", {}, chord));
    const change = make(
      "button",
      { type: "button", class: "small", "aria-label": `Change the key of: ${action.label}` },
      "Change",
    );
    change.addEventListener("click", () => this.#change(action, change));
    return make(
      "tr",
      { "data-action": action.id },
      make("td", {}, action.label),
      make("td", {}, ...(chords.length ? chords : ["no key"])),
      make("td", {}, change),
    );
  }

  #change(action, button) {
    if (action.family) {
      const modifiers = { ...this.desk.bindings.modifiers };
      modifiers[action.id] = keys.modifierAfter(modifiers[action.id]);
      return this.#bind({ ...this.desk.bindings, modifiers }, "Changed.", action.id);
    }
    this.#waitingFor = action.id;
    setText(button, "Press it");
    return setText(the("help-said"), "Press the new key. Delete takes the key away, Esc keeps it.");
  }

  #pressed(event) {
    const action = this.#waitingFor;
    if (action === null || event.key === "Tab") return;
    const pressed = keys.chord(event);
    if (pressed === "" && event.key !== "Escape") return;
    event.preventDefault();
    event.stopPropagation();
    this.#waitingFor = null;
    if (event.key === "Escape") return this.#bind(this.desk.bindings, "Kept as it was.", action);
    const none = event.key === "Delete" || event.key === "Backspace";
    const bindings = keys.rebound(this.desk.bindings, action, none ? "" : pressed);
    const said = none ? "It has no key now." : `Its key is ${keys.pretty(pressed)} now.`;
    this.#bind(bindings, said, action);
  }

  /** Takes new bindings over and puts the focus back where it was. */
  #bind(bindings, said, action = null) {
    keys.store(bindings);
    this.desk.rebind(bindings);
    this.#fill();
    setText(the("help-said"), said);
    if (action) document.querySelector(`[data-action="${action}"] button`).focus();
  }

  #switch(on) {
    this.#bind({ ...this.desk.bindings, on }, on ? "Keys are on." : "Keys are off.");
  }

  #sound() {
    this.sounds.set(the("sound-on").checked, Number(the("sound-volume").value));
  }
}

/** Asks which of several calls on hold is meant; their letters choose. */
export class Which {
  constructor(desk) {
    this.desk = desk;
    const dialog = the("which-dialog");
    the("which-cancel").addEventListener("click", () => dialog.close());
    dialog.addEventListener("keydown", (event) => {
      const letter = event.key.toLowerCase();
      dialog.querySelector(`button[data-letter="${CSS.escape(letter)}"]`)?.click();
    });
  }

  ask(sources) {
    the("which-list").replaceChildren(...sources.map((call) => this.#choice(call)));
    the("which-dialog").showModal();
  }

  #choice(call) {
    const button = make(
      "button",
      { type: "button", class: "choice", "data-letter": call.letter },
      make("kbd", {}, call.letter.toUpperCase()),
      make("b", {}, organizationName(this.desk.state, call)),
      ` ${party(call, this.desk.names)}`,
    );
    button.addEventListener("click", () => {
      the("which-dialog").close();
      this.desk.verbs.transfer("my-call", call.id);
    });
    return make("li", {}, button);
  }
}

/** Pauses with a reason; coming back needs no question. */
export class Pause {
  constructor(desk) {
    this.desk = desk;
    the("pause").addEventListener("click", () => this.toggle());
    the("pause-cancel").addEventListener("click", () => the("pause-dialog").close());
    the("pause-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#pause(the("pause-reason").value.trim());
    });
    the("pause-usual").addEventListener("click", (event) => {
      const { reason } = event.target.dataset;
      if (reason) this.#pause(reason);
    });
  }

  toggle() {
    if (this.desk.state.me?.paused) {
      this.desk.verbs.resume();
    } else {
      the("pause-reason").value = "";
      the("pause-dialog").showModal();
    }
  }

  show(me) {
    setText(the("pause-label"), me.paused ? "Come back" : "Pause");
    setAttribute(the("pause"), "data-paused", me.paused ? "yes" : null);
  }

  #pause(reason) {
    the("pause-dialog").close();
    this.desk.verbs.pause(reason);
  }
}
