// The cell at work: one unit of a model's first layer, drawn with its numbers over a text.
import { drawCell, equationsOf } from "../../studio/static/js/cell.js";
import { $, h } from "../../studio/static/js/ui.js";
import { Equations } from "./graph.js";
import { encode, floats } from "./model.js";

const LETTERS = 160;
const SPEED = 500; // milliseconds between two letters
const visible = (symbol) => symbol.replaceAll("\n", "↵").replaceAll("\t", "⇥").replaceAll(" ", "␣");

/** Shows models: `show(model, text)`; a model whose cell has no drawing hides the section. */
export function mount(equations) {
  let [timer, at, steps, letters, picture, sizes, names] = [0, 0, [], [], null, {}, []];

  function stop() {
    clearInterval(timer);
    timer = 0;
    $("btnInsidePlay").textContent = "Play";
    picture?.flow(false);
  }

  function show(model, text) {
    stop();
    const written = equations[model.config.cell];
    const known = encode(model.vocabulary, text).ids.slice(0, LETTERS);
    $("inside").hidden = !written || known.length < 2;
    if ($("inside").hidden) return;
    letters = Array.from(known, (id) => model.vocabulary.symbols[id]);
    const { hidden_size: units, embedding_size: inputs } = model.config;
    const weight = (name) => (`layers.${name}_l0` in model.tensors ? Float64Array.from(floats(model.tensors, `layers.${name}_l0`)) : new Float64Array(0));
    const weights = { w_x: weight("weight_ih"), w_h: weight("weight_hh"), b_x: weight("bias_ih"), b_h: weight("bias_hh"), vectors: Object.keys(written.vectors).map(weight) };
    const embedding = floats(model.tensors, "embedding.weight");
    steps = new Equations(written, units, inputs, null, weights).run(Array.from(known, (id) => embedding.subarray(id * inputs, (id + 1) * inputs)));
    const moves = Array.from({ length: units }, (_, k) => {
      const values = steps.map((step) => step.after[0][k]);
      const mean = values.reduce((a, b) => a + b, 0) / values.length;
      return values.reduce((total, v) => total + (v - mean) ** 2, 0);
    });
    const order = moves.map((_, k) => k).sort((a, b) => moves[b] - moves[a]);
    $("selUnit").replaceChildren(...order.slice(0, 64).map((k, place) => h("option", { value: String(k) }, `${k + 1}${place ? "" : ", which moves most"}`)));
    names = written.drawing.parts.map(({ name }) => name).filter((name) => name in written.parts);
    picture = drawCell($("insideStage"), written.drawing, { title: "One step of the cell" });
    $("insideEquations").replaceChildren(equationsOf(written.drawing, picture.mark));
    $("rngAt").max = String(letters.length - 1);
    choose(written);
    go(Math.min(at, letters.length - 1));
  }

  function choose(written) {
    const unit = Number($("selUnit").value);
    const valves = new Set(written.drawing.parts.filter(({ valve }) => valve).map(({ name }) => name));
    sizes = Object.fromEntries(names.map((name) => [name, valves.has(name) ? 1 : Math.max(1e-9, ...steps.map((step) => Math.abs(step.value(name)[unit])))]));
    $("selUnit").onchange = () => (choose(written), go(at));
  }

  function go(to) {
    at = to;
    $("rngAt").value = String(at);
    const from = Math.max(0, at - 14);
    $("insideText").replaceChildren(...letters.slice(from, at + 15).map((letter, k) => h(from + k === at ? "b" : "span", {}, visible(letter))));
    const unit = Number($("selUnit").value);
    picture.show(Object.fromEntries(names.map((name) => [name, steps[at].value(name)[unit]])), sizes, `“${visible(letters[at])}”`);
  }

  $("rngAt").addEventListener("input", () => (stop(), go(Number($("rngAt").value))));
  $("btnInsidePlay").addEventListener("click", () => {
    if (timer) return stop();
    $("btnInsidePlay").textContent = "Pause";
    picture.flow(true);
    timer = setInterval(() => go((at + 1) % letters.length), SPEED);
  });
  return { show, stop };
}
