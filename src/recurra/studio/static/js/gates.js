// The gates of a layer over time with their saturation, and how far back the loss reaches.
import * as api from "./api.js";
import { clear, gatesChart, memoryChart, saturationChart } from "./charts.js";
import { inside, look } from "./inside.js";
import { able, state } from "./state.js";
import { $, architecture, choices, say } from "./ui.js";

const COLUMNS = 60;
const ROWS = 32;

export function mount() {
  $("gateName").addEventListener("change", draw);
  $("gateLayer").addEventListener("change", draw);
  $("btnMemory").addEventListener("click", measure);
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
  choices($("gateLayer"), units.map((_, layer) => [layer, `layer ${layer + 1}`]), 0);
  clear($("chartMemory"));
  say($("memorySaid"), "");
  // An RNN beside an LSTM shows the most, so the other family is proposed.
  const other = state.runs.find((run) => able(run) && run.id !== look.run.id && (run.cell === "rnn") !== (look.run.cell === "rnn"));
  if (other) $("memoryRun").value = other.id;
  draw();
}

export async function draw() {
  const { gates, characters, units } = look.reading;
  if (!gates.length) return say($("gateAbout"), "This cell has no gates.");
  const gate = $("gateName").value;
  const layer = Number($("gateLayer").value);
  const does = state.about.cells.find(({ name }) => name === look.run.cell)?.gates.find(({ name }) => name === gate)?.does;
  const count = Math.min(COLUMNS, characters.length);
  try {
    const [map, all] = await Promise.all([inside("gates", { layer, gate, count, units: ROWS }), inside("gates", { layer, gate, count: 1, units: 1000 })]);
    const [left, right] = map.saturates ? ["the stronger the colour, the more open", "Right, every unit: how often it is wide open, how often shut."] : ["green is positive, orange negative", "It is no switch between 0 and 1, so it has no saturation."];
    say($("gateAbout"), `${does ? `${gate}: ${does}. ` : ""}Left, the ${Math.min(ROWS, units[layer])} liveliest units over the first ${count} characters: ${left}. ${right}`);
    gatesChart($("chartGates"), { ...map, characters: characters.slice(0, count) });
    if (map.saturates) saturationChart($("chartSaturation"), { units: all.units, left: all.left_saturated, right: all.right_saturated });
    else clear($("chartSaturation"));
  } catch (error) {
    say($("gateAbout"), error.message, true);
  }
}

async function measure() {
  const beside = state.runs.find(({ id }) => id === $("memoryRun").value);
  const runs = [look.run, ...(beside ? [beside] : [])];
  $("btnMemory").disabled = true;
  say($("memorySaid"), "Measuring …");
  try {
    const found = await Promise.all(runs.map((run) => api.post(api.run(run.id, "/inside/memory"), { text: look.text, lags: Math.max(1, Math.min(100, look.reading.characters.length - 2)) })));
    memoryChart($("chartMemory"), found.map((one, index) => ({ ...one, title: `${runs[index].title} (${architecture(runs[index])})` })));
    say($("memorySaid"), found.map((one, index) => `${runs[index].title}: ${[one.words].flat().join(" ")}`).join(" "));
  } catch (error) {
    say($("memorySaid"), error.message, true);
  } finally {
    $("btnMemory").disabled = false;
  }
}
