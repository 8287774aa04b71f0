// A training under way: windows of parallel streams, the schedule, the held-out part, when to stop. `next()` is one update.
import { Learner } from "./learner.js";
import { rate, recipe, streamsOf, WINDOW } from "./recipe.js";

export const LEAST = 200; // tokens, below which nothing can be learned
const HELD_OUT = 0.1;
const LOOK = 20_000; // tokens of the held-out part that a look reads at most
const PATIENCE = 10; // looks without a better loss
const OPTIONS = { beta1: 0.9, beta2: 0.99, weight_decay: 0.01, clip: 1, average: 0.99 };

/** Windows of a text as B long passages, read side by side. */
export class Streams {
  constructor(ids, batch, window = WINDOW) {
    const targets = ids.length - 1;
    this.ids = ids;
    this.batch = streamsOf(batch, targets, window);
    this.length = Math.floor(targets / this.batch);
    this.window = Math.min(window, this.length);
    this.count = Math.ceil(this.length / this.window);
  }

  /** Window number i of an epoch. */
  at(i) {
    const first = i * this.window;
    const time = Math.min(this.window, this.length - first);
    const inputs = new Int32Array(this.batch * time);
    const targets = new Int32Array(this.batch * time);
    for (let b = 0; b < this.batch; ++b) {
      const from = b * this.length + first;
      inputs.set(this.ids.subarray(from, from + time), b * time);
      targets.set(this.ids.subarray(from + 1, from + time + 1), b * time);
    }
    return { inputs, targets, batch: this.batch, time, anew: i === 0 };
  }
}

export class Training {
  /** plan: {minutes} or {epochs}, and what of `recipe` is set by hand. clock: seconds, for tests. */
  constructor(native, model, facts, ids, plan, clock = () => performance.now() / 1000) {
    this.clock = clock;
    this.began = clock();
    const valid = ids.length >= 5000 ? Math.floor(ids.length * HELD_OUT) : 0;
    this.train = ids.subarray(0, ids.length - valid);
    this.valid = ids.subarray(ids.length - valid).subarray(0, LOOK);
    this.plan = { ...recipe(this.train.length, plan.minutes ?? 1, undefined, model.config), ...plan };
    this.streams = new Streams(this.train, this.plan.batch_size, this.plan.window);
    this.looks = valid ? new Streams(this.valid, 16, 128) : null;
    this.learner = new Learner(native, model, facts, { ...OPTIONS, ...plan.options });
    this.step = 0;
    this.waited = 0;
    this.best = null;
    this.bestTensors = null;
    this.sum = 0;
    this.counted = 0;
    this.nextLook = this.streams.count;
    this.reason = "";
  }

  get seconds() {
    return this.clock() - this.began;
  }

  /** The part that is done, from 0 to 1: by the clock, or by the updates where the plan has epochs. */
  get done() {
    const { epochs, minutes } = this.plan;
    return Math.min(1, epochs ? this.step / (epochs * this.streams.count) : this.seconds / (60 * minutes));
  }

  /** One update: {step, loss, done, look}; look: the held-out loss where this was the moment to look. */
  next() {
    const window = this.streams.at(this.step % this.streams.count);
    const loss = this.learner.step(window, rate(this.plan.lr, this.plan.warmup, this.done));
    ++this.step;
    if (!Number.isFinite(loss)) throw new Error("The loss became infinite. Choose a lower learning rate");
    this.sum += loss * window.inputs.length;
    this.counted += window.inputs.length;
    const over = this.done >= 1;
    const look = over || this.step >= this.nextLook ? this.#look() : null;
    if (over) this.reason ||= "finished";
    return { step: this.step, loss, done: this.done, look };
  }

  /** The mean loss of the updates since the last call, in nats a character. */
  taken() {
    const mean = this.counted ? this.sum / this.counted : NaN;
    this.sum = this.counted = 0;
    return mean;
  }

  #look() {
    const before = this.seconds;
    const loss = this.measure();
    if (this.best === null || loss < this.best) {
      this.best = loss;
      this.bestTensors = this.looks ? this.learner.tensors() : null;
      this.waited = 0;
    } else if (++this.waited >= PATIENCE) {
      this.reason = "patience";
    }
    // A look takes a twentieth of the time at most.
    const took = this.seconds - before;
    const each = before / this.step || 0.01;
    this.nextLook = this.step + Math.max(this.streams.count, Math.ceil((20 * took) / each));
    return loss;
  }

  /** The held-out loss, or where nothing is held out that of a window of the text. */
  measure() {
    const streams = this.looks ?? this.streams;
    const all = this.looks ? streams.count : Math.min(4, streams.count);
    let sum = 0;
    let counted = 0;
    for (let i = 0; i < all; ++i) {
      const window = streams.at(i);
      sum += this.learner.measure(window) * window.inputs.length;
      counted += window.inputs.length;
    }
    return sum / counted;
  }

  /** The best weights so far, or, with `now`, those of this moment. */
  tensors(now = false) {
    return (!now && this.bestTensors) || this.learner.tensors();
  }

  free() {
    this.learner.free();
  }
}
