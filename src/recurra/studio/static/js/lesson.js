// One class hour in ten steps: what a state is, why it fades, what a gate does, and what follows. Each step has something to do on
// the model at hand, and a question.
import * as api from "./api.js";
import { drawCell, drawTape, equationsOf, legend, visible } from "./cell.js";
import { able, remember, state } from "./state.js";
import { $, architecture, cellTitle, count, duration, h, latest } from "./ui.js";

const LENGTH = 160; // letters of the text that the class reads
const FAR = [1, 2, 5, 10, 20, 50];
/** What the three that ship with Recurra read here: one text for all, in the manner of what they learned from. */
const PASSAGE = 'The "for" statement takes the items of a list, one after another. The name before "in" stands for the item at hand (a number, a word, or an object), and the lines below are executed once for each. When the list is empty, nothing happens; when a "break" is executed, the loop ends before the last item. The name is not deleted then: it keeps the value that it had.';

const STEPS = [
  {
    title: "A state",
    words: "A recurrent cell reads one letter at a time. What it knows of all letters before is in its state: a list of numbers, h. Here is one of them. At each letter a new h is made from the letter and from the old h, by the one line below.",
    task: "Step through the text. When does h fall, and when does it rise? The same letter twice: is h the same?",
    make: (box) => walk(box, "rnn", { follow: "h'", unit: byPlaceInWord }),
    question: "The cell has let go of the letters themselves. Where is the word that it is in the middle of?",
    answer: "Spread over all the numbers of h, and nowhere else. Two texts that lead to the same h are continued alike.",
  },
  {
    title: "Why it fades",
    words: "At each step h goes through the same weights and through tanh again. What an early letter left in it is multiplied each time, and mostly shrinks. The bars show how much a prediction depends on a letter so many steps back.",
    task: "Read off after how many letters less than a hundredth is left.",
    make: (box) => far(box, ["rnn"]),
    question: "Why can the network not learn what depends on a letter a hundred places back?",
    answer: "What it learns from is this same quantity, the gradient. Where nothing of it is left, nothing says in which direction to change a weight.",
  },
  {
    title: "A gate",
    words: "A gate is a number between 0 and 1, made from the letter and the state by σ. It multiplies: at 1 all of a number passes, at 0 nothing. In the drawing it is a valve that fills as it opens.",
    task: "Play, and find the letters at which f closes. Then pause: where will it close next?",
    make: (box) => walk(box, "lstm", { follow: "f", unit: closingAtSpaces }),
    question: "Why σ, and not tanh as elsewhere?",
    answer: "σ gives 0 to 1: a part of something. tanh gives −1 to 1: a gate of −1 would turn the number's sign, which is no keeping.",
  },
  {
    title: "Keep, write, show",
    words: "An LSTM carries a second number, c. f says how much of it is kept, i how much of the new is written, o how much is shown as h. Between two steps nothing else touches c: it is only multiplied by f and added to.",
    task: "Watch c over a few letters. Then press c on the left and change it: what changes at once, what only at the next letter?",
    make: (box) => walk(box, "lstm", { follow: "c'", unit: writingMost, change: true }),
    question: "f stays at 1 and i at 0 for fifty letters. What becomes of c, and of its gradient?",
    answer: "Both stay as they are. That is the whole trick: what is carried without being squeezed does not fade.",
  },
  {
    title: "How far back",
    words: "The same measure as before, for the cell without gates and for two with gates. All three have the same width, have learned from the same text, and read the same passage here.",
    task: "Compare the three at 20 letters, then at 50.",
    make: (box) => far(box, ["rnn", "gru", "lstm"]),
    question: "A GRU has no c. What takes its place?",
    answer: "h itself: z mixes the old h with the new, so that at z = 1 the old one passes unchanged.",
  },
  {
    title: "Depth",
    words: "Layers stand above each other: the first reads letters, the second reads the first one's h, letter by letter. The table shows what each layer costs, from the numbers of this machine.",
    task: "What does one more layer cost, in parameters and in time?",
    make: depth,
    question: "Does a second layer remember further back?",
    answer: "Not by itself: every layer has its own state and its own gates. It sees patterns of patterns, such as words in place of letters.",
  },
  {
    title: "Both directions",
    words: "Who labels or translates a text has all of it. Then a second cell may read from the end, and each letter knows what comes before and after. Guess the word, first with its left side only.",
    task: "Guess, then press the button.",
    make: directions,
    question: "Why does a model that writes read in one direction only?",
    answer: "What comes after is what it is to write: it is not there yet.",
  },
  {
    title: "Dropout",
    words: "A network can learn a small text by heart. Dropout leaves out some of its numbers, others at every step of training, so that none can rely on a single other one. When it writes, all are there.",
    task: "Press a few times. How often is the same unit out twice in a row at 50 %?",
    make: dropout,
    question: "What shows that a model learns by heart?",
    answer: "The training loss falls while the loss on the part that was held out rises. Under “Write like this” both are in one chart.",
  },
  {
    title: "Which cell when",
    words: "What the three are for. A measure on your own text is worth more than any rule: it stands at the end of this page, with the same number of parameters and the same time for each.",
    task: "Say first which you expect to win on your text, then measure.",
    make: which,
    question: "Two cells differ by 0.01 bits. Is one better?",
    answer: "One run says little: another start of the random numbers moves a result by as much. Measure again with another seed.",
  },
  {
    title: "Writing",
    words: "The network gives each letter a chance. Writing draws one of them, reads it as the next letter, and so on. Boldness bends the chances before the draw: towards 0 the likeliest letter always wins, above 1 the unlikely ones gain.",
    task: "Move the slider, and draw.",
    make: writing,
    question: "At boldness 0 a text runs in circles sooner or later. Why?",
    answer: "It always takes the likeliest letter. Once a state comes back, all that followed it comes back.",
  },
];

