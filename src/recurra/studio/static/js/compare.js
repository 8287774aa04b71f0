// The view "Compare": the runs in a table, their curves on one chart, two of them writing side by side.
import * as api from "./api.js";
import { clear, curvesChart } from "./charts.js";
import { able, busy, choose, on, refresh, remember, state, update } from "./state.js";
import { $, ask, cellTitle, choices, count, date, duration, grower, h, label, plural, say } from "./ui.js";

const textOf = (run) => run.text?.name ?? "";
/** What a run's loss was measured on: losses of different texts, or of other parts of one, say nothing about each other. */
const measuredOn = ({ text, settings }) => JSON.stringify([text?.id ?? text?.corpus ?? [text?.name, text?.characters], settings?.validation]);
const bitsOf = (run) => run.bits_per_character ?? null;
const COLUMNS = [
  ["", "Curve", null],
  ["title", "Name", (run) => run.title],
  ["cell", "cell", (run) => run.cell],
  ["layers", "num_layers", (run) => run.layers, "num"],
  ["units", "hidden_size", (run) => run.units, "num"],
  ["parameters", "Parameters", (run) => run.parameters, "num"],
  ["bits", "Bits a character", bitsOf, "num"],
  ["speed", "Characters/s", (run) => run.speed, "num"],
  ["seconds", "Trained for", (run) => run.seconds, "num"],
  ["created", "Made", (run) => run.created],
];
const NONE = "No models yet. Train one under “Write like this”, or copy a run’s folder into the folder of runs and look again.";
let order = remember.get("order", { by: "created", down: true });
let ticked = null; // ids of the runs whose curves are shown
const histories = new Map();
let duels = [];

export function mount() {
  // As cards, on a phone, the elements are no table's any more; their roles still are.
  $("runsTable").tHead.append(h("tr", { role: "row" }, COLUMNS.map(header), h("th", { scope: "col", role: "columnheader" }, h("span", { class: "sr" }, "Actions"))));
  $("btnRefresh").addEventListener("click", () => attempt(refresh, "Looked again"));
  $("curveAxis").addEventListener("change", curves);
  $("duelForm").addEventListener("submit", (event) => (event.preventDefault(), duel()));
  on("runs", () => $("view-compare").hidden || table());
}

export function show() {
  ticked ??= new Set(state.runs.filter((run) => run.loss !== null).slice(0, 5).map(({ id }) => id));
  table();
  curves();
}

function header([key, name, , kind]) {
  const words = label(name);
  if (!key) return h("th", { scope: "col", role: "columnheader" }, h("span", { class: "sr" }, words));
  const sort = () => {
    order = { by: key, down: order.by === key ? !order.down : kind === "num" };
    remember.set("order", order);
    table();
  };
  return h("th", { scope: "col", role: "columnheader", class: kind, "data-key": key }, h("button", { type: "button", onclick: sort }, words));
}

function table() {
  for (const cell of $("runsTable").tHead.querySelectorAll("[data-key]"))
    if (cell.dataset.key === order.by) cell.setAttribute("aria-sort", order.down ? "descending" : "ascending");
    else cell.removeAttribute("aria-sort");
  const value = COLUMNS.find(([key]) => key === order.by)[2];
  const sorted = state.runs.toSorted((a, b) => (order.down ? -1 : 1) * compare(value(a), value(b)));
  // Losses are ranked within what they were measured on, each such group below a line of its own.
  const groups = order.by === "bits" ? Object.values(Object.groupBy(sorted, measuredOn)) : [sorted];
  const lines = groups.flatMap((runs) => [...(order.by === "bits" ? [line(measured(runs[0]))] : []), ...runs.map(row)]);
  const at = document.activeElement?.id; // a redrawn row keeps the keyboard's place
  $("runsTable").tBodies[0].replaceChildren(...(sorted.length ? lines : [line(NONE)]));
  if (at) document.getElementById(at)?.focus({ preventScroll: true });
  const options = state.runs.filter(able).map((run) => [run.id, run.title + (run.cell ? ` · ${cellTitle(run.cell)}` : "")]);
  choices($("duelA"), options);
  // Beside the first one, another of the same text: a third may not have its letters.
  const first = state.runs.find(({ id }) => id === $("duelA").value);
  const second = state.runs.find((run) => able(run) && run.id !== first?.id && measuredOn(run) === measuredOn(first));
  choices($("duelB"), options, $("duelB").value || (second?.id ?? options[1]?.[0]));
  $("btnDuel").disabled = !options.length;
}

function compare(a, b) {
  if (a === null || a === undefined || b === null || b === undefined) return (a ?? null) === null ? ((b ?? null) === null ? 0 : -1) : 1;
  return typeof a === "string" ? a.localeCompare(b) : a - b;
}

const line = (words) => h("tr", { role: "row", class: "line" }, h("td", { role: "cell", class: "empty", colspan: String(COLUMNS.length + 1) }, words));

function measured({ text, settings, loss }) {
  const name = [text?.name || "a text without a name", text?.characters && plural(text.characters, "character")].filter(Boolean).join(", ");
  if (loss === null || loss === undefined) return `${name}: not measured`;
  const held = settings?.validation;
  if (!held) return `${name}: measured on what they learned`;
  return `${name}: measured on the last ${held < 1 ? `${Number((100 * held).toPrecision(3))} %` : `${count(held)} tokens`}, which they did not learn`;
}

