/** Server-Sent Events out of text that arrives in pieces (the browser's own EventSource cannot
 * send an Authorization header). */

export class EventParser {
  #rest = "";
  #message = fresh();

  /** The messages completed by `text`: `{id, event, data}`; comments are dropped. */
  take(text) {
    const lines = (this.#rest + text).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop();
    return lines.map((line) => this.#line(line)).filter(Boolean);
  }

  #line(line) {
    if (line === "") return this.#complete();
    const colon = line.indexOf(":");
    if (colon === 0) return null;
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "data") this.#message.data.push(value);
    else if (name === "id" || name === "event") this.#message[name] = value;
    return null;
  }

  #complete() {
    const { id, event, data } = this.#message;
    this.#message = fresh();
    return event === "message" && data.length === 0 ? null : { id, event, data: data.join("\n") };
  }
}

const fresh = () => ({ id: null, event: "message", data: [] });
