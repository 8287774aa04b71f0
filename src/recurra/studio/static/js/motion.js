// "The cell at work": the drawing with this model's numbers, letter by letter; other cells beside it; a number changed.
import * as api from "./api.js";
import { drawCell, drawTape, equationsOf, legend, visible } from "./cell.js";
import { look, unitTitle } from "./inside.js";
import { able, emit, state } from "./state.js";
import { $, bits, cellTitle, h, latest, say, signed } from "./ui.js";

const STEPS = 200; // letters that are followed
const BEAT = 900; // milliseconds a letter
let shows = []; // one per cell: { run, unit, layer, picture, drawing, values, sizes, plain }
let at = 0;
let timer = 0;
let changed = null; // { part, value }: the number of the first cell that was changed, and before which letter
let turn = 0; // answers to older questions are dropped

const letters = () => look.reading.characters.slice(0, STEPS);

export function mount() {
  $("cellAt").addEventListener("input", () => (halt(), go(Number($("cellAt").value))));
  $("btnCellBack").addEventListener("click", () => (halt(), go(at - 1)));
  $("btnCellStep").addEventListener("click", () => (halt(), go(at + 1)));
  $("btnCellPlay").addEventListener("click", () => (timer ? halt() : play()));
  $("cellNumber").addEventListener("input", () => (number(), ask()));
  $("btnCellUndo").addEventListener("click", undo);
  document.addEventListener("visibilitychange", () => document.hidden && halt());
}

/** Another text or model was read: the first letters, with the other cells that may stand beside it. */
export function reset() {
  halt();
  at = Math.min(8, letters().length - 1);
  Object.assign($("cellAt"), { max: String(letters().length - 1), value: String(at) });
  const others = new Map(); // the newest model of each other cell
  for (const run of state.runs) if (able(run) && run.cell !== look.run.cell && !others.has(run.cell)) others.set(run.cell, run);
  $("cellBeside").replaceChildren(
    ...[...others.values()].slice(0, 4).map((run) => h("label", { class: "check" }, h("input", { type: "checkbox", value: run.id, onchange: () => beside(run) }), cellTitle(run.cell))),
  );
  $("cellBesideBox").hidden = !others.size;
  shows = [];
  $("cellShows").replaceChildren();
}

/** Show the unit that was chosen. */
export async function show(unit) {
  changed = null;
  $("cellChange").hidden = true;
  await put(0, { run: look.run, unit });
}

async function beside(run) {
  const ticked = [...$("cellBeside").querySelectorAll("input:checked")].map(({ value }) => value);
  shows = shows.filter((one, index) => !index || ticked.includes(one.run.id));
  for (const host of [...$("cellShows").children].slice(1)) if (!ticked.includes(host.dataset.run)) host.remove();
  if (!ticked.includes(run.id)) return;
  try {
    const found = await api.post(api.run(run.id, "/inside/units"), { text: look.text, sort: "variance", limit: 1 });
    await put(shows.length, { run, unit: found.units[0] });
  } catch (error) {
    say($("cellSaid"), `${run.title}: ${error.message}`, true);
  }
}

const question = ({ run, unit }, change = null) => api.post(api.run(run.id, "/inside/wires"), { text: look.text, layer: unit.layer, unit: unit.unit, count: STEPS, ...(change && { change }) });

/** Draw one cell in its place. */
async function put(place, one) {
  const mine = ++turn;
  try {
    const found = await question(one);
    if (mine !== turn && place === 0) return;
    const host = $("cellShows").children[place] ?? $("cellShows").appendChild(h("section", { class: "cell-show" }));
    host.dataset.run = one.run.id;
    const stage = h("div", { class: "cell-stage", tabindex: "0", role: "region", "aria-label": `${cellTitle(one.run.cell)}, drawn` });
    const picture = drawCell(stage, found.drawing, { pick: place ? undefined : offer, pickable: (part) => part.kind === "state", title: `${cellTitle(one.run.cell)}: one step` });
    const heading = place ? `${cellTitle(one.run.cell)} of “${one.run.title}”, unit ${one.unit.unit} of layer ${one.unit.layer}` : `${cellTitle(one.run.cell)}, ${unitTitle(one.unit)}`;
    host.replaceChildren(h("h3", {}, heading), stage, h("div", { class: "cell-under" }, h("div", {}, equationsOf(found.drawing, picture.mark), h("p", { class: "muted" }, legend(found.drawing))), place ? null : h("div", {}, h("h3", {}, "What it expects next"), h("ol", { class: "next", id: "cellNext", "aria-label": "What it expects next" }))));
    shows[place] = { ...one, ...found, picture, plain: found };
    shows[place].sizes = sizes(found);
    if (!place) emit("wires", { ...shows[0], letters: letters(), go: (to) => (halt(), go(to)) });
    go(at);
  } catch (error) {
    say($("cellSaid"), error.message, true);
    if (!place) $("cellShows").replaceChildren();
  }
}

