/**
 * Which key does what, and how a user changes it (WCAG 2.1.4: single keys can be switched off and
 * remapped). Remembered in this browser.
 *
 * A chord is written as "p", "Shift+p", "Alt+p", "Space", "Enter", "?". Of letters the case does
 * not count, the Shift key does; of other signs only the sign.
 */

const STORED = "fsapp.keys";
const MODIFIERS = ["", "Shift", "Alt", "off"];

/** Every action; those with a family take a digit or a letter that says which call. */
export const ACTIONS = [
  { id: "next", label: "Next call", keys: ["Space", "Enter"] },
  { id: "pickup", label: "Pick up the caller of that number", family: "digit", modifier: "" },
  { id: "park", label: "Put your call on hold", keys: ["p"] },
  { id: "back", label: "Take that call back from hold", family: "letter", modifier: "Shift" },
  { id: "transfer", label: "Connect a call on hold with your call", keys: ["t"] },
  { id: "end", label: "End your call", keys: ["e"] },
  { id: "dial", label: "Go to the dial field", keys: ["d", "/"] },
  { id: "pause", label: "Pause, or come back", keys: ["w"] },
  { id: "help", label: "This list", keys: ["?"] },
];

export const defaults = () => ({
  on: true,
  keys: Object.fromEntries(
    ACTIONS.filter((action) => action.keys).map((action) => [action.id, [...action.keys]]),
  ),
  modifiers: Object.fromEntries(
    ACTIONS.filter((action) => action.family).map((action) => [action.id, action.modifier]),
  ),
});

/** The chord of a key event; "" for a mere modifier, or with Ctrl or Meta, the browser's own. */
export function chord(event) {
  if (event.ctrlKey || event.metaKey || ["Shift", "Alt", "AltGraph"].includes(event.key)) return "";
  const alt = event.altKey ? "Alt+" : "";
  if (event.key === " ") return `${alt}Space`;
  if (/^\p{L}$/u.test(event.key)) {
    return `${alt}${event.shiftKey ? "Shift+" : ""}${event.key.toLowerCase()}`;
  }
  const sign = event.key.length === 1;
  return `${alt}${event.shiftKey && !sign ? "Shift+" : ""}${event.key}`;
}

/** What a key event asks for: `{action, argument}`, or null. */
export function found(bindings, event) {
  if (!bindings.on) return null;
  const pressed = chord(event);
  if (pressed === "") return null;
  for (const [action, chords] of Object.entries(bindings.keys)) {
    if (chords.includes(pressed)) return { action, argument: null };
  }
  return ofFamily(bindings, event);
}

function ofFamily(bindings, event) {
  const held = event.altKey ? "Alt" : event.shiftKey ? "Shift" : "";
  const digit = /^(?:Digit|Numpad)([1-9])$/.exec(event.code ?? "")?.[1];
  const letter = /^Key([A-F])$/.exec(event.code ?? "")?.[1]?.toLowerCase();
  if (digit && bindings.modifiers.pickup === held) return { action: "pickup", argument: digit };
  if (letter && bindings.modifiers.back === held) return { action: "back", argument: letter };
  return null;
}

/** The bindings with `pressed` as the one key of `action`, taken from whoever had it. */
export function rebound(bindings, action, pressed) {
  const without = (chords) => chords.filter((one) => one !== pressed);
  const keys = Object.fromEntries(
    Object.entries(bindings.keys).map(([id, chords]) => [id, without(chords)]),
  );
  keys[action] = pressed ? [pressed] : [];
  return { ...bindings, keys };
}

/** The next choice of a family's modifier: none, Shift, Alt, off. */
export const modifierAfter = (modifier) =>
  MODIFIERS[(MODIFIERS.indexOf(modifier) + 1) % MODIFIERS.length];

/** How the keys of an action are shown, most important first; empty when there is none. */
export function shown(bindings, id) {
  if (!bindings.on) return [];
  const action = ACTIONS.find((one) => one.id === id);
  if (!action.family) return (bindings.keys[id] ?? []).map(pretty);
  const modifier = bindings.modifiers[id];
  if (modifier === "off") return [];
  const range = action.family === "digit" ? "1 … 9" : "A … F";
  return [modifier ? `${modifier} ${range}` : range];
}

/** One chord for people: "Shift A", "P", "Space". */
export function pretty(chordText) {
  const parts = chordText === "+" ? ["+"] : chordText.split(/\+(?=.)/);
  return parts.map((part) => (part.length === 1 ? part.toUpperCase() : part)).join(" ");
}

export function load() {
  try {
    const stored = JSON.parse(localStorage.getItem(STORED)) ?? {};
    const usual = defaults();
    return {
      on: stored.on ?? usual.on,
      keys: { ...usual.keys, ...stored.keys },
      modifiers: { ...usual.modifiers, ...stored.modifiers },
    };
  } catch {
    return defaults();
  }
}

export function store(bindings) {
  try {
    localStorage.setItem(STORED, JSON.stringify(bindings));
  } catch {
    // No storage in this browser: they hold until the page is closed.
  }
}
