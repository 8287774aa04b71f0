// Small problems that show what a memory is for. Each makes examples from random numbers: {inputs: [[…]], targets, at, shown}:
// targets: for each step the right class, or a number, or null where nothing is asked; at: how far back the answer lies, by step.
const hot = (n, k) => Array.from({ length: n }, (_, i) => +(i === k));
const pick = (uniform, n) => Math.min(n - 1, Math.floor(uniform() * n));

export const PROBLEMS = {
  first: {
    title: "Remember the first letter",
    words: "A letter, then noise, then a question mark: which letter came first?",
    look: "Watch the forget gate: it stays open while the noise goes by. An RNN has none, and loses the letter.",
    inputs: 5,
    classes: 3,
    letters: "ABC·?",
    make(uniform, longest) {
      const length = 4 + pick(uniform, longest - 3);
      const first = pick(uniform, 3);
      const read = [first, ...Array.from({ length: length - 2 }, () => 3), 4];
      // Noise: now and then another letter, which is to be ignored.
      for (let t = 1; t < length - 1; ++t) if (uniform() < 0.3) read[t] = pick(uniform, 3);
      return { inputs: read.map((k) => hot(5, k)), shown: read, targets: read.map((_, t) => (t === length - 1 ? first : null)), at: read.map((_, t) => t) };
    },
  },
  brackets: {
    title: "Count brackets",
    words: "How many brackets are open after each sign, up to four?",
    look: "Watch a unit of the state climb with each ( and fall with each ).",
    inputs: 3,
    classes: 5,
    letters: "()·",
    make(uniform, length) {
      let depth = 0;
      let since = 0;
      const [read, targets, at] = [[], [], []];
      for (let t = 0; t < length; ++t) {
        const sign = uniform() < 0.3 ? 2 : depth === 0 ? 0 : depth === 4 ? 1 : pick(uniform, 2);
        depth += sign === 0 ? 1 : sign === 1 ? -1 : 0;
        since = sign === 2 ? since + 1 : 0;
        read.push(sign), targets.push(depth), at.push(since);
      }
      return { inputs: read.map((k) => hot(3, k)), shown: read, targets, at };
    },
  },
  echo: {
    title: "Echo",
    words: "Say the letter that came three steps ago.",
    look: "Three letters are held at once: with too few units it cannot be done.",
    inputs: 2,
    classes: 2,
    letters: "ab",
    make(uniform, length) {
      const read = Array.from({ length }, () => pick(uniform, 2));
      return { inputs: read.map((k) => hot(2, k)), shown: read, targets: read.map((_, t) => (t < 3 ? null : read[t - 3])), at: read.map(() => 3) };
    },
  },
  sine: {
    title: "A sine",
    words: "The next value of a wave whose speed and start differ each time.",
    look: "Two units turn into the two halves of a pendulum: one leads, the other follows.",
    inputs: 1,
    classes: 0,
    letters: "~",
    make(uniform, length) {
      const [speed, start] = [0.4 + 0.4 * uniform(), 6.28 * uniform()];
      const wave = Array.from({ length: length + 1 }, (_, t) => Math.sin(start + speed * t));
      return { inputs: wave.slice(0, -1).map((v) => [v]), shown: wave.map(() => 0), targets: wave.slice(1), at: wave.slice(1).map((_, t) => t) };
    },
  },
};

/** A cell with a head on one problem: `learn()` is one update on a batch, `judge(example)` its answers. */
export class Task {
  constructor(problem, cell, random, rate) {
    this.problem = problem;
    this.cell = cell;
    const outputs = problem.classes || 1;
    this.head = Float64Array.from({ length: outputs * cell.units }, () => random.normal() / Math.sqrt(cell.units));
    this.bias = new Float64Array(outputs);
    const { w_x, w_h, b_x, b_h, vectors } = cell.weights;
    this.arrays = [w_x, w_h, b_x, b_h, ...vectors, this.head, this.bias];
    this.rate = rate;
  }

  /** Scores after a step. */
  scores(step) {
    const h = step.after[0];
    return Array.from(this.bias, (b, k) => h.reduce((total, v, i) => total + this.head[k * h.length + i] * v, b));
  }

  /** An example read: {steps, chances, right, loss, asked}. */
  judge(example) {
    const steps = this.cell.run(example.inputs);
    const answers = steps.map((step, t) => (example.targets[t] === null ? null : this.#answer(this.scores(step), example.targets[t])));
    const asked = answers.filter(Boolean);
    return { steps, answers, asked: asked.length, loss: asked.reduce((total, { loss }) => total + loss, 0) / asked.length };
  }

  #answer(scores, target) {
    if (!this.problem.classes) {
      const off = scores[0] - target;
      return { loss: off * off, right: Math.abs(off) < 0.1, gradient: [2 * off], chances: scores };
    }
    const most = Math.max(...scores);
    const raised = scores.map((v) => Math.exp(v - most));
    const total = raised.reduce((a, b) => a + b, 0);
    const chances = raised.map((v) => v / total);
    return { loss: -Math.log(chances[target] + 1e-300), right: chances.indexOf(Math.max(...chances)) === target, gradient: chances.map((p, k) => p - (k === target)), chances };
  }

  /** The gradients of one example into the cell's and the head's; the steps keep those of their parts. */
  back(example, judged, head, bias) {
    const units = this.cell.units;
    const outputs = judged.answers.map((answer, t) => {
      if (!answer) return null;
      const out = new Float64Array(units);
      const h = judged.steps[t].after[0];
      answer.gradient.forEach((g, k) => {
        const scaled = g / judged.asked;
        bias[k] += scaled;
        for (let i = 0; i < units; ++i) (out[i] += scaled * this.head[k * units + i]), (head[k * units + i] += scaled * h[i]);
      });
      return out;
    });
    this.cell.learn(judged.steps, outputs);
  }

  /** One update on some examples; the mean loss. */
  learn(examples, adam) {
    this.cell.clear();
    const [head, bias] = [new Float64Array(this.head.length), new Float64Array(this.bias.length)];
    let loss = 0;
    for (const example of examples) {
      const judged = this.judge(example);
      this.back(example, judged, head, bias);
      loss += judged.loss / examples.length;
    }
    const { w_x, w_h, b_x, b_h, vectors } = this.cell.gradients;
    const n = examples.length;
    adam.step([w_x, w_h, b_x, b_h, ...vectors, head, bias].map((g) => g.map((v) => v / n)));
    return loss;
  }
}