/** The largest size of each part's number over the letters; a valve is full at 1. */
function sizes({ drawing, values }) {
  const valves = new Set(drawing.parts.filter(({ valve }) => valve).map(({ name }) => name));
  return Object.fromEntries(Object.entries(values).map(([name, kept]) => [name, valves.has(name) ? 1 : Math.max(...kept.map(Math.abs), 1e-6)]));
}

function go(place) {
  if (!look.reading || !letters().length) return;
  const text = letters();
  at = Math.max(0, Math.min(text.length - 1, place));
  $("cellAt").value = String(at);
  $("cellAt").setAttribute("aria-valuetext", `letter ${at + 1} of ${text.length}: ${visible(text[at])}`);
  $("btnCellBack").disabled = at === 0;
  $("btnCellStep").disabled = at === text.length - 1;
  drawTape($("cellText"), text, at);
  for (const one of shows) {
    const here = Object.fromEntries(Object.entries(one.values).map(([name, kept]) => [name, kept[at]]));
    one.picture.show(here, one.sizes, `“${visible(text[at])}”`);
  }
  if (shows[0]) announce(shows[0], text);
  emit("letter", at);
}

/** One sentence on what the step did, from its own numbers; and what it expects next. */
function announce(one, text) {
  const value = (name) => one.values[name]?.[at];
  const effect = one.drawing.parts
    .filter(({ valve }) => valve)
    .map(({ name }) => `${name} is ${Math.round(100 * value(name))} % open`)
    .join(", ");
  const carried = one.drawing.parts.filter(({ kind }) => kind === "new").map(({ args, name }) => ({ name, before: value(name.slice(0, -1)), after: value(name), args }));
  const moved = carried.map(({ name, before, after }) => `${name.slice(0, -1)} ${before === undefined ? "becomes" : `goes from ${signed(before)} to`} ${signed(after)}`).join(", ");
  say($("cellSaid"), `It reads “${visible(text[at])}”: ${effect ? `${effect}; ` : ""}${moved}.`);
  const came = text[at + 1];
  $("cellNext")?.replaceChildren(
    ...one.next[at].slice(0, 5).map(([symbol, chance]) => {
      const fill = h("i");
      fill.style.width = `${Math.max(100 * chance, 0.5)}%`;
      return h("li", { class: symbol === came ? "came" : null }, h("span", { class: "symbol" }, visible(symbol)), h("span", { class: "track" }, fill), h("span", { class: "share" }, `${Math.round(100 * chance)} %`));
    }),
  );
}

function play() {
  if (at === letters().length - 1) go(0);
  $("btnCellPlay").textContent = "Pause";
  for (const { picture } of shows) picture.flow(true);
  timer = setInterval(() => (at < letters().length - 1 ? go(at + 1) : halt()), BEAT);
}

export function halt() {
  clearInterval(timer);
  timer = 0;
  $("btnCellPlay").textContent = "Play";
  for (const { picture } of shows) picture.flow(false);
}

/** Offer to change the number that a state carries into this step. */
function offer(name) {
  halt();
  if (at === 0) return say($("cellSaid"), "Before the first letter every state is 0. Go one letter on to change it.", true);
  const one = shows[0];
  const most = Math.max(1.5 * one.sizes[name], 1);
  Object.assign($("cellNumber"), { min: String(-most), max: String(most), step: "any", value: String(one.values[name][at]) });
  changed = { name, at };
  $("cellChange").hidden = false;
  number();
  $("cellNumber").focus();
}

function number() {
  const text = letters();
  $("cellNumberName").textContent = `${changed.name} before “${visible(text[changed.at])}”`;
  $("cellNumberShown").textContent = Number($("cellNumber").value).toFixed(2);
}

/** Ask what follows from the number as it stands on the slider. */
const ask = latest(async () => {
  const one = shows[0];
  if (!changed || !one) return;
  const mine = ++turn;
  const { layer, unit } = one.unit;
  try {
    const found = await question(one, { at: changed.at - 1, layer, unit, state: changed.name, value: Number($("cellNumber").value) });
    if (mine !== turn) return;
    Object.assign(one, { values: found.values, next: found.next });
    go(at);
    say($("cellChanged"), `The text then costs ${bits(found.loss)} bits a letter; as it is, ${bits(one.plain.loss)}. Everything from here on has changed: step on and see.`);
  } catch (error) {
    say($("cellChanged"), error.message, true);
  }
});

function undo() {
  const one = shows[0];
  changed = null;
  ++turn;
  $("cellChange").hidden = true;
  say($("cellChanged"), "");
  if (one) Object.assign(one, { values: one.plain.values, next: one.plain.next });
  go(at);
}

