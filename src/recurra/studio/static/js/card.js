// The card: the model in use and its recipe; or, where the next press of Generate trains another one, what that one will take.
import * as api from "./api.js";
import { given, text } from "./source.js";
import { busy, on, remember, state } from "./state.js";
import { $, architecture, bits, calm, count, duration, h, label, plural, say, size } from "./ui.js";

const SHAPE = ["cell", "num_layers", "hidden_size", "embedding_size"]; // what makes it another model
const MEASURING = 1500; // ms until the machine's speed, which is measured when it is first wanted, is looked for again
let model;
let trains;
let turn = 0;

/** settings: the form. willTrain(): whether Generate trains in any case, since there is no model or not one of this text. */
export function mount(settings, willTrain) {
  [model, trains] = [settings, willTrain];
  model.changed = card;
  for (const news of ["source", "run", "runs"]) on(news, () => card());
}

/** Keep what a run was started with, so that `different` knows what was changed since. */
export const started = (run, values) => remember.set("started", { run: run.id, values });

/** The names of settings in the form that make another model than a run is. */
export function different(run) {
  const wanted = model.values();
  const { run: id, values = {} } = remember.get("started", {});
  const had = (name) => (id === run.id ? values[name] : name in wanted ? run.settings?.[name] : undefined);
  return SHAPE.filter((name) => String(wanted[name]) !== String(had(name)));
}

/** Whether a run learned the text that `from` names, { text } or { corpus }; null: there is none to compare. */
export const sameText = (run, from) => !from || (from.corpus ? run.text?.corpus === from.corpus : run.text?.id === from.text);

const source = () => (text.corpus ? { corpus: text.corpus } : text.id ? { text: text.id } : null);
const inUse = (run) => !trains() && (!given() || (!text.dirty && sameText(run, source()) && !different(run).length));

const card = calm(async (tries = 0) => {
  const run = state.run;
  const mine = ++turn;
  const shown = run && (busy(run) || inUse(run));
  if (shown) describe(run);
  if (busy(run)) return;
  const about = source() ?? { characters: text.characters ? Math.max(text.characters, 2) : 100_000 };
  try {
    const costs = await api.post("card", { ...about, settings: model.values() });
    if (mine !== turn) return;
    model.suggest(costs.settings);
    if (!shown) planned(costs);
    if (costs.speed === null && tries < 10) setTimeout(() => mine === turn && card(tries + 1), MEASURING);
  } catch (error) {
    if (mine === turn) say($("cardWords"), error.message, true);
  }
}, 200);

const sentence = (words) => words && words[0].toUpperCase() + words.slice(1);

function fill(heading, line, figures, facts, words) {
  $("h-card").textContent = heading;
  $("cardLine").textContent = line;
  [$("cardParameters").textContent, $("cardSize").textContent, $("termTime").textContent, $("cardTime").textContent] = figures;
  $("cardFacts").replaceChildren(...facts.filter(([, value]) => value).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
  say($("cardWords"), words);
}

function describe(run) {
  const training = busy(run);
  const time = run.packaged ? ["Time here", "ready"] : training ? ["Time here", "under way"] : ["Trained for", duration(run.seconds || NaN)];
  const read = [run.text?.name, run.text?.characters && plural(run.text.characters, "character")].filter(Boolean).join(", ");
  const where = run.settings?.validation === 0 ? "the text it learned" : "text it did not learn";
  const loss = Number.isFinite(run.loss) ? `${bits(run.loss)} bits a character on ${where}` : "";
  const changed = run.packaged ? [] : Object.entries(run.changed ?? {}).map(([name, value]) => `${label(name)} ${value}`);
  const facts = [["Learned from", read], ["Loss", loss], ["Recipe", sentence(run.recipe)], ["Set by hand", changed.join(", ")]];
  fill(training ? "The model in training" : "The model in use", architecture(run), [count(run.parameters), size(run.bytes ?? 4 * run.parameters), ...time], facts, run.packaged ? "With a text of yours, this card is about the model that learns it." : "");
}

function planned({ parameters, bytes, seconds, settings, recipe, words }) {
  const there = text.corpus || text.characters;
  const line = architecture({ cell: settings.cell, layers: settings.num_layers, units: settings.hidden_size });
  fill("The model to be trained", line, [count(parameters), size(bytes), "Time here", there ? duration(seconds) : "–"], [["Recipe", there && sentence(recipe)]], there ? words.join(" ") : "");
}
