// The gates of one unit over the text, how often each unit of a gate is open or shut, and how far back the model remembers.
import * as api from "./api.js";
import { clear, memoryChart, saturationChart } from "./charts.js";
import { inside, look, unitTitle } from "./inside.js";
import { drawRibbons } from "./ribbons.js";
import { able, on, state } from "./state.js";
import { $, architecture, choices, say } from "./ui.js";

let band = null;
let fresh = false; // the reading has no measure of its memory yet
let seen = false; // the place for it is on the screen

export function mount() {
  $("gateName").addEventListener("change", draw);
  $("gateLayer").addEventListener("change", draw);
  $("btnMemory").addEventListener("click", measure);
  // It costs a second or two, so it waits until somebody has come to it.
  new IntersectionObserver(([{ isIntersecting }]) => ((seen = isIntersecting), look.reading && remembering())).observe($("chartMemory"));
  on("wires", ribbons);
  on("letter", (at) => band?.at(at));
}

/** The unit that the cell at work shows, over the whole stretch: its gates as ribbons, its last state as a line. */
function ribbons({ unit, drawing, values, letters, go }) {
  const gates = drawing.parts.filter(({ valve }) => valve).map(({ name }) => [name, values[name]]);
  const inner = look.reading.states.at(-1);
  band = drawRibbons($("ribbons"), { letters, gates, state: [inner, values[`${inner}'`]], pick: go });
  const does = state.about.cells.find(({ name }) => name === look.run.cell)?.gates ?? [];
  const words = gates.map(([name]) => does.find((gate) => gate.name === name)).filter(Boolean).map(({ name, does: what }) => `${name}: ${what}`);
  $("ribbonAbout").textContent = `${unitTitle({ ...unit, state: inner })}. ${gates.length ? "A ribbon is as wide as its gate is open. " : "This cell has no gates. "}${words.length ? `${words.join("; ")}. ` : ""}The line is ${inner}, the number that is carried on.`;
}

/** The runs that can be put beside the one that is read. */
export function offer(runs) {
  choices($("memoryRun"), [["", "alone"], ...runs.filter((run) => run.id !== look.run?.id).map((run) => [run.id, `beside ${run.title} · ${architecture(run)}`])]);
}

/** Another text, or another model, was read. */
export function reset() {
  const { gates, units } = look.reading;
  offer(state.runs.filter(able));
  choices($("gateName"), gates.map((name) => [name, `gate ${name}`]), gates.includes("f") ? "f" : gates[0]);
  choices($("gateLayer"), units.map((_, layer) => [layer, `layer ${layer}`]), 0);
  clear($("chartMemory"));
  say($("memorySaid"), "");
  // An RNN beside an LSTM shows the most, so the other family is proposed.
  const other = state.runs.find((run) => able(run) && run.id !== look.run.id && (run.cell === "rnn") !== (look.run.cell === "rnn"));
  if (other) $("memoryRun").value = other.id;
  fresh = true;
  remembering();
  draw();
}

const remembering = () => seen && fresh && measure();

export async function draw() {
  const { gates } = look.reading;
  if (!gates.length) return say($("gateAbout"), "");
  const [gate, layer] = [$("gateName").value, Number($("gateLayer").value)];
  try {
    const all = await inside("gates", { layer, gate, count: 1, units: 1000 });
    if (all.saturates) {
      say($("gateAbout"), `Every unit of gate ${gate}: how often it is wide open, how often shut.`);
      saturationChart($("chartSaturation"), { units: all.units, left: all.left_saturated, right: all.right_saturated });
    } else {
      say($("gateAbout"), `${gate} is no switch between 0 and 1, so it is never open or shut.`);
      clear($("chartSaturation"));
    }
  } catch (error) {
    say($("gateAbout"), error.message, true);
  }
}

async function measure() {
  const beside = state.runs.find(({ id }) => id === $("memoryRun").value);
  const runs = [look.run, ...(beside ? [beside] : [])];
  const text = look.text;
  fresh = false;
  $("btnMemory").disabled = true;
  say($("memorySaid"), "Measuring …");
  try {
    const found = await Promise.all(runs.map((run) => api.post(api.run(run.id, "/inside/memory"), { text: look.text, lags: Math.max(1, Math.min(100, look.reading.characters.length - 2)) })));
    if (text !== look.text || runs[0] !== look.run) return; // another text, or model, was read meanwhile
    memoryChart($("chartMemory"), found.map((one, index) => ({ ...one, title: `${runs[index].title} (${architecture(runs[index])})` })));
    say($("memorySaid"), found.map(({ norms }, index) => `${runs[index].title}: ${[0.1, 0.01].map((part) => left(norms, part)).join("; ")}.`).join(" "));
  } catch (error) {
    say($("memorySaid"), error.message, true);
  } finally {
    $("btnMemory").disabled = false;
  }
}

/** How far back more than a part is left: norms[0] is the last letter's. */
function left(norms, part) {
  const back = norms.findLastIndex((norm) => norm >= part) + 1;
  return `${back === norms.length ? "at least " : ""}${back} letters back ${100 * part} % is left`;
}
