// The view "Look inside": a text read by a model, coloured by one unit; what it expects next; the units, ranked.
import * as api from "./api.js";
import * as gates from "./gates.js";
import * as hold from "./hold.js";
import * as motion from "./motion.js";
import { able, on, remember, state } from "./state.js";
import { $, architecture, cellTitle, choices, h, plural, say, signed } from "./ui.js";

/** What was read: the run's id, the text, the server's reading; and the unit that is shown. */
export const look = { run: null, text: "", reading: null, units: [], unit: null };
const known = new Map(); // values by "layer/state/unit"
let cursor = 0;
let spans = [];
const STEPS = 8;
let automatic = false; // the text in the box is the model's own, so another model gets its own too

export const inside = (rest, given = {}) => api.post(api.run(look.run.id, `/inside/${rest}`), { text: look.text, ...given });
export const unitTitle = ({ layer, unit, state }) => `unit ${unit} of layer ${layer}${look.reading?.states.length > 1 ? `, ${state}` : ""}`;

export function mount() {
  $("insideForm").addEventListener("submit", (event) => (event.preventDefault(), read()));
  $("insideText").addEventListener("keydown", (event) => event.key === "Enter" && (event.ctrlKey || event.metaKey) && read());
  $("btnInsideWritten").addEventListener("click", () => (automatic = false, ($("insideText").value = [...state.written].slice(0, 2000).join(""))) && read());
  $("insideRun").addEventListener("change", () => (automatic ? first() : look.reading && read()));
  $("insideText").addEventListener("input", () => (automatic = false));
  for (const id of ["unitState", "unitLayer", "unitSort"]) $(id).addEventListener("change", rank);
  $("btnPrev").addEventListener("click", () => step(-1));
  $("btnNext").addEventListener("click", () => step(1));
  $("coloured").addEventListener("pointerover", ({ target }) => target.dataset.at && place(Number(target.dataset.at)));
  $("coloured").addEventListener("click", ({ target }) => target.dataset.at && (place(Number(target.dataset.at)), hold.from(Number(target.dataset.at))));
  $("coloured").addEventListener("keydown", keys);
  $("unitList").addEventListener("keydown", keys);
  $("unitList").addEventListener("click", ({ target }) => {
    const item = target.closest("li");
    if (item) select(Number(item.dataset.index));
  });
  $("ramp").append(...Array.from({ length: 2 * STEPS + 1 }, (_, index) => h("span", { class: tone(index - STEPS, STEPS) })));
  hold.mount();
  gates.mount();
  motion.mount();
  on("runs", () => $("view-inside").hidden || offer());
}

export function show() {
  offer();
  $("btnInsideWritten").disabled = !state.written;
  $("btnInsideWritten").title = state.written ? "" : "It has written nothing yet: let it, under “Write like this”.";
  if (look.reading) gates.draw();
  else if (state.runs.some(able)) first();
  else say($("insideStatus"), state.runs.some(able) ? "Choose a model, give it something to read, press Read." : "There is no model yet. Train one under “Write like this”.");
}

function offer() {
  const runs = state.runs.filter(able);
  const chosen = $("insideRun").value || state.run?.id;
  choices($("insideRun"), runs.map((run) => [run.id, `${run.title} · ${architecture(run)}`]), chosen);
  $("btnRead").disabled = !runs.length;
  gates.offer(runs);
}

/** On the first visit there is something to see at once: what was read last, else what the model itself writes. */
const first = () => (line = line.then(firstNow));

async function firstNow() {
  const run = state.runs.find(({ id }) => id === $("insideRun").value);
  const kept = remember.get("insideRead", {});
  let text = (automatic ? "" : $("insideText").value) || (kept.run === run.id ? kept.text : "") || (state.run?.id === run.id ? state.written : "");
  if (!text) {
    say($("insideStatus"), "It writes a few lines, to read them …");
    text = run.packaged ? "The " : "";
    try {
      await api.write(run.id, { prompt: text, keep_prompt: false, length: 400, temperature: 0.6, seed: 1 }, (piece) => (text += piece));
    } catch (error) {
      return say($("insideStatus"), error.message, true);
    }
  }
  if (automatic || !$("insideText").value) {
    automatic = true;
    $("insideText").value = [...text].slice(0, 1500).join("");
  }
  await readNow();
}

