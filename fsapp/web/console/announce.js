/**
 * What a screen reader says without being asked.
 *
 * The law of this file: two regions and no more. Polite: the queue, at most once a second.
 * Assertive: what concerns her own call, refusals, and the connection.
 */

import { setText, the } from "./dom.js";

const GATHER_MS = 1_000;

export class Announcer {
  #timer = null;
  #said = "";

  /** `compose()` answers the queue's sentence at the moment it is said. */
  constructor(compose) {
    this.compose = compose;
  }

  /** The queue has changed. */
  queue() {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      setText(the("polite"), this.compose());
    }, GATHER_MS);
  }

  /** Now, before anything else. The same words twice are said twice. */
  now(sentence) {
    const same = sentence === this.#said;
    this.#said = same ? `${sentence}\u00a0` : sentence;
    setText(the("assertive"), this.#said);
  }
}
