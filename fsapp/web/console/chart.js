/**
 * The day's waiting times as a picture: one bar a quarter of an hour, drawn as inline SVG.
 *
 * The law of this file: no style attribute anywhere, only classes and geometry, so that a strict
 * Content-Security-Policy holds; the same figures stand beside it as a table for the ear.
 */

import { shownAge, shownTime } from "./clock.js";
import { make } from "./dom.js";

const SVG = "http://www.w3.org/2000/svg";
const MARGIN = { top: 26, right: 30, bottom: 26, left: 52 };
const HOUR = 3600;
const LEAST_HOURS = 8;
const LINES = 4;
const SCALES = [20, 40, 60, 120, 240, 480, 720, 1200, 2400, 3600, 7200, 14400];
const LANE = 12;

/** Draws `statistics` (docs/http.md, Statistics) into `place`, as large as that is. */
export function draw(place, statistics) {
  const frame = framed(place, statistics);
  const svg = shape("svg", { role: "img", "aria-label": summary(statistics.total) });
  svg.setAttribute("viewBox", `0 0 ${frame.width} ${frame.height}`);
  svg.append(...grid(frame), ...hours(frame), ...frame.steps.flatMap((step) => bar(frame, step)));
  if (statistics.total.offered === 0) svg.append(empty(frame));
  place.replaceChildren(svg, make("div", { class: "unseen" }, table(frame.steps)));
}

/** What the picture's coordinates are made of. */
function framed(place, { since, until, step, steps }) {
  const busy = steps.filter((one) => one.offered > 0);
  // Hours count from midnight: not everywhere do they begin when an hour of UTC does.
  const hour = (time, rounded) => Number(since) + rounded((time - since) / HOUR) * HOUR;
  const first = hour(busy.length ? Number(busy[0].from) : Number(until), Math.floor);
  const last = hour(Number(until) + 1, Math.ceil);
  const begin = Math.max(Number(since), Math.min(first, last - LEAST_HOURS * HOUR));
  const end = Math.max(last, begin + LEAST_HOURS * HOUR);
  const highest = Math.max(0, ...steps.map((one) => one.waited_longest ?? 0));
  const top = SCALES.find((scale) => scale >= highest) ?? Math.ceil(highest / HOUR) * HOUR;
  const [width, height] = [Math.max(280, place.clientWidth), Math.max(160, place.clientHeight)];
  const across = width - MARGIN.left - MARGIN.right;
  const down = height - MARGIN.top - MARGIN.bottom;
  return {
    width,
    height,
    top,
    begin,
    end,
    x: (time) => MARGIN.left + ((time - begin) / (end - begin)) * across,
    y: (seconds) => MARGIN.top + down * (1 - seconds / top),
    bar: (step / (end - begin)) * across,
    steps: busy.filter((one) => Number(one.from) >= begin),
  };
}

function grid({ width, top, y }) {
  return Array.from({ length: LINES + 1 }, (_, line) => (top / LINES) * line).flatMap((seconds) => [
    shape("line", {
      class: "grid",
      x1: MARGIN.left,
      x2: width - MARGIN.right,
      y1: y(seconds),
      y2: y(seconds),
    }),
    text(shownAge(seconds), MARGIN.left - 8, y(seconds) + 4, "end"),
  ]);
}

function hours({ begin, end, x, height, width }) {
  const count = Math.round((end - begin) / HOUR);
  const every = Math.max(1, Math.ceil((count * 52) / (width - MARGIN.left)));
  return Array.from({ length: count + 1 }, (_, index) => index)
    .filter((index) => index % every === 0)
    .map((index) => begin + index * HOUR)
    .map((time) => text(shownTime(time), x(time), height - 6, "middle"));
}

function bar({ x, y, bar: wide }, step) {
  const left = x(Number(step.from)) + wide * 0.12;
  const width = Math.max(1.5, wide * 0.76);
  const column = (kind, seconds) =>
    shape("rect", { class: kind, x: left, width, y: y(seconds), height: y(0) - y(seconds) });
  const shapes = [];
  if (step.waited_longest) shapes.push(column("longest", step.waited_longest));
  if (step.waited_average) shapes.push(column("average", step.waited_average));
  if (step.abandoned) {
    const [cx, r] = [left + width / 2, Math.min(8, 3 + step.abandoned)];
    shapes.push(shape("circle", { class: "abandoned", cx, cy: LANE, r }));
  }
  return shapes;
}

const empty = ({ width, height }) =>
  text("No calls yet today.", width / 2, height / 2, "middle", "nothing");

function text(words, x, y, anchor, kind = null) {
  const element = shape("text", { x, y, "text-anchor": anchor, ...(kind && { class: kind }) });
  element.textContent = words;
  return element;
}

function shape(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) {
    const rounded = typeof value === "number" ? Math.round(value * 10) / 10 : value;
    element.setAttribute(key, rounded);
  }
  return element;
}

const waited = (seconds) => (seconds === null ? "–" : shownAge(seconds));

function summary(total) {
  return (
    `${total.offered} calls today: ${total.answered} answered, ${total.abandoned} abandoned; ` +
    `average wait ${waited(total.waited_average)}, longest ${waited(total.waited_longest)}.`
  );
}

function table(steps) {
  const head = ["From", "Answered", "Abandoned", "Average wait", "Longest wait"];
  const cells = (step) => [
    shownTime(Number(step.from)),
    String(step.answered),
    String(step.abandoned),
    waited(step.waited_average),
    waited(step.waited_longest),
  ];
  return make(
    "table",
    {},
    make("caption", {}, "Waiting time today"),
    make("thead", {}, make("tr", {}, ...head.map((word) => make("th", { scope: "col" }, word)))),
    make(
      "tbody",
      {},
      ...steps.map((step) => make("tr", {}, ...cells(step).map((word) => make("td", {}, word)))),
    ),
  );
}
