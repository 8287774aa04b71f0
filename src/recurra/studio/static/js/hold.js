// Holding units at a value at every step: what becomes of the loss, and of what is written.
import { inside, look, unitTitle } from "./inside.js";
import { $, bits, h, say } from "./ui.js";

let held = []; // [{ layer, unit, state, value }]

export function mount() {
  $("clampValue").addEventListener("input", shown);
  $("clampValue").addEventListener("change", () => add(Number($("clampValue").value)));
  $("btnSilence").addEventListener("click", () => (($("clampValue").value = 0), shown(), add(0)));
  $("btnClamp").addEventListener("click", () => add(Number($("clampValue").value)));
  $("btnClampClear").addEventListener("click", () => ((held = []), list(), run()));
}

const shown = () => ($("clampShown").textContent = Number($("clampValue").value).toFixed(2));

/** The range of the unit that is shown, a half wider on both sides. */
export function offer(low, high) {
  const most = Math.max(1.5 * Math.max(Math.abs(low), Math.abs(high)), 0.1);
  Object.assign($("clampValue"), { min: String(-most), max: String(most), step: "any" });
  $("clampValue").value = String(high);
  shown();
  $("clampAbout").textContent = `Hold ${unitTitle(look.unit)} at one value, at every step, and see what becomes of the text. Here it goes from ${low.toFixed(2)} to ${high.toFixed(2)}.`;
}

/** Forget what is held: another text, or another model, was read. */
export function reset() {
  held = [];
  list();
  for (const id of ["clampBefore", "clampAfter"]) $(id).textContent = "–";
  for (const id of ["clampTextBefore", "clampTextAfter"]) $(id).replaceChildren();
}

function add(value) {
  const { layer, unit, state } = look.unit;
  held = [...held.filter((one) => one.layer !== layer || one.unit !== unit || one.state !== state), { layer, unit, state, value }];
  list();
  run();
}

function list() {
  $("clampList").replaceChildren(
    ...held.map((one) => h("li", {}, `${unitTitle(one)} = ${one.value.toFixed(2)}`, h("button", { type: "button", "aria-label": `Let ${unitTitle(one)} go`, onclick: () => ((held = held.filter((other) => other !== one)), list(), run()) }, "×"))),
  );
  $("btnClampClear").disabled = !held.length;
}

async function run() {
  if (!held.length) return reset();
  for (const id of ["btnClamp", "btnSilence"]) $(id).disabled = true;
  $("clampAfter").textContent = "…";
  try {
    const start = [...look.text].slice(0, 40).join("");
    const found = await inside("clamp", { clamps: held, prompt: start, length: 300, seed: 1, temperature: 0.7 });
    $("clampBefore").textContent = bits(found.loss.before);
    $("clampAfter").textContent = `${bits(found.loss.after)} (${found.loss.after >= found.loss.before ? "+" : "–"}${bits(Math.abs(found.loss.after - found.loss.before))})`;
    $("clampTextBefore").textContent = found.text.before;
    $("clampTextAfter").textContent = found.text.after;
  } catch (error) {
    say($("insideStatus"), error.message, true);
    $("clampAfter").textContent = "–";
  } finally {
    for (const id of ["btnClamp", "btnSilence"]) $(id).disabled = false;
  }
}