function row(run) {
  const ticking = ({ target }) => (target.checked ? ticked.add(run.id) : ticked.delete(run.id), curves());
  const checked = ticked?.has(run.id) ?? false;
  const tick = h("input", { type: "checkbox", id: `tick-${run.id}`, checked, "aria-label": `Curve of ${run.title}`, onchange: ticking });
  const tool = (words, act, off = false) => h("button", { type: "button", class: "btn small", id: `${words}-${run.id}`, "aria-label": `${words} ${run.title}`, disabled: off, onclick: act }, words);
  const values = {
    cell: cellTitle(run.cell),
    layers: String(run.layers ?? "–"),
    units: String(run.units ?? "–"),
    parameters: count(run.parameters),
    bits: bitsOf(run) === null ? "–" : bitsOf(run).toFixed(3),
    speed: run.speed ? count(run.speed) : "–",
    seconds: run.seconds ? duration(run.seconds) : "–",
    created: run.created ? date(run.created) : "–",
  };
  const cells = COLUMNS.filter(([key]) => key in values).map(([key, name, , kind]) => h("td", { role: "cell", class: kind, "data-label": label(name) }, values[key]));
  const read = textOf(run) === run.title ? "" : ` ${textOf(run)}`;
  return h(
    "tr",
    { role: "row" },
    h("td", { role: "cell", class: "tick" }, tick),
    h("td", { role: "cell", class: "name" }, run.title, h("small", {}, h("span", { class: `state ${run.state}` }, run.packaged ? "ships with Recurra" : run.state), read)),
    ...cells,
    h(
      "td",
      { role: "cell", class: "tools-of-row" },
      h(
        "div",
        { class: "row-tools" },
        tool("Use", () => use(run), !able(run)),
        tool("Rename", () => rename(run), run.packaged),
        h("a", { class: "btn small", id: `Download-${run.id}`, href: `/api/${api.run(run.id, "/download")}`, download: "", "aria-label": `Download ${run.title}` }, "Download"),
        tool("Delete", () => drop(run), busy(run) || run.packaged),
      ),
    ),
  );
}

function use(run) {
  choose(run);
  location.hash = "#write";
  say($("writeStatus"), `Writing with ${run.title}. Press Generate.`);
}

async function rename(run) {
  const title = await ask({ title: "Rename", field: "Name", value: run.title, yes: "Rename" });
  if (title && title !== run.title) attempt(async () => update(await api.patch(api.run(run.id), { title })), `Renamed to ${title}`);
}

async function drop(run) {
  const yes = await ask({ title: `Delete “${run.title}”?`, words: "The model, its curves and its samples are removed from the disk. This cannot be taken back.", yes: "Delete", danger: true });
  if (!yes) return;
  attempt(async () => {
    await api.remove(api.run(run.id));
    ticked?.delete(run.id);
    await refresh();
    curves();
  }, `Deleted ${run.title}`);
}

async function attempt(work, words) {
  say($("runsSaid"), "One moment …");
  try {
    await work();
    say($("runsSaid"), words);
  } catch (error) {
    say($("runsSaid"), error.message, true);
  }
}

async function curves() {
  const runs = state.runs.filter(({ id }) => ticked?.has(id));
  if (!runs.length) return clear($("chartCurves"));
  try {
    const found = await Promise.all(runs.map(async (run) => ({ title: several(runs) ? `${run.title} · ${textOf(run)}` : run.title, points: points(await history(run)) })));
    say($("curvesSaid"), several(runs) ? "These losses were measured on different texts: how low a curve ends depends on the text too, so compare only curves of one text." : "");
    curvesChart($("chartCurves"), found.filter((one) => one.points.length), $("curveAxis").value);
  } catch (error) {
    say($("runsSaid"), error.message, true);
  }
}

const several = (runs) => new Set(runs.map(measuredOn)).size > 1;

/** Validation where there is one, else the training loss. */
const points = ({ train, valid }) => (valid.length ? valid : train);

async function history(run) {
  const key = `${run.id} ${run.step} ${run.state}`;
  if (!histories.has(key)) histories.set(key, (await api.get(api.run(run.id))).history);
  return histories.get(key);
}

async function duel() {
  duels.forEach((one) => one.abort());
  duels = [];
  const seed = Math.floor(Math.random() * 1e6); // the same for both
  await Promise.all(["A", "B"].map((side) => writes(side, seed)));
}

async function writes(side, seed) {
  const stopper = new AbortController();
  duels.push(stopper);
  const out = grower($(`duelOut${side}`));
  say($(`duelSaid${side}`), "Writing …");
  try {
    const end = await api.write($(`duel${side}`).value, { prompt: $("duelPrompt").value, length: 400, temperature: Number($("duelTemperature").value), seed }, out.add, stopper.signal);
    say($(`duelSaid${side}`), [`${plural(end.characters, "character")} in ${duration(end.seconds)}, seed ${seed}`, end.changed].filter(Boolean).join("; "));
  } catch (error) {
    if (error.name !== "AbortError") say($(`duelSaid${side}`), error.message, true);
  }
  if (!stopper.signal.aborted) await out.end();
}
