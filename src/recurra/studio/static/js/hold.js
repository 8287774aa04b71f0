// Units held at a value at every letter: those that matter most come first, and a moved slider acts at once.
import { bar, inside, look, tone, unitTitle } from "./inside.js";
import { $, bits, h, latest, say, signed } from "./ui.js";

const PASSAGE = 200; // letters that are read with the units held
const PROMPT = 100; // of these, before the text that is written
const LISTED = 5; // units that are offered
const EXPECTED = 5; // letters in the bars
const DRAW = { length: 160, seed: 1, temperature: 0.7 };
const RANKED = "The units without which this text is hardest to guess come first; beside each, what it costs at most to hold it. A held unit has one value at every letter. Move a slider.";
const CHOSEN = "the unit chosen above";
const COSTLY = 2; // nats more at which a letter is as orange as it gets
let units = []; // { layer, unit, state, low, high, words, value }; value is null where it is not held
let end = PASSAGE; // the passage's end in the text
let turn = 0; // answers about another text are dropped

export function mount() {
  $("btnClampClear").addEventListener("click", () => (units.forEach((one) => (one.value = null)), list(), ask()));
}

const same = (one, other) => one.layer === other.layer && one.unit === other.unit && one.state === other.state;
const passage = () => look.reading.characters.slice(Math.max(0, end - PASSAGE), end);

/** Another text, or another model, was read: find the units that matter most, and hold the first of them. */
export async function reset() {
  const mine = ++turn;
  units = [];
  end = Math.min(PASSAGE, look.reading.characters.length);
  list();
  clear();
  $("clampNextBefore").replaceChildren();
  $("clampTextBefore").replaceChildren();
  $("clampBefore").textContent = "–";
  $("clampPassage").replaceChildren(...passage());
  say($("clampAbout"), "Finding the units that matter most …");
  try {
    const found = await most();
    if (mine !== turn) return;
    const others = units; // what was chosen meanwhile
    units = found.map((one) => ({ ...one, words: `${one.change >= 0 ? "+" : "−"}${bits(Math.abs(one.change))} bits a letter`, value: null }));
    if (units.length) units[0].value = found[0].value;
    units.push(...others.filter((one) => !units.some((known) => same(one, known))));
    say($("clampAbout"), found.length ? RANKED : "No letter of this text is guessed from another one: give the model more to read, and the units that matter most are found.");
    list();
    ask();
  } catch (error) {
    if (mine === turn) say($("clampAbout"), `${error.message}. Choose a unit above, and move its slider here.`);
  }
}

/** The units by what holding them does: of the state that is carried, or of the output where a cell lets hold no other. */
async function most() {
  const { states } = look.reading;
  const ask = async (state) => (await inside("effects", { state, limit: LISTED })).units;
  return ask(states.at(-1)).catch((error) => (states.length > 1 && error.status === 422 ? ask(states[0]) : Promise.reject(error)));
}

/** The unit that is shown can be held too: the last in the list. */
export function offer(chosen, low, high) {
  units = units.filter((one) => one.value !== null || one.words !== CHOSEN);
  if (!units.some((one) => same(one, chosen))) units.push({ ...chosen, low, high, words: CHOSEN, value: null });
  list();
}

/** The passage ends with this letter of the text. */
export function from(at) {
  end = at + 1;
  ask();
}

function list() {
  $("clampUnits").replaceChildren(...units.map(row));
  mark();
}

const mark = () => ($("btnClampClear").disabled = units.every(({ value }) => value === null));

function row(one) {
  const name = unitTitle(one);
  const reach = Math.max(1.5 * Math.max(Math.abs(one.low), Math.abs(one.high)), 0.1);
  const slider = h("input", { type: "range", min: String(-reach), max: String(reach), step: "any", "aria-label": `Hold ${name}` });
  const number = h("output", {});
  const free = h("button", { type: "button", class: "btn small", "aria-label": `Let ${name} go` }, "Let go");
  const silence = h("button", { type: "button", class: "btn small", "aria-label": `Silence ${name}`, title: "Hold it at 0" }, "Silence");
  const item = h("li", {}, h("span", { class: "held-name" }, name, h("small", {}, one.words)), slider, number, silence, free);
  const put = () => {
    item.classList.toggle("on", one.value !== null);
    slider.value = String(one.value ?? (one.low + one.high) / 2);
    number.textContent = one.value === null ? "free" : signed(one.value);
    slider.setAttribute("aria-valuetext", number.textContent);
    free.disabled = one.value === null;
  };
  const hold = (value) => ((one.value = value), put(), mark(), ask());
  slider.addEventListener("input", () => hold(Number(slider.value)));
  silence.addEventListener("click", () => hold(0));
  free.addEventListener("click", () => (hold(null), slider.focus()));
  put();
  return item;
}

const ask = latest(async (newer) => {
  const mine = turn;
  const clamps = units.filter(({ value }) => value !== null).map(({ layer, unit, state, value }) => ({ layer, unit, state, value }));
  const letters = passage();
  if (!clamps.length || !letters.length) return clear();
  const [text, prompt] = [letters.join(""), letters.slice(-PROMPT).join("")];
  try {
    // The numbers first, which are quick; the text when the slider rests.
    const numbers = await inside("clamp", { text, clamps, length: 0 });
    if (mine !== turn) return;
    show(numbers, letters);
    if (newer()) return;
    const { text: written } = await inside("clamp", { text, clamps, prompt, ...DRAW });
    if (mine === turn && !newer()) wrote(written, prompt);
  } catch (error) {
    if (mine === turn) say($("clampSaid"), error.message, true);
  }
});

function show({ loss, losses, next }, letters) {
  $("clampBefore").textContent = bits(loss.before);
  $("clampAfter").textContent = loss.after === null ? "–" : `${bits(loss.after)} (${loss.after >= loss.before ? "+" : "−"}${bits(Math.abs(loss.after - loss.before))})`;
  // The first letter of a passage follows from nothing: null less null is 0.
  const dearer = losses.after.map((nats, at) => nats - losses.before[at]);
  $("clampPassage").replaceChildren(...letters.map((letter, at) => h("span", { class: tone(-dearer[at], COSTLY) }, letter === "\n" ? "↵\n" : letter)));
  $("clampPassage").scrollTop = $("clampPassage").scrollHeight;
  say($("clampSaid"), "Orange letters are harder to guess with the units held, green ones easier. The bars are for the letter after the passage.");
  for (const [when, id] of [["before", "clampNextBefore"], ["after", "clampNextAfter"]])
    $(id).replaceChildren(...next[when].slice(0, EXPECTED).map(([symbol, share]) => bar(symbol, share, symbol === next.before[0][0])));
}

/** Both texts, with the same draws: what they share is grey. */
function wrote({ before, after }, prompt) {
  const [one, other] = [before, after].map((text) => [...text.slice(prompt.length)]);
  let shared = 0;
  while (shared < other.length && one[shared] === other[shared]) shared += 1;
  for (const [id, letters] of [["clampTextBefore", one], ["clampTextAfter", other]])
    $(id).replaceChildren(h("span", { class: "shared" }, letters.slice(0, shared).join("")), letters.slice(shared).join(""));
}

function clear() {
  $("clampAfter").textContent = "–";
  $("clampNextAfter").replaceChildren();
  $("clampTextAfter").replaceChildren();
  $("clampPassage").replaceChildren(...passage().join("").replaceAll("\n", "↵\n"));
  say($("clampSaid"), "");
}
