// The page's worker: everything that takes time. Messages to it, each an object with `type`:
//
//   load   {module, facts}                      the module's bytes, and by a cell's name what `model.js` calls its facts
//   open   {model}                              {config, vocabulary, tensors}: the model to write with, and to train on
//   new    {text, settings, seed}               a model with starting weights for a text; settings: cell, hidden_size, minutes
//   train  {text, minutes, epochs}              trains the model there is; `train` after `open` trains on
//   stop   {}                                   ends a training or a text, after the step under way
//   write  {prompt, length, temperature, top_k, top_p, min_p, seed, precision}
//   save   {}                                   the page wants the model as it is
//
// and from it:
//
//   ready    {cells}                            after load
//   opened   {config, characters, parameters, plan}
//   progress {step, fraction, train_loss, valid_loss, best, seconds, seconds_left, speed}    four a second; losses in nats
//   sample   {text}                             while it learns, after 1, 10, 30, 100 ... updates
//   trained  {reason, best, step, seconds}      reason: finished, patience or stopped
//   text     {piece, done, left_out}            left_out: characters of the prompt that the model does not know
//   model    {model}
//   error    {message}
import { begin, encode, numbers, shapes, vocabularyOf } from "./model.js";
import { Native } from "./native.js";
import { recipe } from "./recipe.js";
import { LEAST, Training, trainingPart } from "./training.js";
import { Writer } from "./writer.js";

const TICK = 250; // milliseconds between two messages of progress
const TURN = 10; // milliseconds of work between two looks for messages, or a step

const turns = new MessageChannel();

/** What answers the messages. send: takes one message. */
export class Work {
  constructor(send) {
    this.send = send;
    this.native = null;
    this.facts = {};
    this.model = null;
    this.seed = 1;
    this.stopping = false;
    this.busy = false;
    this.writers = new Map();
  }

  async take(message) {
    if (message.type === "stop") {
      this.stopping = true;
      return;
    }
    if (this.busy && message.type !== "save") {
      this.send({ type: "error", message: "It is at work. Press Stop first" });
      return;
    }
    this.busy = true;
    this.stopping = false;
    try {
      await this[message.type](message);
    } catch (error) {
      const full = error instanceof WebAssembly.RuntimeError || error instanceof RangeError;
      this.send({ type: "error", message: full ? "There is no memory left in this page. Reload it, and take a smaller model or text" : error.message });
    } finally {
      this.busy = false;
    }
  }

  async load({ module, facts }) {
    this.native = await Native.load(module);
    this.facts = facts;
    this.send({ type: "ready", cells: Object.keys(facts) });
  }

  open({ model }) {
    this.#check(model);
    this.#use(model);
    this.#opened();
  }

  new({ text, settings = {}, seed = 1 }) {
    const vocabulary = vocabularyOf(text);
    const { ids } = encode(vocabulary, text);
    if (ids.length < LEAST) throw new Error(`${ids.length} characters are too few to learn from; paste some hundred, better some thousand`);
    const plan = recipe(trainingPart(ids).length, settings.minutes ?? 1, undefined, settings.hidden_size ? { hidden_size: settings.hidden_size } : {});
    const config = { cell: settings.cell ?? "lstm", embedding_size: plan.embedding_size, hidden_size: plan.hidden_size, num_layers: settings.num_layers ?? 1 };
    this.seed = seed;
    this.#use({ config, vocabulary, tensors: begin(config, this.#factsOf(config.cell), vocabulary.symbols.length, seed) });
    this.#opened(plan);
  }

