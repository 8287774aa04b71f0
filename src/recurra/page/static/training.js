// A training under way: windows of parallel streams, the schedule, the held-out part, when to stop. `next()` is one update.
import { Learner } from "./learner.js";
import { rate, recipe, streamsOf, WINDOW } from "./recipe.js";

export const LEAST = 200; // tokens, below which nothing can be learned
const HELD_OUT = 0.1; // of the text, at its end
const FEW = 1000; // tokens, below which nothing is held out
const LOOK = { batch: 32, window: 128, most: 50_000 }; // as Python measures: streams, tokens of a window, tokens of a look
const IGNORE = -1; // a target that is none
const PATIENCE = 10; // looks without a better loss
const OPTIONS = { beta1: 0.9, beta2: 0.99, weight_decay: 0.01, clip: 1, average: 0.99 };

/**
 * Windows of a text as B long passages of equal length, read side by side: recurra.data.streams has the same. What is left over
 * at the end is not used; with `all` each token but the first is a target, and the last passages are shorter.
 */
export class Streams {
  constructor(ids, batch, window = WINDOW, all = false) {
    this.targets = ids.length - 1;
    this.ids = ids;
    this.batch = streamsOf(batch, this.targets, window);
    this.length = all ? Math.ceil(this.targets / this.batch) : Math.floor(this.targets / this.batch);
    this.window = Math.min(window, this.length);
    this.count = Math.ceil(this.length / this.window);
  }

  /** Window number i of an epoch; counted: its targets. */
  at(i) {
    const first = i * this.window;
    const time = Math.min(this.window, this.length - first);
    const inputs = new Int32Array(this.batch * time);
    const targets = new Int32Array(this.batch * time).fill(IGNORE);
    let counted = 0;
    for (let b = 0; b < this.batch; ++b) {
      const from = b * this.length + first;
      const there = Math.max(0, Math.min(time, this.targets - from));
      inputs.set(this.ids.subarray(from, from + there), b * time);
      targets.set(this.ids.subarray(from + 1, from + there + 1), b * time);
      counted += there;
    }
    return { inputs, targets, batch: this.batch, time, restart: i === 0, counted };
  }
}

export class Training {
  /** plan: {minutes} or {epochs}, and what of `recipe` is set by hand. clock: seconds, for tests. */
  constructor(native, model, facts, ids, plan, clock = () => performance.now() / 1000) {
    this.clock = clock;
    this.began = clock();
    this.train = trainingPart(ids);
    const valid = ids.subarray(this.train.length);
    this.plan = { ...recipe(this.train.length, plan.minutes ?? 1, undefined, model.config), ...plan };
    this.streams = new Streams(this.train, this.plan.batch_size, this.plan.window);
    this.looks = valid.length > 1 ? new Streams(valid, LOOK.batch, LOOK.window, true) : null;
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

  /** The part that is done when half of the next update is: so neither the first nor the last one has a rate of 0. */
  get #middle() {
    const { epochs } = this.plan;
    return epochs ? (this.step + 0.5) / (epochs * this.streams.count) : Math.max(1e-6, this.done);
  }

  /** One update: {step, loss, done, look}; look: the held-out loss where this was the moment to look. */
  next() {
    const window = this.streams.at(this.step % this.streams.count);
    const loss = this.learner.step(window, rate(this.plan.lr, this.plan.warmup, this.#middle));
    ++this.step;
    if (!Number.isFinite(loss)) throw new Error("The loss became infinite. Choose a lower learning rate");
    this.sum += loss * window.counted;
    this.counted += window.counted;
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

  /** The loss on the held-out part, or on the beginnings of its passages; where nothing is held out, on those of the text. */
  measure() {
    const streams = this.looks ?? this.streams;
    let sum = 0;
    let counted = 0;
    for (let i = 0; i < streams.count && counted < LOOK.most; ++i) {
      const window = streams.at(i);
      sum += this.learner.measure(window) * window.counted;
      counted += window.counted;
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

/** What of a text is learned from; the rest is held out. */
export function trainingPart(ids) {
  return ids.subarray(0, ids.length < FEW ? ids.length : Math.floor(ids.length * (1 - HELD_OUT)));
}
