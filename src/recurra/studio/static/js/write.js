// The view "Write like this": a text in, a button, a text out. The first press trains; later ones only write.
import * as api from "./api.js";
import { different, mount as mountCard, sameText, started } from "./card.js";
import { form } from "./form.js";
import * as letters from "./letters.js";
import { given, mount as mountSource, named, restore, source } from "./source.js";
import { able, busy, choose, guest, on, refresh, remember, state, update } from "./state.js";
import { goOn, mount as mountTrain, newest, phase, stop, watch } from "./train.js";
import { $, architecture, copy, duration, grower, h, label, percent, plural, say } from "./ui.js";

const FRONT = ["cell", "num_layers", "hidden_size", "minutes", "epochs", "seed"];
const BOLDNESS = 0.7; // rarely a letter out of place, and not the same twice
const SAMPLING = ["length", "seed", "stop"];
const READY = `This small model ships with Recurra and has read Python’s manual. Generate lets it write${guest ? "" : "; give it a text of yours, and it learns that"}.`;
let model;
let sampling;
let offered = false; // the model was put there because it is the newest, not because somebody chose it
let writing = null; // the abort controller of the text that is being written
let pressed = ""; // the message for a press of Generate while it trains
let ready = false; // Generate was pressed: write as soon as the training ends

export async function mount() {
  const { form: fields, generation_form: drawing, cells, studio_defaults: defaults } = state.about;
  model = form($("formModel"), "model", fields, FRONT, defaults, cells);
  sampling = form($("formSampling"), "sampling", drawing, SAMPLING);
  $("inpBoldness").value = String(remember.get("boldness", BOLDNESS));
  $("inpBoldness").addEventListener("input", ({ target }) => (remember.set("boldness", Number(target.value)), bold()));
  bold();
  for (const fold of ["foldModel", "foldSampling"]) {
    $(fold).open = remember.get(fold, false);
    $(fold).addEventListener("toggle", () => remember.set(fold, $(fold).open));
  }

  letters.mount((prompt) => write({ prompt }));
  mountSource();
  mountTrain();
  mountCard(model, trains);
  on("source", () => notice());
  $("btnGenerate").addEventListener("click", generate);
  $("inpPrompt").addEventListener("keydown", (event) => event.key === "Enter" && generate());
  $("btnHalt").addEventListener("click", () => writing?.abort());
  $("btnCopy").addEventListener("click", () => attempt(async () => (await copy(state.written), say($("writeStatus"), "Copied"))));
  $("btnStop").addEventListener("click", () => attempt(stop, "Stopping; what was learned is kept …", () => (ready = false)));
  $("btnContinue").addEventListener("click", () => attempt(async () => follow(await goOn())));
  $("btnNew").addEventListener("click", () => begin({}));
  on("sample", trainingShown);
  on("training", ({ run }) => run && trainingShown());
  on("run", () => (notice(), offer()));
  on("runs", offer);
  $("selModel").addEventListener("change", taken);

  await again();
}

/** After a reload: the text, the run, and the training that ran meanwhile. */
async function again() {
  const last = remember.get("run");
  const live = state.runs.find((run) => busy(run) && !run.group);
  // The newest model of the visitor's own, else the one that ships with Recurra.
  const known = live ?? state.runs.find(({ id }) => id === last);
  const run = known ?? state.runs.find(able) ?? null;
  offered = !known;
  state.run = run; // known from the first press on, though its text is still to come
  await restore(known?.packaged ? null : known);
  if (!run) return watch(null);
  choose(run, !offered);
  if (busy(run)) follow(run, remember.get("ready", true));
  else {
    watch(run);
    const last = remember.get("wrote", {});
    if (last.run === run.id) shown(run, last.prompt, last.text), letters.take(last);
    state.written = last.text ?? "";
    $("btnCopy").disabled = !state.written;
    say($("writeStatus"), run.packaged ? READY : `${run.title}: ${architecture(run)}. Press Generate.`);
    if (run.packaged && !state.written && !given()) write(FIRST);
  }
}

