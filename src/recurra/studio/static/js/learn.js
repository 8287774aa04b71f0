// The view "Learn": a cell's equations and gates, when to pick it, and what that is worth on the user's own text.
import * as api from "./api.js";
import { legend } from "./cell.js";
import * as lesson from "./lesson.js";
import { busy, on, refresh, remember, state } from "./state.js";
import { $, cellTitle, choices, count, duration, h, say } from "./ui.js";

const FIRST = ["rnn", "lstm", "gru"];
const ENDINGS = {
  finished: "Done: the same parameters, the same time.",
  stopped: "Stopped; what was measured is kept.",
  failed: "It failed; see the models under Compare.",
};
let polling = 0;

export function mount() {
  const { cells } = state.about;
  lesson.mount();
  $("cellList").append(...cells.map((cell) => h("button", { type: "button", "aria-pressed": "false", "data-cell": cell.name, onclick: () => choose(cell) }, cell.title)));
  const trained = cells.filter(({ given }) => !given.length);
  $("measureCells").append(...trained.map((cell) => h("label", { class: "check" }, h("input", { type: "checkbox", value: cell.name, checked: FIRST.includes(cell.name) }), cellTitle(cell.name))));
  choose(cells.find(({ name }) => name === remember.get("cell", "lstm")) ?? cells[0]);
  $("measureTable").tHead.append(h("tr", {}, ["Cell", "Units", "Parameters", "Bits a character", "Characters/s", "Time", "Steps"].map((words, index) => h("th", { scope: "col", class: index ? "num" : null }, words))));
  $("measureForm").addEventListener("submit", (event) => (event.preventDefault(), measure()));
  $("btnMeasureStop").addEventListener("click", () => api.post(`comparisons/${remember.get("comparison")}/stop`).catch((error) => say($("measureSaid"), error.message, true)));
  on("runs", texts);
  if (remember.get("comparison")) poll();
}

export function show() {
  lesson.show();
  texts();
}

/** The texts there are to measure on: the one in the box, those of the runs, the corpora. */
function texts() {
  if ($("view-learn").hidden) return;
  const source = remember.get("source", {}) ?? {};
  const own = new Map(state.runs.filter((run) => run.text?.id).map((run) => [`text ${run.text.id}`, run.text.name ?? run.title]));
  if (source.id && !own.has(`text ${source.id}`)) own.set(`text ${source.id}`, "the text under “Write like this”");
  choices($("measureText"), [...own, ...state.about.corpora.filter((c) => c.here).map((c) => [`corpus ${c.name}`, `Corpus: ${c.name}`])], $("measureText").value || (source.id ? `text ${source.id}` : source.corpus ? `corpus ${source.corpus}` : ""));
}

function choose(cell) {
  remember.set("cell", cell.name);
  for (const button of $("cellList").children) button.setAttribute("aria-pressed", String(button.dataset.cell === cell.name));
  $("cellBody").replaceChildren(
    h("div", {}, h("h2", {}, cell.title), h("p", { class: "muted" }, cell.summary)),
    h(
      "div",
      { class: "cell-body" },
      h("div", {}, h("h3", {}, "One step"), h("pre", { class: "equations", tabindex: "0", role: "region", "aria-label": "Equations" }, cell.equations.join("\n")), h("p", { class: "muted" }, legend(cell))),
      h(
        "div",
        {},
        h("h3", {}, cell.gates.length ? "What each gate does" : "Gates"),
        cell.gates.length ? h("dl", { class: "gates" }, cell.gates.map(({ name, does }) => h("div", {}, h("dt", {}, name), h("dd", {}, does)))) : h("p", {}, "None."),
        cell.pick && h("div", { class: "pick" }, h("h3", {}, "When to pick it"), h("p", {}, cell.pick)),
      ),
    ),
    cell.source ? h("p", { class: "muted" }, cell.source) : "",
  );
}

async function measure() {
  const cells = [...$("measureCells").querySelectorAll("input:checked")].map(({ value }) => value);
  const [kind, ...rest] = $("measureText").value.split(" ");
  if (!cells.length || !kind) return say($("measureSaid"), cells.length ? "There is no text yet: give one under “Write like this”." : "Tick at least one cell.", true);
  try {
    const started = await api.post("comparisons", { [kind]: rest.join(" "), cells, parameters: Number($("measureParameters").value), minutes: Number($("measureMinutes").value), times: Number($("measureTimes").value) });
    remember.set("comparison", started.id);
    say($("measureSaid"), "Training... 0 %");
    poll();
  } catch (error) {
    say($("measureSaid"), error.message, true);
  }
}

/** Show how a comparison is getting on, until it is done. */
async function poll() {
  clearTimeout(polling);
  let found;
  try {
    found = await api.get(`comparisons/${encodeURIComponent(remember.get("comparison"))}`);
  } catch (error) {
    if (error.status === 404) return remember.set("comparison", null);
    polling = setTimeout(poll, 3000);
    return say($("measureSaid"), error.message, true);
  }
  const live = busy(found);
  $("btnMeasureStop").disabled = !live;
  $("btnMeasure").disabled = live;
  $("measureBox").hidden = !found.rows.length;
  $("measureTable").tBodies[0].replaceChildren(...found.rows.map((row) => line(row, found.best)));
  $("measureWords").replaceChildren(...found.words.map((words) => h("li", {}, words)));
  const words = live ? `Training... ${found.done} of ${found.trainings} trainings done` : ENDINGS[found.state];
  say($("measureSaid"), words, found.state === "failed");
  if (live) polling = setTimeout(poll, 1000);
  else refresh();
}

/** best: the cells that none is better than by more than chance. */
function line(row, best) {
  const apart = row.each.length > 1 ? (Math.max(...row.each) - Math.min(...row.each)) / 2 : null;
  const numbers = [
    count(row.units),
    count(row.parameters),
    row.bits ? row.bits.toFixed(3) + (apart === null ? "" : ` ± ${apart.toFixed(3)}`) : "–",
    row.speed ? count(row.speed) : "–",
    row.seconds ? duration(row.seconds) : "–",
    row.steps ? count(row.steps) : "–",
  ];
  const words = best.length > 1 ? "among the best" : "best";
  const title = best.includes(row.cell) ? h("strong", {}, `${cellTitle(row.cell)}, ${words}`) : cellTitle(row.cell);
  return h("tr", {}, h("td", {}, title), numbers.map((words) => h("td", { class: "num" }, words)));
}