let shown = -1; // the step that is shown
let turn = 0; // what belongs to a step that was left is dropped

export function mount() {
  $("lessonSteps").replaceChildren(...STEPS.map(({ title }, index) => h("li", {}, h("button", { type: "button", "aria-pressed": "false", onclick: () => open(index) }, h("b", {}, String(index + 1)), ` ${title}`))));
  $("btnLessonBack").addEventListener("click", () => open(place() - 1));
  $("btnLessonNext").addEventListener("click", () => open(place() + 1));
}

const place = () => Math.max(0, Math.min(STEPS.length - 1, Number(remember.get("lesson", 0)) || 0));

/** Show the step that was left last; drawings are made when the view is seen. */
export function show() {
  if (shown !== place()) open(place());
}

async function open(index) {
  const step = STEPS[Math.max(0, Math.min(STEPS.length - 1, index))];
  const at = STEPS.indexOf(step);
  remember.set("lesson", at);
  shown = at;
  const mine = ++turn;
  [...$("lessonSteps").querySelectorAll("button")].forEach((button, k) => button.setAttribute("aria-pressed", String(k === at)));
  $("btnLessonBack").disabled = at === 0;
  $("btnLessonNext").disabled = at === STEPS.length - 1;
  const box = h("div", { class: "lesson-do" });
  $("lessonBody").replaceChildren(
    h("h3", { class: "lesson-title" }, `${at + 1}. ${step.title}`),
    h("p", { class: "lesson-words" }, step.words),
    h("p", { class: "lesson-task" }, h("b", {}, "To do: "), step.task),
    box,
    h("details", { class: "lesson-question" }, h("summary", {}, step.question), h("p", {}, step.answer)),
    STEPS[at + 1] ? h("div", { class: "tools" }, h("button", { type: "button", class: "btn primary", onclick: () => (open(at + 1), $("lessonBody").scrollIntoView({ block: "nearest" })) }, `Next: ${STEPS[at + 1].title}`)) : "",
  );
  try {
    await step.make(box, () => mine === turn);
  } catch (error) {
    shown = -1;
    if (mine === turn) box.replaceChildren(h("p", { class: "bad" }, error.message));
  }
}

/** The model of a cell: the one in use, else the newest of one's own, else the one that ships with Recurra; or that one alone. */
function modelOf(cell, packaged = false) {
  const found = [state.run, ...state.runs].filter((run) => !packaged || run?.packaged).find((run) => able(run) && run.cell === cell && run.settings?.context !== 100);
  if (!found) throw new Error(`There is no ${cellTitle(cell)} yet: train one under “Write like this”.`);
  return found;
}

const texts = new Map(); // what a model wrote for the class, by its run

/** A text that the model can read: the passage, or what a model of one's own writes. Of a few tries the one with most letters, without
 * the runs of blanks that some fall into: tables and rules are no text for a class. */
