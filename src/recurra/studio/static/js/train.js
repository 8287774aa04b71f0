// The panel "Learning": follows a run's events and shows them; Stop and Continue.
import { follow, get, post, run as path } from "./api.js";
import { clear, lossChart } from "./charts.js";
import { busy, emit, state, update } from "./state.js";
import { $, calm, count, duration, h, percent } from "./ui.js";

let leave = () => {};
let shown = null; // the run in the panel, with its history and samples
const redraw = calm(() => $("figLoss").checkVisibility() && curve(), 200);

/** The curve of the run in the panel; before it has a point, words in its place. */
function curve() {
  const { train = [], valid = [] } = shown?.history ?? {};
  if (train.length || valid.length) return lossChart($("chartLoss"), shown.history, "seconds", moment?.step);
  clear($("chartLoss"));
  $("chartLoss").dataset.empty = !shown ? "The loss curve appears here as it learns." : busy(shown) ? phase(shown) || "The first numbers are coming …" : shown.packaged ? "This model has learned already. Give it a text of yours and press Generate: here one sees how that is learned." : "No curve was kept of this model’s training.";
}

/** What a training does before its first step; "" from then on. */
export const phase = (run) => (run.step ? "" : run.state === "waiting" ? "Reading the text …" : "Measuring the speed …");

/** Show a run in the panel and, while it trains, follow it. ended(run) is called once when it ends. */
export async function watch(run, ended = () => {}) {
  leave();
  leave = () => {};
  if (!run) return empty();
  begin(run);
  if (!busy(run)) {
    const whole = await get(path(run.id));
    if (shown?.id === whole.id) begin(whole), redraw();
    return;
  }
  leave = follow(run.id, {
    snapshot: (whole) => (begin(whole), redraw()),
    progress: (news) => merge(news),
    train: (point) => (shown.history.train.push(point), redraw()),
    evaluate(point) {
      shown.history.valid.push(point);
      merge({ loss: point.best ?? point.loss, bits_per_character: (point.best ?? point.loss) / Math.LN2 });
      redraw();
    },
    sample: (sample) => (shown.samples.push(sample), samples()),
    state: ({ run: news }) => (update(news), merge(news)),
    end({ run: last }) {
      update(last);
      merge(last);
      emit("training", {});
      ended(last);
    },
    gone: () => (emit("training", {}), empty()),
  });
}

/** The newest sample of the run in the panel, or "". */
export const newest = () => shown?.samples.at(-1)?.text ?? "";

function begin(run) {
  if (run.id !== shown?.id) moment = null;
  shown = { history: { train: [], valid: [] }, samples: [], ...run };
  if (!run.history) curve();
  samples();
  figures();
}

function empty() {
  shown = null;
  curve();
  $("samples").replaceChildren();
  figures();
}

function merge(news) {
  if (!shown) return;
  Object.assign(shown, news);
  if (news.state) redraw();
  figures();
}

function figures() {
  const run = shown ?? {};
  const live = busy(run);
  const known = (run.epochs ?? 0) > 0;
  // One that had no need of all of its steps is done too.
  const done = run.state === "finished" ? 1 : (run.progress ?? 0);
  $("barTraining").value = 100 * done;
  $("outProgress").textContent = (live && phase(run)) || run.packaged ? "" : percent(done);
  $("statLoss").textContent = run.bits_per_character ? run.bits_per_character.toFixed(2) : "–";
  $("statSpeed").textContent = run.speed ? count(run.speed) : "–";
  $("termLeft").textContent = !shown || live ? "Time left" : "Trained for";
  $("statLeft").textContent = duration((live ? run.left : run.seconds) || NaN);
  $("statEpoch").textContent = known ? `${(run.epoch ?? 0).toFixed(1)} of ${run.epochs.toFixed(run.epochs < 10 ? 1 : 0)}` : "–";
  $("statStep").textContent = run.steps ? `${count(run.step)} of ${count(run.steps)}` : "–";
  $("btnStop").disabled = !live;
  $("btnContinue").disabled = !shown || live || run.state === "model";
  $("btnNew").disabled = !shown || live;
  if (live) emit("training", { run, progress: run.progress });
}

const MOMENTS = 12;
let moment = null; // the sample that the film stands at; null: all are listed

/** Up to twelve samples, evenly spaced in the logarithm of the step: most happens at the beginning. */
function film() {
  const all = shown?.samples ?? [];
  const last = Math.log(all.at(-1)?.step + 1);
  const wanted = Array.from({ length: MOMENTS }, (_, k) => Math.exp((last * (k + 1)) / MOMENTS) - 1);
  return [...new Set(wanted.map((step) => all.reduce((a, b) => (Math.abs(Math.log((b.step + 1) / (step + 1))) < Math.abs(Math.log((a.step + 1) / (step + 1))) ? b : a), all[0])))].filter(Boolean);
}

export function mount() {
  $("film").addEventListener("input", () => ((moment = film()[Number($("film").value)] ?? null), samples(), redraw()));
}

const TAGS = (sample) => h("li", {}, h("b", {}, `step ${count(sample.step)}`), sample.text);
function samples() {
  const frames = film();
  $("filmBox").hidden = frames.length < 3;
  $("film").max = String(frames.length - 1);
  if (!moment) $("film").value = $("film").max;
  $("film").setAttribute("aria-valuetext", `step ${count((moment ?? frames.at(-1))?.step)}`);
  $("samples").replaceChildren(...(moment ? [moment] : (shown?.samples ?? []).slice(-12).reverse()).map(TAGS));
  if (shown && busy(shown)) emit("sample", newest());
}

/** End the training, keeping what was learned. */
export const stop = () => post(path(state.run.id, "/stop"));
/** Go on: where it stopped, or, for one that had finished, as a new run from its weights. */
export const goOn = () => post(path(state.run.id, "/continue"), {});