const bold = () => $("inpBoldness").setAttribute("aria-valuetext", `${Number($("inpBoldness").value).toFixed(2)}, from careful at 0 to bold at 2`);

/** The models that can write, the one in use chosen. */
function offer() {
  const runs = state.runs.filter((run) => able(run) || run.id === state.run?.id);
  const named = ([words, chosen]) => chosen.length && h("optgroup", { label: words }, chosen.map((run) => h("option", { value: run.id, selected: run.id === state.run?.id }, `${run.title} · ${architecture(run)}`)));
  $("selModel").replaceChildren(...[["Your models", runs.filter(({ packaged }) => !packaged)], ["Ships with Recurra", runs.filter(({ packaged }) => packaged)]].map(named).filter(Boolean));
  $("selModel").hidden = !runs.length;
}

async function taken() {
  const run = state.runs.find(({ id }) => id === $("selModel").value);
  if (!run || busy(state.run)) return offer();
  writing?.abort();
  offered = false;
  choose(run);
  watch(run);
  say($("writeStatus"), run.packaged ? READY : `${run.title}: ${architecture(run)}. Press Generate.`);
}

// Training

/** Whether Generate trains in any case: there is no model yet, or none that is of the text in the box. */
const trains = () => !able(state.run) || (given() && (state.run.packaged || offered));

async function generate() {
  if (busy(state.run)) {
    ready = true;
    remember.set("ready", true);
    pressed = ". Training is still going: it writes when that is done. Stop ends it earlier and keeps what was learned.";
    return trainingShown();
  }
  writing?.abort();
  if (trains()) return begin({});
  const from = await attempt(source);
  if (from === undefined) return;
  const changed = { text: !sameText(state.run, from), model: from ? different(state.run) : [] };
  if (changed.text || changed.model.length) return notice(changed);
  write();
}

/** Start a training; on from a run's weights where `parent` names one. What there is to see is there at once. */
async function begin({ parent = null }) {
  notice();
  writing?.abort();
  writing = null;
  $("btnHalt").disabled = true;
  if (!given()) {
    say($("writeStatus"), "There is no text yet: paste one, open a file, or take a corpus from the list.", true);
    return $("txtInput").focus();
  }
  const before = state.run;
  say($("writeStatus"), "Training... 0 %");
  by(null);
  $("outResult").replaceChildren(h("span", { class: "live" }, "Reading the text …"));
  $("btnGenerate").disabled = true;
  try {
    const from = await source();
    const settings = model.values();
    const run = await api.post("runs", { ...from, title: named(), settings, ...(parent && { parent }) });
    started(run, settings);
    await follow(run);
  } catch (error) {
    $("outResult").replaceChildren();
    say($("writeStatus"), error.message, true);
    if (before) choose(before);
  } finally {
    $("btnGenerate").disabled = false;
  }
}

/** Show a run that trains; write when it is done, if writing was requested. */
async function follow(run, wanted = true) {
  ready = wanted;
  pressed = "";
  remember.set("ready", wanted);
  update(run);
  offered = false;
  choose(run);
  trainingShown();
  watch(run, ended);
}

function trainingShown() {
  const run = state.run;
  if (!busy(run) || writing) return;
  const progress = Math.max(run.progress ?? 0, $("barTraining").value / 100);
  const words = `Training... ${percent(progress)}`;
  if ($("writeStatus").textContent !== words + pressed) say($("writeStatus"), words + pressed);
  by(run);
  $("outResult").replaceChildren(h("span", { class: "live" }, (!progress && phase(run)) || words), newest() ? `\n\n${newest()}` : "");
}

