// What was written, letter by letter: a click shows which earlier letters mattered and what else could have come; what occurs
// word for word in the training text is shaded.
import * as api from "./api.js";
import { $, h, say } from "./ui.js";

const LEVELS = 4; // of the glow
const GAP = 8; // pixels around the box of a letter
const LEADING = 6; // pixels between the lines that count to the letter above or below
const marks = globalThis.CSS?.highlights; // ranges are coloured without a change to the text
const visible = (symbol) => symbol.replaceAll("\n", "↵").replaceAll("\t", "⇥").replaceAll(" ", "␣");
let wrote = null; // { run, prompt, text }
let at = null; // the chosen character, in the prompt and text together
let spans = [];
let goOn = () => {};
let turn = 0;

/** onward(prompt): called to write on from a letter of the visitor's choice. */
export function mount(onward) {
  goOn = onward;
  const out = $("outResult");
  out.addEventListener("click", (event) => {
    if (!getSelection().isCollapsed) return; // a part is being copied by hand
    const place = under(event);
    if (place !== null) choose(place);
  });
  out.addEventListener("pointermove", (event) => {
    const place = spans.length ? under(event) : null;
    const span = place === null ? null : spans.find(({ start, end }) => start <= place && place < end);
    out.title = span ? `Copied: … ${span.source} …` : "";
  });
  out.addEventListener("keydown", (event) => {
    const to = { ArrowLeft: (at ?? 1) - 1, ArrowRight: (at ?? 0) + 1, Enter: at ?? 1 }[event.key];
    if (event.key === "Escape") return close();
    if (to === undefined || event.ctrlKey || event.metaKey || event.altKey || !wrote) return;
    event.preventDefault();
    choose(to);
  });
  $("btnLetterClose").addEventListener("click", () => (close(), out.focus()));
}

/** A text is finished: wrote is the run's id, the prompt and what followed; null where there is none. */
export function take(done) {
  close();
  wrote = done?.run && done.text ? done : null;
  spans = [];
  marks?.delete("copied");
  if (wrote) copies(wrote);
}

const whole = () => [...(wrote.prompt + wrote.text)];

function close() {
  at = null;
  ++turn;
  $("letterBox").hidden = true;
  $("outResult").style.paddingBottom = "";
  for (let level = 1; level <= LEVELS; level++) marks?.delete(`glow${level}`);
  marks?.delete("chosen");
}

/** The character under the pointer, or null. */
function under({ clientX, clientY }) {
  if (!wrote) return null;
  const caret = document.caretPositionFromPoint?.(clientX, clientY);
  const range = caret ? null : document.caretRangeFromPoint?.(clientX, clientY);
  const [node, offset] = caret ? [caret.offsetNode, caret.offset] : [range?.startContainer, range?.startOffset];
  if (!node || !$("outResult").contains(node)) return null;
  const before = document.createRange();
  before.setStart($("outResult"), 0);
  before.setEnd(node, offset);
  // A caret stands between two letters; the one meant is the one whose box the pointer is in.
  const place = [...before.toString()].length;
  return [place, place - 1].find((one) => one >= 0 && boxes(one).some(({ left, right, top, bottom }) => left <= clientX && clientX <= right && top - LEADING <= clientY && clientY <= bottom + LEADING)) ?? null;
}

const boxes = (place) => [...(range(place, place + 1)?.getClientRects() ?? [])];

/** The range of some characters of the result. */
function range(start, end) {
  const found = document.createRange();
  const walker = document.createTreeWalker($("outResult"), NodeFilter.SHOW_TEXT);
  let seen = 0;
  let begun = false;
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const letters = [...node.data];
    const offset = (count) => letters.slice(0, count).join("").length;
    if (!begun && start < seen + letters.length) found.setStart(node, offset(start - seen)), (begun = true);
    if (begun && end <= seen + letters.length) return found.setEnd(node, offset(end - seen)), found;
    seen += letters.length;
  }
  return null;
}

const highlight = (name, places) => marks?.set(name, new Highlight(...places.map(([start, end]) => range(start, end)).filter(Boolean)));

async function choose(place) {
  const letters = whole();
  at = Math.max(1, Math.min(letters.length - 1, place));
  const mine = ++turn;
  try {
    const found = await api.post(api.run(wrote.run, "/inside/letter"), { text: window(letters), at: at - shift(letters) });
    if (mine === turn) show(found, letters);
  } catch (error) {
    if (mine === turn) $("letterBox").hidden = false, say($("letterSaid"), error.message, true);
  }
}

// The server reads so many characters at a time; of a longer text those around the letter.
const MOST = 4000;
const shift = (letters) => Math.max(0, Math.min(at - MOST / 2, letters.length - MOST));
const window = (letters) => letters.slice(shift(letters), shift(letters) + MOST).join("");

function show(found, letters) {
  const by = shift(letters);
  const [start, end] = [found.start + by, found.end + by];
  highlight("chosen", [[start, end]]);
  for (let level = 1; level <= LEVELS; level++)
    highlight(`glow${level}`, found.before.filter(([, , norm]) => Math.ceil(norm * norm ** 0.25 * LEVELS) === level).map(([from, to]) => [from + by, to + by]));
  const letter = letters.slice(start, end).join("");
  say($("letterSaid"), `“${visible(letter)}” had ${percent(found.chance)}. Letters that glow mattered most for it. Press one of these to write on with it:`);
  $("letterNext").replaceChildren(
    ...found.next.map(([symbol, chance]) => {
      const fill = h("i");
      fill.style.width = `${Math.max(100 * chance, 0.5)}%`;
      const onward = () => (close(), goOn(letters.slice(0, start).join("") + symbol));
      return h("li", { class: symbol === letter ? "came" : null }, h("button", { type: "button", class: "btn small symbol", title: "Write on from here with this one", "aria-label": `Write on with ${visible(symbol)}`, onclick: onward }, visible(symbol)), h("span", { class: "track" }, fill), h("span", { class: "share" }, percent(chance)));
    }),
  );
  // Not in front of the letter that it is about: the text moves up, with room below it where it ends too early for that.
  const [box, out] = [$("letterBox"), $("outResult")];
  box.hidden = false;
  const hidden = (boxes(start)[0]?.bottom ?? 0) + GAP - box.getBoundingClientRect().top;
  if (hidden > 0) out.style.paddingBottom = `${box.offsetHeight + 2 * GAP}px`, out.scrollTop += hidden;
}

const percent = (chance) => (chance < 0.01 ? "under 1 %" : `${Math.round(100 * chance)} %`);

async function copies(done) {
  try {
    const text = whole().slice(0, 5000).join("");
    const found = await api.post(api.run(done.run, "/inside/copies"), { text });
    if (wrote !== done || found.spans === null) return;
    spans = found.spans;
    highlight("copied", spans.map(({ start, end }) => [start, end]));
    const words = spans.length ? `${percent(found.fraction)} of it stands word for word in the text it learned from (shaded)` : `nothing in it is copied for ${found.minimum} letters in a row`;
    const status = $("writeStatus").textContent;
    $("writeStatus").textContent = status.endsWith(".") ? `${status} ${words[0].toUpperCase()}${words.slice(1)}.` : `${status}; ${words}`;
  } catch {
    // Symbols that the model cannot read, such as those of a prompt: what is copied is then not known, and nothing is shaded.
  }
}
