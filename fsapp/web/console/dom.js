/**
 * The few things this page does to its elements.
 *
 * The law of this file: text goes in as text, never as markup, and an element is touched only when
 * what it shows has changed: a screen reader, a selection and a focus stay where they are.
 */

/** A new element: `make("button", {type: "button", class: "x"}, "text", child…)`. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) setAttribute(element, name, value);
  element.append(...children);
  return element;
}

/** The element of this id. */
export const the = (id) => document.getElementById(id);

export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** `null` and `false` take the attribute away, `true` sets it without a value. */
export function setAttribute(element, name, value) {
  if (value === null || value === undefined || value === false) {
    if (element.hasAttribute(name)) element.removeAttribute(name);
  } else {
    const text = value === true ? "" : String(value);
    if (element.getAttribute(name) !== text) element.setAttribute(name, text);
  }
}

/** Makes scrolling possible by keyboard where there is something to scroll (WCAG 2.1.1), and marks
 * that there is more below. */
export function keepScrollable(element) {
  const below = element.scrollHeight - element.clientHeight - element.scrollTop;
  const overflows = element.scrollHeight > element.clientHeight + 1;
  setAttribute(element, "tabindex", overflows ? "0" : null);
  setAttribute(element, "data-more", overflows && below > 1);
}

/**
 * A list whose rows are made once per id and then only changed.
 *
 * While a pointer or the focus is in it nothing moves: what is gone stays in its place, marked as
 * gone, and what is new comes in at the end. When both have left, the list is put in order.
 */
export class CalmList {
  #rows = new Map();
  #items = [];

  /** `row(id)` makes an element, `update(element, item)` fills it, `gone(element)` marks it. */
  constructor(list, { row, update, gone = () => {} }) {
    Object.assign(this, { list, row, update, gone });
    list.addEventListener("pointerleave", () => this.#settle());
    list.addEventListener("focusout", () => queueMicrotask(() => this.#settle()));
    list.addEventListener("scroll", () => keepScrollable(list), { passive: true });
  }

  show(items) {
    this.#items = items;
    for (const item of items) {
      if (!this.#rows.has(item.id)) this.#append(item.id);
      this.update(this.#rows.get(item.id), item);
    }
    this.#settle();
  }

  #append(id) {
    const row = this.row(id);
    this.#rows.set(id, row);
    this.list.append(row);
  }

  get #held() {
    return this.list.matches(":hover") || this.list.contains(document.activeElement);
  }

  #settle() {
    const held = this.#held;
    const present = new Set(this.#items.map((item) => item.id));
    for (const [id, row] of this.#rows) {
      if (present.has(id)) continue;
      if (held) this.gone(row);
      else this.#drop(id, row);
    }
    if (!held) this.#order();
    keepScrollable(this.list);
  }

  #drop(id, row) {
    row.remove();
    this.#rows.delete(id);
  }

  #order() {
    const rows = this.#items.map((item) => this.#rows.get(item.id));
    rows.forEach((row, place) => {
      if (this.list.children[place] !== row) this.list.insertBefore(row, this.list.children[place]);
    });
  }
}
