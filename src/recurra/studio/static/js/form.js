// Forms made from the server's description of its settings: a few fields in front, the rest folded away.
import { remember } from "./state.js";
import { calm, h } from "./ui.js";

const LABELS = {
  cell: "Cell",
  num_layers: "Layers",
  hidden_size: "Units a layer",
  minutes: "Minutes",
  epochs: "Epochs",
  seed: "Seed",
  length: "Characters",
  top_k: "Top-k",
  top_p: "Top-p",
  min_p: "Min-p",
  stop: "Stop at",
};
const SECTIONS = { text: "Vocabulary", data: "Data", model: "Model", training: "Training", generation: "Generation" };
const label = (field) => LABELS[field.name] ?? field.label ?? field.name.replaceAll("_", " ").replace(/^./, (c) => c.toUpperCase());

/**
 * Fill `box` with the fields of `options`; those named in `front` first, all others under "More".
 * What was set is remembered under `name`. Returns { values(), set(name, value), onchange }.
 */
export function form(box, name, options, front, defaults = {}, cells = []) {
  const given = remember.get(name, {});
  const inputs = new Map();
  const made = { values, set, changed: () => {} };
  const changed = calm(() => made.changed(), 150);

  function values() {
    const found = {};
    for (const [key, { field, input }] of inputs) {
      const value = read(field, input);
      if (value !== undefined) found[key] = value;
    }
    return found;
  }

  function set(key, value) {
    const entry = inputs.get(key);
    if (!entry) return;
    if (entry.input.type === "checkbox") entry.input.checked = value;
    else entry.input.value = value ?? "";
    entry.input.dispatchEvent(new Event("input", { bubbles: true }));
  }

  function add(field, main) {
    const start = defaults[field.name] !== undefined ? defaults[field.name] : field.default;
    const id = `${name}-${field.name}`;
    const input = control({ ...field, id, start, cells });
    inputs.set(field.name, { field: { ...field, start }, input });
    if (given[field.name] !== undefined && String(given[field.name]) !== "") put(input, given[field.name]);
    input.addEventListener("input", () => {
      const all = {};
      for (const [key, entry] of inputs) {
        const value = entry.input.type === "checkbox" ? entry.input.checked : entry.input.value;
        const first = entry.input.type === "checkbox" ? Boolean(entry.field.start) : entry.input.dataset.start;
        if (value !== first) all[key] = value;
      }
      remember.set(name, all);
      changed();
    });
    const help = h("span", { class: "help", id: `${id}-help` }, field.help);
    input.setAttribute("aria-describedby", help.id);
    if (input.type === "checkbox") return h("div", { class: "field wide" }, h("label", { class: "check" }, input, label(field)), help);
    // In front the sentence is a tooltip, folded away it is shown.
    if (main) help.classList.add("sr");
    return h("div", { class: main && !WIDE.has(field.name) ? "field" : "field wide" }, h("label", { for: id, title: main ? field.help : null }, label(field)), input, help);
  }

  const byName = new Map(options.map((field) => [field.name, field]));
  const main = front.filter((key) => byName.has(key)).map((key) => add(byName.get(key), true));
  const rest = Object.entries(Object.groupBy(options.filter((field) => !front.includes(field.name)), (field) => field.section ?? ""));
  const more = rest.map(([section, fields]) => [rest.length > 1 && h("h3", { class: "wide" }, SECTIONS[section] ?? section), fields.map((field) => add(field, false))]);
  box.replaceChildren(h("div", { class: "form-grid" }, main), h("details", { class: "fold" }, h("summary", {}, "More"), h("div", { class: "fold-body form-grid" }, more.flat(2))));
  return made;
}

const WIDE = new Set(["cell", "stop", "logit_bias"]);

function control({ id, name, type, choices, start, cells, min, max, optional }) {
  if (type === "bool") return h("input", { type: "checkbox", id, checked: Boolean(start) });
  const list = name === "cell" ? cells.map((cell) => [cell.name, cell.title]) : (choices ?? []).map((choice) => [choice, choice]);
  if (list.length) {
    const select = h("select", { id }, list.map(([value, words]) => h("option", { value: String(value) }, words)));
    select.value = String(start);
    select.dataset.start = select.value;
    return select;
  }
  const number = type === "int" || type === "float";
  const range = number ? { step: type === "int" ? "1" : "any", min: String(min ?? 0), max: max === null || max === undefined ? null : String(max) } : {};
  const input = h("input", { type: number ? "number" : "text", id, ...range, autocomplete: "off", spellcheck: "false" });
  input.dataset.start = Array.isArray(start) ? start.join("|") : String(start ?? "");
  input.value = input.dataset.start;
  if (start === null || start === undefined) input.placeholder = name === "seed" ? "drawn" : "not set";
  if (name === "stop") input.placeholder = "for example \\n\\n";
  if (name === "logit_bias") input.placeholder = "for example e=-2";
  return input;
}

function put(input, value) {
  if (input.type === "checkbox") input.checked = value;
  else input.value = value;
}

/** What a field says, undefined where it is as it started: the server knows its own defaults. */
function read(field, input) {
  if (input.type === "checkbox") return input.checked === Boolean(field.start) ? undefined : input.checked;
  const text = input.value;
  if (text === input.dataset.start) return undefined;
  if (text === "") return field.optional ? null : undefined;
  if (Array.isArray(field.start)) return text.split("|").filter(Boolean).map((part) => part.replaceAll("\\n", "\n").replaceAll("\\t", "\t"));
  return input.type === "number" ? Number(text) : text;
}
