// Forms made from the server's description of its settings: a few in front, the rest under "More", in groups with a search.
// A setting that differs from its default is marked; one press sets it back.
import { remember } from "./state.js";
import { calm, h, plural } from "./ui.js";

const WIDE = new Set(["cell", "stop"]);
const PLACEHOLDERS = { seed: "drawn", stop: "for example \\n\\n", logit_bias: "for example e=-2" };

/**
 * Fill `box`, the body of a fold, with the fields of `options`: those named in `front` first, all others under "More".
 * defaults: where they differ from the options' own. What was set is remembered under `name`.
 * Returns { values(), suggest(values), changed() }: values are those that differ from the defaults, by name; suggest() gives other
 * defaults, which leave alone what somebody set; changed() is called when somebody changes one.
 */
export function form(box, name, options, front, defaults = {}, cells = []) {
  const made = { values, suggest, changed: () => {} };
  const changed = calm(() => made.changed(), 150);
  const entries = new Map();
  const counts = []; // [element, entries]: how many of these differ

  function values() {
    const found = [...entries.values()].filter(differs).map((entry) => [entry.field.name, read(entry)]);
    return Object.fromEntries(found.filter(([, value]) => value !== undefined));
  }

  function suggest(better) {
    for (const entry of entries.values()) {
      const { field, input } = entry;
      if (better[field.name] === undefined || differs(entry)) continue;
      if (input === document.activeElement) {
        // What somebody is about to type over does not change under the hands.
        input.addEventListener("blur", () => suggest({ [field.name]: better[field.name] }), { once: true });
        continue;
      }
      entry.start = asShown(field, better[field.name]);
      put(input, entry.start);
      named(entry);
    }
    shown();
  }

  function shown() {
    for (const entry of entries.values()) entry.row.classList.toggle("changed", differs(entry));
    for (const [element, own] of counts) {
      const many = own.filter(differs).length;
      element.textContent = many ? `${many} changed` : "";
    }
  }

  function set(entry) {
    remember.set(name, Object.fromEntries([...entries.values()].filter(differs).map(({ field, input }) => [field.name, raw(input)])));
    shown();
    changed();
  }

  function add(field, inFront) {
    const start = asShown(field, defaults[field.name] !== undefined ? defaults[field.name] : field.default);
    const id = `${name}-${field.name}`;
    const entry = { field, start, input: control({ ...field, id, start, cells }) };
    const { input } = entry;
    const help = h("span", { class: inFront ? "sr" : "help", id: `${id}-help` }, field.help);
    input.setAttribute("aria-describedby", help.id);
    input.addEventListener("input", () => set(entry));
    const back = () => (put(input, entry.start), set(entry), input.focus());
    const reset = (entry.reset = h("button", { type: "button", class: "reset", onclick: back }, "↺"));
    named(entry);
    const label = h("label", { for: id, title: inFront ? field.help : null }, field.label);
    const wide = !inFront || WIDE.has(field.name) ? "field wide" : "field";
    // A box to tick stands before its words, every other control below them.
    const check = input.type === "checkbox";
    entry.row = h("div", { class: wide }, h("div", { class: check ? "field-head check" : "field-head" }, check && input, label, reset), !check && input, help);
    entries.set(field.name, entry);
    return entry;
  }

  const byName = new Map(options.filter(({ group }) => group).map((field) => [field.name, field]));
  const main = front.map((key) => add(byName.get(key), true));
  const rest = Object.entries(Object.groupBy([...byName.values()].filter((field) => !front.includes(field.name)), ({ group }) => group));
  const groups = rest.map(([words, fields]) => {
    const own = fields.map((field) => add(field, false));
    return { words, own, box: folded(words, own, "group", own.map(({ row }) => row)) };
  });
  const all = [...entries.values()];
  const more = folded("More", groups.flatMap(({ own }) => own), "more", [search(name, groups, main), ...groups.map(({ box: one }) => one)]);
  box.closest("details").querySelector("summary").append(" ", many(all));
  box.replaceChildren(h("div", { class: "form-grid" }, main.map(({ row }) => row)), more);

  function many(own) {
    const element = h("span", { class: "many" });
    counts.push([element, own]);
    return element;
  }

  function folded(words, own, kind, children) {
    return h("details", { class: `fold ${kind}` }, h("summary", {}, words, " ", many(own)), h("div", { class: "fold-body" }, children));
  }

  const stored = remember.get(name, {});
  for (const { field, input } of all) if (stored[field.name] !== undefined && String(stored[field.name]) !== "") put(input, stored[field.name]);
  shown();
  return made;
}