  async train({ text, minutes, epochs, ...rest }) {
    const { ids, unknown } = encode(this.model.vocabulary, text);
    if (ids.length < LEAST) throw new Error(`${ids.length} characters that this model knows are too few to learn from`);
    const plan = { ...(epochs ? { epochs } : {}), minutes: minutes ?? 1, ...rest };
    const training = new Training(this.native, this.model, this.#factsOf(), ids, plan);
    let shown = 0;
    let sampled = 0;
    let valid = null;
    try {
      while (!training.reason) {
        const until = performance.now() + TURN;
        do {
          const { step, look } = training.next();
          valid = look ?? valid;
          if (step >= [1, 10, 30, 100, 300, 1000, 3000, 10000][sampled]) {
            ++sampled;
            this.send({ type: "sample", step, text: this.#sample(training) });
          }
        } while (!training.reason && performance.now() < until && !this.stopping);
        if (this.stopping) training.reason ||= "stopped";
        if (performance.now() - shown >= TICK || training.reason) {
          shown = performance.now();
          this.send({ type: "progress", ...this.#progress(training, valid) });
        }
        await breath();
      }
      if (training.best === null && training.looks) training.best = training.measure();
      this.#use({ ...this.model, tensors: training.tensors(), prelude: prelude(ids, this.model.vocabulary) });
      this.send({ type: "trained", reason: training.reason, best: training.best, step: training.step, seconds: training.seconds, left_out: [...unknown.keys()] });
    } finally {
      training.free();
    }
  }

  #progress(training, valid) {
    const { step, done, seconds, best } = training;
    const speed = (step * training.streams.batch * training.streams.window) / seconds;
    return { step, fraction: done, train_loss: training.taken(), valid_loss: valid, best, seconds, seconds_left: done ? (seconds * (1 - done)) / done : null, speed };
  }

  /** What the model would write now: a line or two. */
  #sample(training) {
    const writer = new Writer(this.native, { ...this.model, tensors: training.learner.tensors() }, this.#factsOf());
    try {
      const text = [];
      for (const ids of writer.write(this.#start(), { length: 120, seed: this.seed, temperature: 0.8 })) text.push(...ids);
      return text.map((id) => this.model.vocabulary.symbols[id]).join("");
    } finally {
      writer.free();
    }
  }

  async write({ prompt = "", length = 500, seed = 0, precision = "float32", ...options }) {
    if (!this.model) throw new Error("There is no model yet: paste a text and press Generate");
    const { ids, unknown } = encode(this.model.vocabulary, prompt);
    if (!this.writers.has(precision)) this.writers.set(precision, new Writer(this.native, this.model, this.#factsOf(), precision));
    const pieces = this.writers.get(precision).write(this.#start(ids), { length, seed, ...options });
    for (const found of pieces) {
      this.send({ type: "text", piece: found.map((id) => this.model.vocabulary.symbols[id]).join(""), done: false });
      await breath();
      if (this.stopping) break;
    }
    this.send({ type: "text", piece: "", done: true, left_out: [...unknown.keys()] });
  }

  /** The tokens to read before the first one is drawn, as the command reads them: the run's prelude, then the prompt or a line's start. */
  #start(ids = []) {
    const { vocabulary, prelude = [] } = this.model;
    const own = ids.length ? [...ids] : [Math.max(0, vocabulary.symbols.indexOf("\n"))];
    if (prelude.length && !ids.length && prelude.at(-1) === own[0]) return Int32Array.from(prelude);
    return Int32Array.from([...prelude, ...own]);
  }

  save() {
    this.send({ type: "model", model: this.model });
  }

  #factsOf(cell = this.model.config.cell) {
    const facts = this.facts[cell];
    if (!facts) throw new Error(`This page has no cell “${cell}”: it has ${Object.keys(this.facts).join(", ")}`);
    return facts;
  }

  #use(model) {
    for (const writer of this.writers.values()) writer.free();
    this.writers.clear();
    this.model = model;
  }

  #opened(plan = null) {
    const { config, vocabulary } = this.model;
    const parameters = shapes(config, this.#factsOf(), vocabulary.symbols.length).reduce((sum, [, shape]) => sum + numbers(shape), 0);
    this.send({ type: "opened", config, characters: vocabulary.symbols.length, parameters, plan });
  }

  /** That a model from outside has the tensors that its settings promise. */
  #check({ config, vocabulary, tensors }) {
    for (const [name, shape] of shapes(config, this.#factsOf(config.cell), vocabulary.symbols.length)) {
      const found = tensors[name];
      const fits = found && found.shape.length === shape.length && found.shape.every((n, k) => n === shape[k]) && found.data.length === numbers(shape);
      if (!fits) throw new Error(`This model's ${name} is ${found ? `(${found.shape.join(", ")})` : "missing"}; its settings need (${shape.join(", ")})`);
    }
  }
}

/** A passage of the text behind which writing begins: some hundred characters up to the end of a line. */
function prelude(ids, vocabulary) {
  const line = vocabulary.symbols.indexOf("\n");
  const end = line < 0 ? 0 : ids.lastIndexOf(line) + 1;
  return [...ids.subarray(Math.max(0, end - 400), end)];
}

/** Let messages that wait come in. A message to oneself: a timer would wait 4 milliseconds each time. */
function breath() {
  return new Promise((resolve) => {
    turns.port1.onmessage = resolve;
    turns.port2.postMessage(null);
  });
}

if (typeof WorkerGlobalScope !== "undefined" && self instanceof WorkerGlobalScope) {
  const work = new Work((message) => self.postMessage(message));
  self.onmessage = ({ data }) => work.take(data);
}