async function textOf(run) {
  if (run.packaged) return PASSAGE;
  const letters = (text) => [...text.slice(0, LENGTH)].filter((letter) => /[\p{L}\p{M} ]/u.test(letter)).length;
  for (let seed = 2; seed < 5 && letters(texts.get(run.id) ?? "") < 0.85 * LENGTH; seed++) {
    let text = "";
    await api.write(run.id, { prompt: "", keep_prompt: false, length: 400, temperature: 0.6, seed }, (piece) => (text += piece));
    const plain = text.trimStart().replace(/(\s)\s+/g, "$1");
    const one = plain.length > 2 ? plain : text;
    if (letters(one) >= letters(texts.get(run.id) ?? "")) texts.set(run.id, one);
  }
  return texts.get(run.id);
}

const about = (run, { others = false, after = "" } = {}) => h("p", { class: "muted" }, `${others ? "Each is 1 layer of 128" : architecture(run)}, which has learned from ${run.packaged ? "Python’s manual" : `“${(run.text?.name ?? run.title).replace(/^["“„«]+/, "")}”`}.${after}`);

// Which unit is followed, each by what it does on this text: `ask` is a question about it.
/** One whose state tells the end of a word from its beginning; where there are no words, the one that varies most. */
async function byPlaceInWord(ask) {
  const best = (sort) => ask("units", { layer: 0, state: "h", limit: 1, ...sort });
  return (await best({ feature: "word position" }).catch(() => best({ sort: "variance" }))).units[0].unit;
}

/** Of the units whose f moves most, the one that closes best at white space. */
async function closingAtSpaces(ask, letters) {
  const { units, values } = await ask("gates", { layer: 0, gate: "f", count: letters.length, units: 24 });
  const mean = (kept) => kept.reduce((sum, value) => sum + value, 0) / (kept.length || 1);
  const part = (row) => mean(row.filter((_, at) => !/\s/.test(letters[at]))) - mean(row.filter((_, at) => /\s/.test(letters[at])));
  return units[values.map(part).reduce((best, value, index, all) => (value > all[best] ? index : best), 0)];
}

/** The unit whose i moves most. */
const writingMost = async (ask) => (await ask("gates", { layer: 0, gate: "i", count: LENGTH, units: 1 })).units[0];

/** The drawing of a cell over a text, with a bar under each letter for the part that is followed. change: the state's number can be set. */
async function walk(box, cell, { follow, unit, change = false }) {
  const run = modelOf(cell);
  const text = await textOf(run);
  const ask = (rest, given) => api.post(api.run(run.id, `/inside/${rest}`), { text, ...given });
  const letters = [...text].slice(0, LENGTH);
  const chosen = await unit(ask, letters);
  const wires = (more = {}) => ask("wires", { layer: 0, unit: chosen, count: LENGTH, ...more });
  let found = await wires();
  const valves = new Set(found.drawing.parts.filter(({ valve }) => valve).map(({ name }) => name));
  const sizes = Object.fromEntries(Object.entries(found.values).map(([name, kept]) => [name, valves.has(name) ? 1 : Math.max(...kept.map(Math.abs), 1e-6)]));
  // Where a number is changed f is open, or nothing would come of it.
  let at = Math.min(change ? Math.max(6, found.values.f.findIndex((value, place) => place > 5 && value > 0.9)) : 6, letters.length - 1);
  const line = h("div", { class: "cell-text traced", "aria-hidden": "true" });
  const slider = h("input", { type: "range", class: "cell-at", min: "0", max: String(letters.length - 1), step: "1", "aria-label": "Place in the text" });
  const stage = h("div", { class: "cell-stage", tabindex: "0", role: "region", "aria-label": `${cellTitle(cell)}, drawn` });
  const hint = () => [h("p", { class: "muted" }, "Press h or c at the left of the drawing: a slider for it comes here.")];
  const setting = h("div", { class: "cell-change lesson-change", hidden: !change }, hint());
  const pick = async (name) => {
    if (!at) return;
    const number = h("input", { type: "range", min: String(-1.5 * sizes[name]), max: String(1.5 * sizes[name]), step: "any", "aria-label": `${name} before this letter` });
    number.value = String(found.values[name][at]);
    const moment = at;
    const follow = latest(async () => {
      found = await wires({ change: { at: moment - 1, layer: 0, unit: chosen, state: name, value: Number(number.value) } });
      go(at);
    });
    number.addEventListener("input", follow);
    setting.replaceChildren(h("label", { class: "field grow" }, `${name} before “${visible(letters[at])}”`, number), h("button", { type: "button", class: "btn small", onclick: async () => (setting.replaceChildren(...hint()), (found = await wires()), go(at)) }, "As it was"));
    number.focus({ preventScroll: true });
  };
  const picture = drawCell(stage, found.drawing, { most: 1.5, tall: 440, room: box.clientWidth, pick: change ? pick : undefined, pickable: (part) => part.kind === "state", title: `${cellTitle(cell)}: one step` });
  function go(to) {
    at = Math.max(0, Math.min(letters.length - 1, to));
    slider.value = String(at);
    drawTape(line, letters, at, found.values[follow].map((value) => value / (sizes[follow] || 1)));
    picture.show(Object.fromEntries(Object.entries(found.values).map(([name, kept]) => [name, kept[at]])), sizes, `“${visible(letters[at])}”`);
  }
  slider.addEventListener("input", () => go(Number(slider.value)));
  const step = (words, by, label) => h("button", { type: "button", class: "btn small", "aria-label": label, onclick: () => go(at + by) }, words);
  let timer = 0;
  const play = h("button", { type: "button", class: "btn small primary", onclick: () => (timer ? pause() : ((play.textContent = "Pause"), picture.flow(true), (timer = setInterval(() => (play.isConnected && at < letters.length - 1 ? go(at + 1) : pause()), 700)))) }, "Play");
  const pause = () => (clearInterval(timer), (timer = 0), picture.flow(false), (play.textContent = "Play"));
  const read = about(run, { after: ` One of its units is drawn; the bars under the letters are its ${follow}${valves.has(follow) ? ", from 0 to 1" : ""}.` });
  box.replaceChildren(h("div", { class: "tools lesson-play" }, step("◂", -1, "One letter back"), play, step("▸", 1, "One letter on"), slider), line, setting, stage, read, equationsOf(found.drawing, picture.mark), h("p", { class: "muted" }, legend(found.drawing)));
  go(at);
}

/** One digit, written out: 0.000006. */
const plain = (value) => value.toFixed(Math.max(0, -Math.floor(Math.log10(value))));

/** How much is left of a letter so many steps back, as bars, for one cell or several. */
async function far(box, names) {
  const rows = await Promise.all(
    names.map(async (cell) => {
      const run = modelOf(cell, names.length > 1); // those that ship with Recurra have one width and one text
      const { norms } = await api.post(api.run(run.id, "/inside/memory"), { text: await textOf(run), lags: Math.max(...FAR) });
      return [cell, run, norms];
    }),
  );
  const cell = (part) => {
    const fill = h("i");
    fill.style.width = `${Math.min(100, 100 * part)}%`;
    return h("td", {}, h("span", { class: "track" }, fill), h("span", { class: "share" }, part < 1e-9 ? "< 0.0000001 %" : `${part >= 0.1 ? Math.round(100 * part) : plain(100 * part)} %`));
  };
  box.replaceChildren(
    about(rows[0][1], { others: names.length > 1 }),
    h("table", { class: "runs far" }, h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Letters back"), rows.map(([name]) => h("th", { scope: "col" }, cellTitle(name))))), h("tbody", {}, FAR.map((lag) => h("tr", {}, h("th", { scope: "row" }, String(lag)), rows.map(([, , norms]) => cell(norms[lag - 1])))))),
  );
}

/** What layers cost, from the card: its speed is of this machine. */
async function depth(box) {
  const rows = await Promise.all([1, 2, 3, 4].map((layers) => api.post("card", { characters: 1_000_000, settings: { cell: "lstm", num_layers: layers, hidden_size: 128 } })));
  box.replaceChildren(
    h("table", { class: "runs" }, h("thead", {}, h("tr", {}, ["LSTM layers of 128", "Parameters", "Time to learn from a million letters, here"].map((words, k) => h("th", { scope: "col", class: k ? "num" : null }, words)))), h("tbody", {}, rows.map((row, k) => h("tr", {}, h("th", { scope: "row" }, String(k + 1)), h("td", { class: "num" }, count(row.parameters)), h("td", { class: "num" }, row.speed ? duration(1e6 / row.speed) : "not measured yet"))))),
  );
}

const GAPS = [
  ["They sat down on the ", "bank", " and watched the river go by."],
  ["She paid the money into the ", "bank", " before it closed at four."],
  ["He could hear the ", "bark", " of a dog behind the house."],
  ["Moss grew on the ", "bark", " of the old tree."],
];

function directions(box) {
  const list = GAPS.map(([left, word, right]) => {
    const line = h("li", {}, left, h("span", { class: "gap" }, "____"));
    return h("div", { class: "gap-row" }, line, h("button", { type: "button", class: "btn small", onclick: ({ target }) => (line.append(right), (target.textContent = "Show the word"), (target.onclick = () => (line.querySelector(".gap").replaceWith(h("b", {}, word)), target.remove()))) }, "Read from the right too"));
  });
  box.replaceChildren(h("ol", { class: "gaps" }, list));
}

function dropout(box) {
  const rate = h("input", { type: "range", min: "0", max: "0.9", step: "0.1", "aria-label": "Part that is left out" });
  rate.value = "0.5";
  const words = h("output", {});
  const units = Array.from({ length: 24 }, () => h("i", {}));
  const draw = () => {
    for (const unit of units) unit.classList.toggle("dropped", Math.random() < Number(rate.value));
    const out = units.filter((unit) => unit.classList.contains("dropped")).length;
    words.textContent = `${out} of ${units.length} are out; the others are multiplied by ${(1 / (1 - Number(rate.value))).toFixed(2)}, so that the sum stays the same on average`;
  };
  rate.addEventListener("input", draw);
  box.replaceChildren(h("div", { class: "dropout" }, units), h("div", { class: "tools" }, h("button", { type: "button", class: "btn primary", onclick: draw }, "Next step of training"), h("label", { class: "boldness" }, "none", rate, "most")), words);
  draw();
}

function which(box) {
  const known = state.about.cells.filter(({ name }) => ["rnn", "gru", "lstm"].includes(name));
  box.replaceChildren(h("dl", { class: "which" }, known.map(({ title, summary, pick }) => h("div", {}, h("dt", {}, title), h("dd", {}, summary, " ", pick)))), h("button", { type: "button", class: "btn for-measuring which-measure", onclick: () => $("measureForm").scrollIntoView({ block: "center" }) }, "To the measurement"));
}

/** The next letter: its chances bent by boldness, and a draw. */
async function writing(box) {
  const run = modelOf("lstm");
  // Up to the end of a word: there the most can follow.
  let text = (await textOf(run)).slice(0, 48);
  text = text.slice(0, text.lastIndexOf(" ") + 1) || text;
  const words = h("p", { class: "lesson-text", "aria-live": "polite" });
  const bars = h("ol", { class: "next lesson-next" });
  const heat = h("output", { class: "boldness-shown" });
  const bold = h("input", { type: "range", min: "0", max: "2", step: "0.05", "aria-label": "Boldness" });
  bold.value = "0.8";
  let chances = [];
  const bent = () => {
    const temperature = Math.max(Number(bold.value), 1e-3);
    const most = Math.max(...chances.map(([, p]) => p));
    const raised = chances.map(([symbol, p]) => [symbol, (p / most) ** (1 / temperature)]);
    const sum = raised.reduce((total, [, p]) => total + p, 0);
    return raised.map(([symbol, p]) => [symbol, p / sum]);
  };
  const show = () => {
    heat.textContent = Number(bold.value).toFixed(2);
    bars.replaceChildren(
      ...bent().map(([symbol, p]) => {
        const fill = h("i");
        fill.style.width = `${Math.max(100 * p, 0.5)}%`;
        return h("li", {}, h("span", { class: "symbol" }, visible(symbol)), h("span", { class: "track" }, fill), h("span", { class: "share" }, `${Math.round(100 * p)} %`));
      }),
    );
  };
  const read = async () => {
    words.replaceChildren(text.slice(0, -1), h("b", {}, text.slice(-1)));
    chances = (await api.post(api.run(run.id, "/inside/read"), { text })).next.at(-1);
    show();
  };
  const draw = async () => {
    let left = Math.random();
    const [symbol] = bent().find(([, p]) => (left -= p) <= 0) ?? bent()[0];
    text += symbol;
    await read();
  };
  let last; // what is being read: a letter is drawn from what was expected behind the one before
  const press = () => (last = last.then(draw, draw));
  bold.addEventListener("input", show);
  box.replaceChildren(about(run), words, h("div", { class: "tools" }, h("button", { type: "button", class: "btn primary", onclick: press }, "Draw a letter"), h("label", { class: "boldness" }, "careful", bold, "bold"), heat), bars, h("p", { class: "muted" }, "The eight likeliest letters; the rest is left out here."));
  await (last = read());
}