function ended(run) {
  choose(run);
  $("outResult").replaceChildren();
  refresh();
  if (run.state === "failed") return say($("writeStatus"), `Training failed: ${run.error ?? "no reason was given"}. What was saved before is kept.`, true);
  if (run.state === "finished" && ready) return write();
  say($("writeStatus"), run.state === "stopped" ? `Stopped at ${percent(run.progress)}. What was learned is kept: Generate writes with it, Continue trains on.` : "Trained. Press Generate.");
}

async function attempt(work, words, before) {
  before?.();
  if (words) say($("writeStatus"), words);
  try {
    return await work();
  } catch (error) {
    say($("writeStatus"), error.message, true);
  }
}

/** The question that a changed text, or a changed model, raises; nothing changed: no question. */
function notice(changed) {
  const box = $("writeNotice");
  box.hidden = !changed;
  if (!changed) return;
  const run = state.run;
  const what = changed.text && changed.model.length ? "The text and the model's settings have" : changed.text ? "The text has" : `The model's settings (${changed.model.map(label).join(", ")}) have`;
  const button = (words, kind, act) => h("button", { type: "button", class: `btn ${kind}`, onclick: () => (notice(), act()) }, words);
  box.className = "notice w-notice";
  box.replaceChildren(
    h("p", {}, `${what} changed since “${run.title}” was trained.`),
    h("div", { class: "tools" }, [
      changed.model.length ? null : button("Train on", "primary", () => begin({ parent: run.id })),
      button("Start over", changed.model.length ? "primary" : "", () => begin({})),
      button("Write with it as it is", "link", write),
    ]),
  );
  box.querySelector("button").focus();
}

// Writing

/** The line above the text: which model writes, or wrote, it. */
const by = (run) => $("wroteBy").replaceChildren(...(run ? [h("b", {}, run.title), ` · ${architecture(run)}`] : []));

/** The prompt set apart, and what follows it, from its beginning on. */
function shown(run, prompt, text = "") {
  by(run);
  const body = h("span", { id: "outText" }, text);
  $("outResult").replaceChildren(...(prompt ? [h("span", { class: "prompt" }, prompt)] : []), body);
  $("outResult").scrollTop = 0;
  return body;
}

// What a first visitor sees is prose: from an empty beginning this model may draw a table.
const FIRST = { prompt: "The ", seed: 13 };

async function write({ prompt = $("inpPrompt").value, seed } = {}) {
  const run = state.run;
  const stopper = (writing = new AbortController());
  letters.take(null);
  const out = grower(shown(run, prompt));
  $("btnHalt").disabled = false;
  say($("writeStatus"), "Writing …");
  state.written = ""; // until it is whole: half a word says nothing of a model under Look inside
  let written = "";
  let ending;
  try {
    const asked = { ...sampling.values(), temperature: Number($("inpBoldness").value), keep_prompt: false, prompt, ...(seed && { seed }) };
    const end = await api.write(run.id, asked, (piece) => (out.add(piece), (written += piece)), stopper.signal);
    ending = [[`${plural(end.characters, "character")} in ${duration(end.seconds)}, seed ${end.seed}`, end.changed].filter(Boolean).join("; "), false];
    // As the model read it: what is looked at later are its letters.
    if (prompt !== end.prompt) $("outResult").querySelector(".prompt").textContent = prompt = end.prompt;
  } catch (error) {
    ending = error.name === "AbortError" ? ["Stopped writing", false] : [error.message, true];
  }
  if (writing === stopper) state.written = written;
  if (stopper.signal.aborted) out.cut();
  else await out.end();
  if (writing !== stopper) return; // another press took over
  writing = null;
  $("btnHalt").disabled = true;
  $("btnCopy").disabled = !state.written;
  const wrote = { run: run.id, prompt, text: state.written.slice(0, 20_000) };
  remember.set("wrote", wrote);
  say($("writeStatus"), ...ending);
  if (!ending[1]) letters.take(wrote);
}

export function show() {
  if (state.run && state.run.id === remember.get("run")) offered = false; // chosen under Compare
  if (state.run && !busy(state.run)) watch(state.run);
}