// One reading at a time: a question about a model must fit what that model read.
let line = Promise.resolve();
const read = () => (line = line.then(readNow));

async function readNow() {
  const run = state.runs.find(({ id }) => id === $("insideRun").value);
  const text = [...$("insideText").value].slice(0, 5000).join("");
  if (!run || !text) return say($("insideStatus"), run ? "Give it something to read first." : "There is no model yet. Train one under “Write like this”.", true);
  Object.assign(look, { run, text });
  say($("insideStatus"), "Reading …");
  $("btnRead").disabled = true;
  try {
    look.reading = await inside("read");
    remember.set("insideRead", { run: run.id, text });
    known.clear();
    $("insideBody").hidden = false;
    const { states, units } = look.reading;
    choices($("unitState"), states.map((name) => [name, `state ${name}`]), states.at(-1));
    choices($("unitLayer"), [["", "all layers"], ...units.map((_, layer) => [layer, `layer ${layer}`])], "");
    letters();
    motion.reset();
    await rank();
    hold.reset();
    gates.reset();
    const loss = look.reading.mean_loss === null ? "" : `, ${(look.reading.mean_loss / Math.LN2).toFixed(2)} bits each`;
    say($("insideStatus"), `${cellTitle(run.cell)} read ${plural(look.reading.characters.length, "character")}${loss}. Orange is negative, green is positive.`);
  } catch (error) {
    say($("insideStatus"), error.message, true);
  } finally {
    $("btnRead").disabled = false;
  }
}

function letters() {
  spans = look.reading.characters.map((character, at) => h("span", { "data-at": String(at) }, character === "\n" ? "↵\n" : character));
  $("coloured").replaceChildren(...spans);
  cursor = 0;
}

async function rank() {
  const sort = $("unitSort").value || "follows";
  const [by, feature] = sort.split("/");
  const layer = $("unitLayer").value;
  try {
    const found = await inside("units", { state: $("unitState").value, sort: by, limit: 200, ...(layer && { layer: Number(layer) }), ...(feature && { feature }) });
    const names = new Map(found.features.map((one) => [one.name, one]));
    const above = (unit) => lead(unit, names)?.above ?? -1;
    look.units = sort === "follows" ? found.units.toSorted((a, b) => above(b) - above(a)) : found.units;
    choices($("unitSort"), [["follows", "by what they follow"], ["variance", "by how much they vary"], ...found.features.map(({ name }) => [`follows/${name}`, `follows: ${name}`])], sort);
    $("unitList").replaceChildren(...look.units.map((unit, index) => row(unit, index, names, feature)));
    say($("unitsSaid"), `The first ${found.units.length} of ${found.tried}. r: correlation with what a unit follows; below it, how large it gets by chance alone.`);
    await select(0);
  } catch (error) {
    say($("insideStatus"), error.message, true);
  }
}

/** What a unit follows furthest above chance. Whatever drifts follows the place in the text, so that does not count. */
function lead({ follows }, names) {
  const found = follows.filter(({ feature }) => feature !== "text position").map((one) => ({ ...one, above: Math.abs(one.r) - (names.get(one.feature)?.chance ?? 1) }));
  return found.toSorted((a, b) => b.above - a.above)[0];
}

function row(unit, index, names, feature) {
  const first = lead(unit, names);
  const best = unit.follows.find((one) => one.feature === feature) ?? (first?.above > 0 ? first : unit.follows[0]);
  const words = best?.feature ?? "nothing in particular";
  return h(
    "li",
    { role: "option", id: `unit-${index}`, "data-index": String(index), "aria-selected": "false", title: names.get(words)?.words ?? null },
    h("span", {}, `${unit.layer} · ${unit.unit}`),
    h("span", { class: "follows" }, words),
    h("span", { class: "num" }, best ? [`r ${signed(best.r)}`, h("small", {}, `chance ${names.get(best.feature)?.chance.toFixed(2) ?? "–"}`)] : unit.variance.toFixed(2)),
  );
}

