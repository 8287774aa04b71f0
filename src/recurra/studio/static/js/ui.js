// Elements, words and numbers. Text is only ever put in as text nodes, never as HTML.

export const $ = (id) => document.getElementById(id);

/** An element: h("li", {class: "x", onclick: f, "aria-label": "y"}, "text", child). null and false are left out. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element && typeof value !== "string") element[name] = value;
    else if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const integers = new Intl.NumberFormat("en");
export const count = (n) => (n === null || n === undefined ? "–" : integers.format(Math.round(n)));
export const bits = (nats) => (Number.isFinite(nats) ? (nats / Math.LN2).toFixed(2) : "–");
export const percent = (share) => `${Math.floor(100 * (share ?? 0) + 1e-9)} %`;
/** A number to so many digits, with a true minus sign. */
export const signed = (n, digits = 2) => n.toFixed(digits).replace("-", "−");
export const plural = (n, word) => `${count(n)} ${word}${n === 1 ? "" : "s"}`;

export function size(bytes) {
  if (!Number.isFinite(bytes)) return "–";
  const power = Math.min(3, Math.max(0, Math.floor(Math.log10(Math.max(bytes, 1)) / 3)));
  return `${(bytes / 1000 ** power).toFixed(power && bytes / 1000 ** power < 10 ? 1 : 0)} ${["B", "kB", "MB", "GB"][power]}`;
}

export function duration(seconds) {
  if (!Number.isFinite(seconds)) return "–";
  if (seconds < 1) return "< 1 s";
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min${seconds < 600 && Math.round(seconds % 60) ? ` ${Math.round(seconds % 60)} s` : ""}`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

export const date = (iso) =>
  iso ? new Date(iso).toLocaleString("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" }) : "–";

/** A line of status, in the colour of trouble where it is one. */
export function say(element, words, bad = false) {
  element.textContent = words;
  element.classList.toggle("bad", bad);
}

/** A run in a few words: "LSTM, 2 layers of 256". */
export function architecture(run) {
  const width = Array.isArray(run.units) ? [...new Set(run.units)].join(", ") : run.units;
  return `${cellTitle(run.cell)}, ${run.layers === 1 ? "1 layer" : `${run.layers} layers`} of ${width}`;
}
/** A cell's title by its name, from GET /api/about. */
export const titles = new Map();
export const cellTitle = (name) => titles.get(name) ?? name;

/** What people call a setting, by its name, from GET /api/about. */
export const labels = new Map();
export const label = (name) => labels.get(name) ?? name;

/** The options of a select, [[value, words], …], keeping what is chosen where it is still there. */
export function choices(select, pairs, chosen = select.value) {
  select.replaceChildren(...pairs.map(([value, words]) => h("option", { value: String(value) }, words)));
  if (pairs.some(([value]) => String(value) === String(chosen))) select.value = String(chosen);
}

/** Ask in a dialog: resolves to the field's text (or true), or null where it was left. */
export function ask({ title, words, field, value = "", yes, danger = false }) {
  const dialog = $("dialog");
  const input = field && h("input", { type: "text", value, maxlength: "200", autocomplete: "off" });
  const form = h(
    "form",
    { method: "dialog" },
    h("h2", { id: "dialogTitle" }, title),
    words && h("p", {}, words),
    input && h("label", { class: "field" }, field, input),
    h(
      "div",
      { class: "tools" },
      h("button", { type: "submit", class: "btn", value: "no", formnovalidate: true }, "Cancel"),
      h("button", { type: "submit", class: danger ? "btn danger" : "btn primary", value: "yes" }, yes),
    ),
  );
  // Enter in the field means yes: without this the first button, Cancel, would be pressed.
  input?.addEventListener("keydown", (event) => {
    if (event.key === "Enter") event.preventDefault(), dialog.close("yes");
  });
  dialog.replaceChildren(form);
  dialog.returnValue = "no";
  dialog.showModal();
  if (input) input.focus(), input.select();
  return new Promise((resolve) =>
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes" ? (input ? input.value.trim() : true) : null), { once: true }),
  );
}

/** Put a text on the clipboard, at an address without TLS too, where the browser has no other way than the old one. */
export async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const box = document.body.appendChild(h("textarea", { class: "sr" }, text));
  box.select();
  const done = document.execCommand("copy");
  box.remove();
  if (!done) throw new Error("The browser does not let this page copy; select the text and copy it yourself");
}

/** Call f once the calls have paused for so many milliseconds. */
export function calm(f, wait = 250) {
  let timer;
  return (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => f(...given), wait);
  };
}

/** Run f for the latest call only: one run at a time, and of the calls that come meanwhile the last one. f is given newer(): whether
 * such a call waits. */
export function latest(f) {
  let waits = false;
  let runs = false;
  return async () => {
    waits = true;
    if (runs) return;
    runs = true;
    try {
      while (waits) {
        waits = false;
        await f(() => waits);
      }
    } finally {
      runs = false;
    }
  };
}

const FRAMES = 16; // of a second; what came at once is shown in about so many

/** Text that grows into an element, some letters a frame, however fast it comes; the view stays at its beginning.
 * `await end()` shows the rest at that pace, `cut()` at once. */
export function grower(element) {
  let waiting = "";
  let frame = 0;
  let done = () => {};
  const put = (text) => element.append(text);
  const step = () => {
    // A letter is never cut in two.
    const letters = [...waiting];
    const now = letters.slice(0, Math.max(6, Math.ceil(letters.length / FRAMES))).join("");
    waiting = waiting.slice(now.length);
    put(now);
    frame = waiting ? requestAnimationFrame(step) : (done(), 0);
  };
  const cut = () => {
    cancelAnimationFrame(frame);
    frame = 0;
    put(waiting);
    waiting = "";
    element.normalize();
    done();
  };
  element.replaceChildren();
  return {
    add(text) {
      waiting += text;
      // A tab in the background gets no frames; the text must be there when it comes back.
      if (document.hidden) cut();
      else frame ||= requestAnimationFrame(step);
    },
    async end() {
      if (frame && !document.hidden) await new Promise((resolve) => (done = resolve));
      cut();
    },
    cut,
  };
}
