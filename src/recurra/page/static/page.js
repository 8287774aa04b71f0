// The page: the text, the buttons, the result, the curve. All that takes time is in the worker.
import { $, count, duration, h, plural } from "../../studio/static/js/ui.js";
import { filesOf, modelOf, unzip, wordsOf, zip } from "./files.js";
import { mount as mountInside } from "./inside.js";
import { mount as mountPlayground } from "./playground.js";

const LEAST = 200;
const views = { inside: null, playground: null, equations: {}, wanted: "" };
const state = { busy: "", ready: false, model: false, trained: "", skipped: [], waiting: null, again: false, history: [], written: 0, version: "" };
let worker;

const say = (words, bad = false) => {
  $("status").textContent = words;
  $("status").classList.toggle("bad", bad);
};
const some = (characters) => `${characters.slice(0, 5).join(" ")}${characters.length > 5 ? " ..." : ""}`;
const send = (message, transfer = []) => worker.postMessage(message, transfer);

/** What stands in a script element, unpacked: base64 of gzip. */
async function unpacked(id) {
  const words = $(id).textContent.trim();
  if (!words) return null;
  const packed = Uint8Array.from(atob(words), (c) => c.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function start() {
  const facts = JSON.parse($("facts").textContent);
  state.version = facts.version;
  $("selCell").replaceChildren(...Object.values(facts.cells).map(({ name, title }) => h("option", { value: name }, title)));
  const source = URL.createObjectURL(new Blob([$("worker").textContent], { type: "text/javascript" }));
  worker = new Worker(source);
  worker.onmessage = ({ data }) => answers[data.type]?.(data);
  worker.onerror = (event) => fail(event.message || "The page's worker did not start");
  const module = await unpacked("module");
  send({ type: "load", module, facts: facts.cells }, [module.buffer]);
  views.equations = JSON.parse(new TextDecoder().decode(await unpacked("equations")));
  views.inside = mountInside(views.equations);
  turn();
  const given = await unpacked("model");
  if (given) {
    const files = JSON.parse(new TextDecoder().decode(given));
    const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    open(modelOf(Object.fromEntries(Object.entries(files).map(([name, text]) => [name, bytes(text)]))), true);
  }
  describe();
}

const answers = {
  ready() {
    state.ready = true;
    if (!state.waiting) say(state.model ? "" : "Ready. Paste a text and press Generate.");
    state.waiting?.();
    state.waiting = null;
  },
  opened({ config, parameters }) {
    state.model = true;
    $("topModel").textContent = `${$("selCell").querySelector(`[value="${config.cell}"]`)?.textContent ?? config.cell}, ${config.num_layers === 1 ? "" : `${config.num_layers} layers of `}${config.hidden_size} units, ${count(parameters)} parameters`;
  },
  progress(message) {
    const { fraction, valid_loss: valid, train_loss: train, seconds, seconds_left: left, speed } = message;
    const words = `Training... ${Math.floor(100 * fraction)} %`;
    $("bar").hidden = false;
    $("bar").setAttribute("aria-valuenow", String(Math.floor(100 * fraction)));
    $("bar").firstElementChild.style.transform = `scaleX(${fraction})`;
    say(`${words}${left === null ? "" : `, ${duration(left)} left`}, ${count(speed)} characters a second`);
    if (!state.written) $("outResult").textContent = words;
    if (Number.isFinite(train)) state.history.push({ seconds, train, valid });
    curve();
  },
  sample({ step, text }) {
    $("learning").hidden = false;
    $("samples").prepend(h("p", { dir: "auto" }, h("small", {}, `after ${plural(step, "step")}`), text));
    while ($("samples").children.length > 6) $("samples").lastElementChild.remove();
  },
  trained({ reason, best, seconds, left_out: left }) {
    $("bar").hidden = true;
    state.skipped = left;
    const how = { finished: "Learned", patience: "Learned: the held-out part got no better, and the best weights are kept", stopped: "Stopped; what was learned is kept" }[reason];
    const loss = best === null ? "" : `, ${(best / Math.LN2).toFixed(2)} bits a character on the part it did not see`;
    busy("");
    say(`${how}, in ${duration(seconds)}${loss}.`);
    if (reason !== "stopped" || !state.written) write();
  },
  text({ piece, done, left_out: left = [] }) {
    $("outResult").append(piece);
    state.written += [...piece].length;
    if ($("outResult").scrollHeight - $("outResult").scrollTop - $("outResult").clientHeight < 64) $("outResult").scrollTop = $("outResult").scrollHeight;
    if (!done) return;
    busy("");
    if (state.again) return (state.again = false), generate();
    views.wanted = "inside";
    send({ type: "save" });
    const seconds = (performance.now() - state.began) / 1000;
    const unknown = left.length ? ` It does not know ${some(left)}, and left that out.` : "";
    const skipped = state.skipped.length ? ` The text had ${plural(state.skipped.length, "character")} that it does not know: ${some(state.skipped)}. It learned without.` : "";
    state.skipped = [];
    say(`${plural(state.written, "character")} in ${seconds < 1 ? `${Math.round(1000 * seconds)} ms` : duration(seconds)}.${unknown}${skipped}`);
  },
  async model({ model }) {
    if (views.wanted === "inside") {
      views.wanted = "";
      views.inside.show(model, $("outResult").textContent);
      return;
    }
    const name = "recurra-model";
    const link = h("a", { href: URL.createObjectURL(zip(name, filesOf(model, state.version))), download: `${name}.zip` });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    say(`Saved as ${name}.zip.`);
  },
  error: ({ message }) => fail(message),
};

/** The view that the address names. */
function turn() {
  const play = location.hash === "#play";
  $("view-write").hidden = play;
  $("view-play").hidden = !play;
  for (const [link, here] of [["navWrite", !play], ["navPlay", play]]) here ? $(link).setAttribute("aria-current", "page") : $(link).removeAttribute("aria-current");
  if (play) views.playground ??= mountPlayground($("view-play"), views.equations);
  else views.playground?.leave();
  views.inside?.stop();
}

function fail(words) {
  busy("");
  $("bar").hidden = true;
  if (!state.written && $("outResult").textContent.startsWith("Training")) $("outResult").textContent = "";
  say(words, true);
}

/** What it is doing: "", "training" or "writing"; the buttons follow. */
function busy(what) {
  state.busy = what;
  $("btnStop").hidden = !what;
  $("btnGenerate").disabled = what === "training";
  $("btnLearn").hidden = Boolean(what) || !state.model || text().length < LEAST;
  $("btnSave").hidden = what === "training" || !state.model;
}

const text = () => $("txtInput").value;
const number = (id) => ($(id).value.trim() === "" ? null : Number($(id).value));

function settings() {
  const minutes = Math.min(60, Math.max(0.02, number("numMinutes") || 1));
  const units = number("numUnits");
  return { minutes, cell: $("selCell").value, ...(units ? { hidden_size: Math.min(512, Math.max(8, Math.round(units))) } : {}) };
}

function generate() {
  if (state.busy === "writing") {
    state.again = true;
    return stop();
  }
  const learned = `${settings().cell} ${settings().hidden_size ?? ""} ${text()}`;
  if (state.model && (text().length < LEAST || learned === state.trained)) return write();
  if (text().trim().length < LEAST) return say(`${plural(text().trim().length, "character")} are too few to learn from; paste some thousand.`, true);
  state.trained = learned;
  begin(() => send({ type: "new", text: text(), settings: settings(), seed: number("numSeed") ?? 1 }));
}

function begin(first) {
  state.history = [];
  state.skipped = [];
  state.written = 0;
  $("samples").replaceChildren();
  $("outResult").textContent = "Training... 0 %";
  say("Training... 0 %");
  busy("training");
  const go = () => {
    first();
    send({ type: "train", text: text(), minutes: settings().minutes });
  };
  if (state.ready) go();
  else state.waiting = go;
}

function write() {
  const prompt = $("txtPrompt").value;
  $("outResult").replaceChildren(...(prompt ? [h("b", {}, prompt)] : []));
  state.written = 0;
  state.began = performance.now();
  busy("writing");
  say("Writing ...");
  const seed = number("numSeed") ?? Math.floor(Math.random() * 2 ** 32);
  const length = Math.min(100_000, Math.max(1, Math.round(number("numLength") ?? 600)));
  send({ type: "write", prompt, length, temperature: Number($("rngBold").value), seed, precision: $("selPrecision").value });
}

const stop = () => send({ type: "stop" });

function open(model, atOnce = false) {
  const go = () => {
    send({ type: "open", model });
    state.trained = "";
    if (atOnce) write();
  };
  if (state.ready) go();
  else state.waiting = go;
}

async function opened(files) {
  if (state.busy) return say("Press Stop first, then open the model: another one is at work.", true);
  try {
    const found = {};
    for (const file of files) {
      const bytes = new Uint8Array(await file.arrayBuffer());
      if (file.name.toLowerCase().endsWith(".zip")) Object.assign(found, await unzip(bytes));
      else found[file.name] = bytes;
    }
    open(modelOf(found), true);
  } catch (error) {
    fail(error.message);
  }
}

async function dropped(file) {
  try {
    $("txtInput").value = wordsOf(file.name, new Uint8Array(await file.arrayBuffer()));
    describe();
  } catch (error) {
    say(error.message, true); // not fail(), which ends what runs
  }
}

/** The curve of both losses, in bits a character. */
function curve() {
  const points = state.history;
  if (points.length < 2) return;
  $("learning").hidden = false;
  const bits = points.flatMap(({ train, valid }) => [train, valid].filter(Number.isFinite)).map((nats) => nats / Math.LN2);
  const [low, high] = [Math.min(...bits), Math.max(...bits)];
  const last = points.at(-1).seconds;
  const x = (seconds) => (600 * seconds) / last;
  const y = (nats) => 150 - (140 * (nats / Math.LN2 - low)) / (high - low || 1);
  const line = (name) => {
    const kept = points.filter((point) => Number.isFinite(point[name]));
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    path.setAttribute("class", name);
    path.setAttribute("d", kept.map((point, k) => `${k ? "L" : "M"}${x(point.seconds).toFixed(1)} ${y(point[name]).toFixed(1)}`).join(""));
    return path;
  };
  $("curve").replaceChildren(line("train"), line("valid"));
  const { train, valid } = points.at(-1);
  $("curveWords").textContent = `Bits a character, from ${high.toFixed(2)} to ${low.toFixed(2)}: ${(train / Math.LN2).toFixed(2)} on what it learns (grey)${Number.isFinite(valid) ? `, ${(valid / Math.LN2).toFixed(2)} on the part held out (green)` : ""}.`;
}

function describe() {
  const length = text().length - (text().match(/[\u{10000}-\u{10ffff}]/gu)?.length ?? 0);
  $("txtAbout").textContent = length ? `${count(length)} characters` : "";
  busy(state.busy);
}

$("btnGenerate").addEventListener("click", generate);
$("btnStop").addEventListener("click", stop);
$("btnLearn").addEventListener("click", () => begin(() => {}));
$("btnSave").addEventListener("click", () => ((views.wanted = ""), send({ type: "save" })));
addEventListener("hashchange", turn);
$("btnOpen").addEventListener("click", () => $("inpFile").click());
$("inpFile").addEventListener("change", () => opened([...$("inpFile").files]).then(() => ($("inpFile").value = "")));
$("txtInput").addEventListener("input", describe);
$("txtPrompt").addEventListener("keydown", (event) => {
  // Enter that confirms a word of an input method starts nothing.
  if (event.key === "Enter" && !event.isComposing && event.keyCode !== 229) generate();
});
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", (event) => {
  event.preventDefault();
  const files = [...event.dataTransfer.files];
  if (files.some(({ name }) => /\.(zip|json|safetensors)$/i.test(name))) opened(files);
  else if (files.length) dropped(files[0]);
});
start().catch((error) => fail(error.message));
