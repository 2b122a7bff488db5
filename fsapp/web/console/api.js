/**
 * Requests to the server, with the agent's token.
 *
 * The law of this file: the token leaves this tab only in the Authorization header; it is kept in
 * sessionStorage, which ends with the tab.
 */

const STORED = "fsapp.token";
const PATIENCE_MS = 10_000;

/** A refusal as the server words it; `http` is 0 when there was no answer at all. */
export class Refused extends Error {
  constructor(http, document = {}, retryAfter = null) {
    super(document.description ?? "The server did not answer.");
    this.http = http;
    this.error = document.error ?? "no-answer";
    this.call = document.call ?? null;
    this.retryAfter = retryAfter;
  }
}

export const storedToken = () => sessionStorage.getItem(STORED);
export const storeToken = (token) => sessionStorage.setItem(STORED, token);
export const forgetToken = () => sessionStorage.removeItem(STORED);

export class Api {
  /** `clock` learns the server's time from every answer. */
  constructor(token, clock) {
    this.token = token;
    this.clock = clock;
  }

  /** The document of a GET; throws Refused. */
  get(path, parameters = {}) {
    const query = new URLSearchParams(parameters).toString();
    return this.#ask(query ? `${path}?${query}` : path, {
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
  }

  /** The document of a POST; throws Refused. Waits as long as the server does: a phone rings. */
  post(path, parameters = {}, headers = {}) {
    const body = new URLSearchParams(parameters);
    return this.#ask(path, { method: "POST", body, headers });
  }

  /** The response of an endless GET, once its headers are there; throws Refused. */
  async open(path, headers, signal) {
    const response = await this.#fetch(path, { headers, signal });
    if (!response.ok) throw await refusal(response);
    return response;
  }

  async #ask(path, options) {
    const response = await this.#fetch(path, options);
    if (!response.ok) throw await refusal(response);
    return response.json();
  }

  async #fetch(path, options) {
    const headers = { ...options.headers, Authorization: `Bearer ${this.token}` };
    try {
      const response = await fetch(path, { ...options, headers, cache: "no-store" });
      this.clock.heard(response.headers.get("Date"));
      return response;
    } catch (error) {
      if (options.signal?.aborted && error.name === "AbortError") throw error;
      throw new Refused(0);
    }
  }
}

async function refusal(response) {
  const retry = Number(response.headers.get("Retry-After"));
  let document = {};
  try {
    document = await response.json();
  } catch {
    // Not ours: a proxy in between, perhaps.
  }
  return new Refused(response.status, document, Number.isFinite(retry) && retry > 0 ? retry : null);
}
