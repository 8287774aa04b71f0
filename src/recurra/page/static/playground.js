// The playground: cells of a few units, drawn with their gates, learn small problems while one looks. Everything is worked out
// here, by the cells' own equations (graph.js); some milliseconds of learning a frame, so that the page answers at once.
import { drawCell } from "../../studio/static/js/cell.js";
import { $, h, plural } from "../../studio/static/js/ui.js";
import { Adam, Equations } from "./graph.js";
import { random } from "./model.js";
import { PROBLEMS, Task } from "./problems.js";

const FRAME = 12; // milliseconds of learning between two pictures
const BATCH = 8;
const TESTS = 40; // examples that the accuracy is over
const SPEEDS = 260; // milliseconds between two steps of the example that is played

export function mount(host, equations) {
  const state = { problem: "first", units: 4, rate: 0.02, length: 12, cells: ["lstm"], unit: 0, at: 0, backward: false, running: false, playing: false, seed: 1 };
  const controls = {};
  const select = (name, label, pairs, change) => {
    controls[name] = h("select", { id: `play-${name}`, onchange: () => change(controls[name].value) }, ...pairs.map(([value, words]) => h("option", { value }, words)));
    return h("label", { class: "field" }, label, controls[name]);
  };
  const slider = (name, label, min, max, step, change) => {
    const shown = h("output", {});
    controls[name] = h("input", { type: "range", id: `play-${name}`, min, max, step, oninput: () => ((shown.textContent = controls[name].value), change(Number(controls[name].value))) });
    controls[name].value = String(state[name]);
    shown.textContent = String(state[name]);
    return h("label", { class: "field" }, h("span", {}, label, " ", shown), controls[name]);
  };
  const button = (id, words, press, more = "") => h("button", { type: "button", class: `btn ${more}`, id, onclick: press }, words);

  const words = h("p", { class: "lead" });
  const look = h("p", { class: "muted" });
  const text = h("div", { class: "play-text", id: "playText", role: "img" });
  const place = h("input", { type: "range", id: "play-at", min: "0", step: "1", "aria-label": "Step of the example", oninput: () => (pause(), show(Number(place.value))) });
  const stage = h("div", { class: "play-stages" });
  const status = h("p", { class: "muted", id: "playStatus", role: "status" });
  const run = button("btnPlayRun", "Learn", () => toggle(), "primary");
  const play = button("btnPlayExample", "Play", () => (state.playing ? pause() : playing()));
  const backward = h("input", { type: "checkbox", id: "play-backward", onchange: () => ((state.backward = backward.checked), show(state.at)) });
  const boxes = Object.entries(equations).map(([name, { title }]) => {
    const box = h("input", { type: "checkbox", value: name, onchange: () => choose() });
    box.checked = state.cells.includes(name);
    return h("label", { class: "play-check" }, box, ` ${title}`);
  });
  host.replaceChildren(
    h("div", { class: "view-head" }, h("h1", {}, "Playground"), words, look),
    h("div", { class: "page-row" },
      select("problem", "Problem", Object.entries(PROBLEMS).map(([name, { title }]) => [name, title]), (value) => ((state.problem = value), begin())),
      slider("units", "Units", 2, 8, 1, (value) => ((state.units = value), begin())),
      slider("length", "Length", 6, 40, 1, (value) => ((state.length = value), begin())),
      slider("rate", "Learning rate", 0.002, 0.1, 0.002, (value) => ((state.rate = value), runs.forEach((one) => (one.adam.rate = value)))),
      h("fieldset", { class: "play-cells" }, h("legend", { class: "sr" }, "Cells side by side"), ...boxes)),
    h("div", { class: "page-row" }, run, button("btnPlayStep", "One step", () => (stop(), learn(), show(state.at))), button("btnPlayAnew", "Start over", () => (++state.seed, begin())), button("btnPlayOther", "Another example", () => another()), status),
    h("h2", {}, "An example, step by step"),
    h("div", { class: "page-row" }, play, h("label", { class: "play-check" }, backward, " gradients, flowing back along the same wires"), h("label", { class: "field" }, "Unit ", (controls.unit = h("select", { id: "play-unit", onchange: () => ((state.unit = Number(controls.unit.value)), show(state.at)) })))),
    text, place, stage,
  ); // prettier-ignore

  let runs = []; // a cell under way: {name, task, adam, losses, picture, curve, table, judged}
  let source; // random numbers of the examples: the same for all cells
  let example;
  let frame = 0;
  let timer = 0;
  const problem = () => PROBLEMS[state.problem];

  function begin() {
    stop(), pause();
    source = random(state.seed);
    words.textContent = problem().words;
    look.textContent = problem().look;
    runs = state.cells.map((name) => {
      const cell = new Equations(equations[name], state.units, problem().inputs, random(state.seed + 7));
      const task = new Task(problem(), cell, random(state.seed + 9));
      return { name, task, adam: new Adam(task.arrays, state.rate), losses: [], updates: 0 };
    });
    state.unit = Math.min(state.unit, state.units - 1);
    controls.unit.replaceChildren(...Array.from({ length: state.units }, (_, k) => h("option", { value: String(k) }, String(k + 1))));
    controls.unit.value = String(state.unit);
    stage.replaceChildren(...runs.map((one) => panel(one)));
    another();
  }

  function panel(one) {
    const { title, drawing } = equations[one.name];
    const drawn = h("div", { class: "cell-stage", tabindex: "0", role: "region", "aria-label": `${title}, drawn` });
    one.picture = drawCell(drawn, drawing, { title: `${title}: one step` });
    one.curve = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    one.curve.setAttribute("viewBox", "0 0 200 60");
    one.curve.setAttribute("preserveAspectRatio", "none");
    one.curve.setAttribute("class", "play-curve");
    one.curve.setAttribute("role", "img");
    one.curve.setAttribute("aria-label", `${title}: loss by update`);
    one.words = h("p", { class: "muted" });
    one.table = h("p", { class: "muted play-far" });
    return h("article", { class: "play-panel" }, h("h3", {}, title), one.words, one.curve, one.table, drawn);
  }

  const make = () => problem().make(source.uniform, state.length);

  function another() {
    example = make();
    place.max = String(example.inputs.length - 1);
    show(Math.min(state.at, example.inputs.length - 1), true);
  }

  function learn() {
    const examples = Array.from({ length: BATCH }, make);
    for (const one of runs) {
      one.losses.push(one.task.learn(examples, one.adam));
      ++one.updates;
    }
  }

  function tick() {
    const until = performance.now() + FRAME;
    do learn();
    while (performance.now() < until);
    show(state.at);
    frame = state.running ? requestAnimationFrame(tick) : 0;
  }
  function toggle() {
    if (state.running) return stop();
    state.running = true;
    run.textContent = "Pause";
    frame = requestAnimationFrame(tick);
  }
  function stop() {
    state.running = false;
    run.textContent = "Learn";
    status.textContent = "";
    cancelAnimationFrame(frame);
  }

  function playing() {
    state.playing = true;
    play.textContent = "Stop playing";
    for (const { picture } of runs) picture.flow(true);
    timer = setInterval(() => {
      const last = example.inputs.length - 1;
      const next = state.backward ? state.at - 1 : state.at + 1;
      show(next < 0 ? last : next > last ? 0 : next);
    }, SPEEDS);
  }
  function pause() {
    clearInterval(timer);
    state.playing = false;
    play.textContent = "Play";
    for (const { picture } of runs) picture?.flow(false);
  }

  /** Show the example at a step, with the weights as they are now. */
  function show(at) {
    state.at = at;
    place.value = String(at);
    const { letters, classes } = problem();
    for (const one of runs) {
      one.judged = one.task.judge(example);
      one.task.cell.clear();
      one.task.back(example, one.judged, new Float64Array(one.task.head.length), new Float64Array(one.task.bias.length));
      const names = equations[one.name].drawing.parts.map(({ name }) => name).filter((name) => name !== "x");
      const { parts } = one.task.cell.written;
      // A gradient has no unit of its own: each is shown as a part of the largest in this example.
      const largest = Math.max(1e-300, ...(state.backward ? one.judged.steps.flatMap((step) => names.map((name) => (name in parts ? Math.abs(step.gradient(name)[state.unit]) : 0))) : [1]));
      const read = (step, name) => (name in parts ? (state.backward ? step.gradient(name)[state.unit] / largest : step.value(name)[state.unit]) : undefined);
      const sizes = Object.fromEntries(names.map((name) => [name, Math.max(1e-9, ...one.judged.steps.map((step) => Math.abs(read(step, name) ?? 0)))]));
      const valves = new Set(equations[one.name].drawing.parts.filter(({ valve }) => valve).map(({ name }) => name));
      for (const name of valves) if (!state.backward) sizes[name] = 1;
      one.picture.show(Object.fromEntries(names.map((name) => [name, read(one.judged.steps[at], name)])), sizes, classes ? letters[example.shown[at]] : example.inputs[at][0].toFixed(2));
      curve(one);
      const recent = one.losses.slice(-20);
      const loss = recent.reduce((a, b) => a + b, 0) / (recent.length || 1);
      one.words.textContent = `${one.updates ? `after ${plural(one.updates, "update")}, loss ${loss < 0.005 ? "below 0.005" : loss.toFixed(3)}` : "has not learned yet"}${answer(one, at)}`;
    }
    text.replaceChildren(...example.inputs.map((row, t) => h("span", { class: t === at ? "now" : "" }, classes ? letters[example.shown[t]] : row[0].toFixed(1), example.targets[t] === null ? null : h("small", {}, classes ? name(example.targets[t]) : example.targets[t].toFixed(1)))));
    text.setAttribute("aria-label", `Step ${at + 1} of ${example.inputs.length}`);
    if (!state.running || runs[0].updates % 25 === 0) far();
  }

  const name = (k) => (state.problem === "brackets" ? String(k) : problem().letters[k]);
  function answer(one, at) {
    const given = one.judged.answers[at];
    if (!given) return "";
    if (!problem().classes) return `; says ${given.chances[0].toFixed(2)}, right is ${example.targets[at].toFixed(2)}`;
    const best = given.chances.indexOf(Math.max(...given.chances));
    return `; says ${name(best)} (${Math.round(100 * given.chances[best])} %), right is ${name(example.targets[at])}`;
  }

  /** How often it is right, by how far back the answer lies. */
  function far() {
    const tests = random(99);
    const examples = Array.from({ length: TESTS }, () => problem().make(tests.uniform, state.length));
    for (const one of runs) {
      const byPlace = new Map();
      for (const test of examples)
        one.task.judge(test).answers.forEach((given, t) => {
          if (!given) return;
          const group = Math.min(9, Math.floor(test.at[t] / 3)) * 3;
          const [right, all] = byPlace.get(group) ?? [0, 0];
          byPlace.set(group, [right + given.right, all + 1]);
        });
      const list = [...byPlace].sort(([a], [b]) => a - b).map(([group, [right, all]]) => `${group}–${group + 2} steps back ${Math.round((100 * right) / all)} %`);
      one.table.textContent = `Right: ${list.join(", ")}`;
    }
    status.textContent = state.running ? "learning ..." : "";
  }

  function curve(one) {
    const kept = one.losses;
    if (kept.length < 2) return one.curve.replaceChildren();
    const high = Math.max(...kept.slice(0, 50), 1e-6);
    const every = Math.max(1, Math.floor(kept.length / 200));
    const points = [];
    for (let k = 0; k < kept.length; k += every) {
      const part = kept.slice(k, k + every);
      points.push(part.reduce((a, b) => a + b, 0) / part.length);
    }
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    path.setAttribute("d", points.map((v, k) => `${k ? "L" : "M"}${((200 * k) / (points.length - 1 || 1)).toFixed(1)} ${(58 - 55 * Math.min(1, v / high)).toFixed(1)}`).join(""));
    one.curve.replaceChildren(path);
  }

  function choose() {
    const chosen = boxes.map((label) => label.firstElementChild).filter(({ checked }) => checked);
    if (!chosen.length) boxes[0].firstElementChild.checked = true;
    state.cells = boxes.map((label) => label.firstElementChild).filter(({ checked }) => checked).map(({ value }) => value);
    begin();
  }

  begin();
  return { leave: () => (stop(), pause()) };
}