const parts = (text) => text.toLowerCase().split(/[^\p{L}\d]+/u).filter(Boolean);

/** A box that leaves the settings with all of its words, or their beginnings: in their title, sentence, group or name. */
function search(name, groups, front) {
  const input = h("input", { type: "search", id: `${name}-search`, placeholder: "Search the settings", "aria-label": "Search the settings", autocomplete: "off", spellcheck: "false" });
  const status = h("p", { class: "foot", role: "status" });
  const open = new Map(); // which groups were open before the search
  const look = () => {
    const wanted = parts(input.value);
    const hit = ({ field }) => {
      const there = parts([field.label, field.help, field.group, field.name].join(" "));
      return wanted.every((word) => there.some((part) => part.startsWith(word)));
    };
    let found = 0;
    for (const { own, box } of groups) {
      if (wanted.length && !open.has(box)) open.set(box, box.open);
      const hits = own.filter(hit);
      found += hits.length;
      for (const entry of own) entry.row.hidden = !hits.includes(entry);
      box.hidden = !hits.length;
      box.open = wanted.length ? hits.length > 0 : (open.get(box) ?? box.open);
    }
    if (!wanted.length) open.clear();
    const above = front.filter(hit).map(({ field }) => field.label);
    const also = wanted.length && above.length ? `above: ${above.join(", ")}` : "";
    status.textContent = !wanted.length ? "" : found || also ? [found && plural(found, "setting"), also].filter(Boolean).join("; ") : "No setting has these words.";
  };
  input.addEventListener("input", look);
  return h("div", { class: "form-search", role: "search" }, input, status);
}

function named({ field, start, reset }) {
  const words = start === "" ? "not set" : start === true ? "on" : start === false ? "off" : start;
  reset.title = `Reset to ${words}`;
  reset.setAttribute("aria-label", `Reset ${field.label} to ${words}`);
}

const raw = (input) => (input.type === "checkbox" ? input.checked : input.value);
const differs = ({ input, start }) => raw(input) !== start;
const put = (input, value) => (input.type === "checkbox" ? (input.checked = value) : (input.value = value));

/** A value as a control shows it: true or false, else words. */
function asShown(field, value) {
  if (field.type === "bool") return Boolean(value);
  return Array.isArray(value) ? value.join("|") : String(value ?? "");
}

function control({ id, name, type, choices, start, cells, min, max }) {
  if (type === "bool") return h("input", { type: "checkbox", id, checked: start });
  const list = name === "cell" ? cells.map((cell) => [cell.name, cell.title]) : choices.map((choice) => [choice, choice]);
  if (list.length) {
    // A choice that may be left open has a first line for that.
    const select = h("select", { id }, start === "" && h("option", { value: "" }, "not set"), list.map(([value, words]) => h("option", { value: String(value) }, words)));
    select.value = start;
    return select;
  }
  const number = type === "int" || type === "float";
  const range = number ? { step: type === "int" ? "1" : "any", min: String(min ?? 0), max: max === null || max === undefined ? null : String(max) } : {};
  const placeholder = PLACEHOLDERS[name] ?? (start === "" ? "not set" : null);
  return h("input", { type: number ? "number" : "text", id, ...range, placeholder, value: start, autocomplete: "off", spellcheck: "false" });
}

/** The value of a field that was changed, as the server takes it; undefined where it was emptied and must be something. */
function read({ field, input }) {
  if (input.type === "checkbox") return input.checked;
  const text = input.value;
  if (Array.isArray(field.default)) return text.split("|").filter(Boolean).map((part) => part.replaceAll("\\n", "\n").replaceAll("\\t", "\t"));
  if (text === "") return field.optional ? null : undefined;
  return input.type === "number" ? Number(text) : text;
}