const position = () => look.units.indexOf(look.unit);
const step = (by) => look.units.length && select((position() + by + look.units.length) % look.units.length);

function keys(event) {
  const inText = event.currentTarget === $("coloured");
  const act = {
    ArrowDown: () => step(1),
    ArrowUp: () => step(-1),
    Home: () => (inText ? place(0) : select(0)),
    End: () => (inText ? place(spans.length - 1) : select(look.units.length - 1)),
    ...(inText && { ArrowLeft: () => place(cursor - 1), ArrowRight: () => place(cursor + 1) }),
  }[event.key];
  if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  act();
}

async function select(index) {
  const unit = look.units[index];
  if (!unit) return;
  const list = $("unitList");
  list.querySelector('[aria-selected="true"]')?.setAttribute("aria-selected", "false");
  const item = list.children[index];
  item.setAttribute("aria-selected", "true");
  list.setAttribute("aria-activedescendant", item.id);
  // Not scrollIntoView, which would move the page too.
  if (item.offsetTop - list.offsetTop < list.scrollTop) list.scrollTop = item.offsetTop - list.offsetTop;
  else if (item.offsetTop - list.offsetTop + item.offsetHeight > list.scrollTop + list.clientHeight) list.scrollTop = item.offsetTop - list.offsetTop + item.offsetHeight - list.clientHeight;
  look.unit = unit;
  $("unitName").textContent = unitTitle(unit);
  try {
    const [values] = await Promise.all([valuesOf(unit), motion.show(unit)]);
    if (look.unit === unit) colour(values);
  } catch (error) {
    say($("insideStatus"), error.message, true);
  }
}

async function valuesOf({ layer, unit, state: name }) {
  const key = `${layer}/${name}/${unit}`;
  if (!known.has(key)) known.set(key, await inside("unit", { layer, unit, state: name }));
  return known.get(key);
}

/** The colour class of a value: eight steps to either side of zero. */
export function tone(value, scale) {
  const steps = Math.round((STEPS * value) / scale);
  return steps ? `${steps > 0 ? "p" : "n"}${Math.min(STEPS, Math.abs(steps))}` : "";
}

function colour({ values, low, high }) {
  const scale = Math.max(Math.abs(low), Math.abs(high), 1e-6);
  spans.forEach((span, at) => (span.className = tone(values[at], scale)));
  $("scaleLow").textContent = signed(-scale);
  $("scaleHigh").textContent = scale.toFixed(2);
  hold.offer(look.unit, low, high);
  place(cursor);
}

const visible = (symbol) => symbol.replaceAll("\n", "↵").replaceAll("\t", "⇥").replaceAll(" ", "␣");

function place(at) {
  if (!spans.length) return;
  spans[cursor]?.classList.remove("at");
  cursor = Math.max(0, Math.min(spans.length - 1, at));
  spans[cursor].classList.add("at");
  const { characters, losses, next } = look.reading;
  const value = known.get(`${look.unit.layer}/${look.unit.state}/${look.unit.unit}`)?.values[cursor];
  const came = characters[cursor + 1];
  const surprise = losses[cursor + 1];
  const cost = came === undefined ? "the text ends here" : `then came “${visible(came)}”${surprise === null ? "" : `, a surprise of ${(surprise / Math.LN2).toFixed(1)} bits`}`;
  $("cursorSaid").textContent = `After “${visible(characters.slice(Math.max(0, cursor - 11), cursor + 1).join(""))}”: ${cost}. The unit is at ${value === undefined ? "–" : signed(value)}.`;
  $("nextList").replaceChildren(...next[cursor].map(([symbol, share]) => bar(symbol, share, symbol === came)));
}

export function bar(symbol, share, came) {
  const fill = h("i");
  fill.style.width = `${Math.max(100 * share, 0.5)}%`;
  return h("li", { class: came ? "came" : null }, h("span", { class: "symbol" }, visible(symbol)), h("span", { class: "track" }, fill), h("span", { class: "share" }, `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`));
}
