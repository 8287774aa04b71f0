// A model that learns in the module: `learner.step(window)` is one update. native/learner.h is the contract.
import { floats, numbers, shapes } from "./model.js";

const EPSILON = 1e-8;

export class Learner {
  /** options: {beta1, beta2, weight_decay, clip, average}, as in Python's training settings. */
  constructor(native, model, facts, options) {
    this.native = native;
    this.options = options;
    this.model = model;
    const tokens = model.vocabulary.symbols.length;
    this.list = shapes(model.config, facts, tokens);
    this.count = this.list.reduce((sum, [, shape]) => sum + numbers(shape), 0);
    this.places = new Map();
    let place = 0;
    const decays = new Uint8Array(this.count);
    for (const [name, shape] of this.list) {
      this.places.set(name, place);
      if (shape.length > 1) decays.fill(1, place, place + numbers(shape));
      place += numbers(shape);
    }
    const room = () => native.room(4 * this.count);
    this.parameters = room();
    this.average = options.average > 0 ? room() : 0;
    this.buffers = [room(), room(), room()];
    this.decays = native.put(decays);
    for (const [name, at] of this.places) native.floats(this.parameters, this.count).set(floats(model.tensors, name), at);
    if (this.average) native.floats(this.average, this.count).set(native.floats(this.parameters, this.count));
    this.layers = this.#layers(model.config, facts);
    this.structure = native.make("Learner", {
      tokens,
      embedding_size: model.config.embedding_size,
      layers: model.config.num_layers,
      layer: this.layers,
      parameters: this.parameters,
      gradients: this.buffers[0],
      first: this.buffers[1],
      second: this.buffers[2],
      average: this.average,
      count: this.count,
      embedding: this.places.get("embedding.weight"),
      head: this.places.get("head.weight"),
      head_bias: this.places.get("head.bias"),
      decays: this.decays,
    });
    this.lesson = native.room(native.sizeOf("Lesson"));
    this.steps = 0;
    this.carries = new Map(); // by what is carried: {at, size}
    this.window = { size: 0 };
  }

  #layers(config, facts) {
    const size = this.native.sizeOf("LearnerLayer");
    const at = this.native.room(size * config.num_layers);
    for (let k = 0; k < config.num_layers; ++k) {
      const place = (name) => this.places.get(`layers.${name}_l${k}`) ?? -1;
      this.native.set("LearnerLayer", at + k * size, {
        cell: this.native.functions.recurra_web_cell(facts.index, 0),
        inputs: k ? config.hidden_size : config.embedding_size,
        units: config.hidden_size,
        w_x: place("weight_ih"),
        w_h: place("weight_hh"),
        b_x: place("bias_ih"),
        b_h: place("bias_hh"),
        vectors: Object.keys(facts.vectors).map(place),
        residual: config.residual && k ? 1 : 0,
      });
    }
    return at;
  }

  /** One update on a window: {inputs, targets: (batch × time), batch, time, restart}. rate: of the schedule. The loss in nats. */
  step(window, rate) {
    return this.#run(window, "step", rate, "training");
  }

  /** The loss of a window with the weights as they are, or, with `mean`, with their running mean. */
  measure(window, mean = true) {
    const { native } = this;
    if (mean && this.average) native.set("Learner", this.structure, { parameters: this.average });
    try {
      return this.#run(window, "measure", 0, "measuring");
    } finally {
      native.set("Learner", this.structure, { parameters: this.parameters });
    }
  }

  #run({ inputs, targets, batch, time, restart }, what, rate, purpose) {
    const { native, options } = this;
    this.#place(inputs, targets, batch, time);
    const learns = what === "step";
    this.steps += learns;
    native.set("Lesson", this.lesson, {
      time,
      batch,
      inputs: this.window.inputs,
      targets: this.window.targets,
      carry: this.#carry(purpose, batch, restart),
      step: this.steps,
      rate,
      beta1: options.beta1,
      beta2: options.beta2,
      epsilon: EPSILON,
      weight_decay: options.weight_decay,
      clip: options.clip,
      keep_average: Math.min(options.average, (1 + this.steps) / (10 + this.steps)),
    });
    const failed = native.functions[`recurra_learner_${what}`](this.structure, this.lesson);
    if (failed) throw new Error("There is no memory left in this page. Reload it, and take a smaller model");
    return native.get("Lesson", this.lesson, "loss");
  }

  /** Inputs row by row, targets step by step, as the module reads them: 64 bits each. */
  #place(inputs, targets, batch, time) {
    const size = batch * time;
    if (size > this.window.size) {
      this.native.free(this.window.inputs, this.window.targets);
      this.window = { size, inputs: this.native.room(8 * size), targets: this.native.room(8 * size) };
    }
    const low = new Int32Array(this.native.memory.buffer, this.window.inputs, 2 * size);
    for (let i = 0; i < size; ++i) (low[2 * i] = inputs[i]), (low[2 * i + 1] = 0);
    const goals = new Int32Array(this.native.memory.buffer, this.window.targets, 2 * size);
    for (let b = 0; b < batch; ++b)
      for (let t = 0; t < time; ++t) {
        const at = 2 * (t * batch + b);
        goals[at] = targets[b * time + t];
        goals[at + 1] = goals[at] < 0 ? -1 : 0;
      }
  }

  #carry(purpose, batch, restart) {
    const size = this.native.functions.recurra_learner_state(this.structure, batch);
    const held = this.carries.get(purpose);
    if (held?.size === size && !restart) return held.at;
    if (held) this.native.free(held.at);
    const at = this.native.room(4 * size);
    this.carries.set(purpose, { at, size });
    return at;
  }

  /** The tensors as they are now, or their running mean. */
  tensors(mean = true) {
    const all = this.native.floats(mean && this.average ? this.average : this.parameters, this.count);
    return Object.fromEntries(this.list.map(([name, shape]) => [name, { shape, data: all.slice(this.places.get(name), this.places.get(name) + numbers(shape)) }]));
  }

  free() {
    this.native.free(this.parameters, this.average, ...this.buffers, this.decays, this.layers, this.structure, this.lesson);
    this.native.free(this.window.inputs, this.window.targets, ...[...this.carries.values()].map(({ at }) => at));
  }
}
