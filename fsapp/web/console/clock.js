/**
 * The server's clock, seen from here: ages are counted by it, because this machine's may be wrong.
 *
 * What was heard is never newer than the server's time, so the largest difference heard is the
 * best. An answer's Date has whole seconds, an event's timestamp has fractions.
 */

const FORGET_MS = 600_000;

export class ServerClock {
  #offset = null;
  #since = 0;

  constructor(local = () => Date.now()) {
    this.local = local;
  }

  /** Takes in a Date header, or seconds since 1970 as a number. */
  heard(time) {
    const at = typeof time === "number" ? time * 1000 : Date.parse(time ?? "");
    if (!Number.isFinite(at)) return;
    const offset = at - this.local();
    const stale = this.local() - this.#since > FORGET_MS;
    if (this.#offset === null || offset > this.#offset || stale) {
      this.#offset = offset;
      this.#since = this.local();
    }
  }

  /** Seconds since 1970 by the server. */
  now() {
    return (this.local() + (this.#offset ?? 0)) / 1000;
  }
}

/** "1:07", "2:03:04". */
export function shownAge(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (number) => String(number).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/** "2 minutes 1 second", for the ear. */
export function spokenAge(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const count = (number, word) => `${number} ${word}${number === 1 ? "" : "s"}`;
  const parts = [];
  if (whole >= 60) parts.push(count(Math.floor(whole / 60), "minute"));
  if (whole % 60 || whole < 60) parts.push(count(whole % 60, "second"));
  return parts.join(" ");
}

/** "14:05" of seconds since 1970, in this place's time. */
export function shownTime(seconds, withSeconds = false) {
  const second = withSeconds ? "2-digit" : undefined;
  return new Date(seconds * 1000).toLocaleTimeString([], {
    hour: "2-digit",
    minute: "2-digit",
    second,
    hour12: false,
  });
}
