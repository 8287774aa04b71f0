// A cell's equations, worked out and differentiated: one row of numbers at a time, in double precision. What `equations.py` writes
// of a cell's graph is run here as it stands, so that every cell that can be drawn can also learn in a drawing.
//
//   const cell = new Equations(written, units, inputs, random);      weights from a seed
//   const steps = cell.run(rows);                                    rows: [[numbers of a step], …] → what each step holds
//   steps[3].value(name), steps[3].after[0]                          a part by its name in the drawing; the output
//   cell.learn(steps, dOutputs)                                      gradients: into cell.gradients, and by name into the steps

import { OPS } from "./operations.js";

const each = (n, f) => Float64Array.from({ length: n }, (_, i) => f(i));
const sum = (v) => v.reduce((total, x) => total + x, 0);
/** Operations over the units of a row: [value of the row, (gradient, y, argument) → the argument's gradient]. */
export const OVER_UNITS = {
  mean: [(v) => v.fill(sum(v) / v.length), (g) => g.map(() => sum(g) / g.length)],
  amax: [(v) => v.fill(Math.max(...v)), (g, y, a) => a.map((x) => (x === y[0] ? sum(g) / a.filter((other) => other === y[0]).length : 0))],
  cumsum: [(v) => v.map(((total) => (x) => (total += x))(0)), (g) => OVER_UNITS.cumsum_back[0](g.slice())],
  cumsum_back: [(v) => OVER_UNITS.cumsum[0](v.reverse()).reverse(), (g) => OVER_UNITS.cumsum[0](g.slice())],
};

const clamp = (v, [low, high]) => Math.min(Math.max(v, low ?? -Infinity), high ?? Infinity);
const within = (v, [low, high, inside]) => +(inside ? v > (low ?? -Infinity) && v < (high ?? Infinity) : v >= (low ?? -Infinity) && v <= (high ?? Infinity));

export class Equations {
  /** written: of `equations.py`. random: {uniform, normal} of model.js; or weights: {w_x, w_h, b_x, b_h, vectors} of a run. */
  constructor(written, units, inputs, random, weights = null) {
    Object.assign(this, { written, units, inputs });
    const [X, G] = [written.x_gates.length * units, written.h_gates.length * units];
    const glorot = (rows, columns) => each(rows * columns, () => Math.sqrt(6 / (units + columns)) * (2 * random.uniform() - 1));
    this.weights = weights ?? {
      w_x: glorot(X, inputs),
      w_h: each(G * units, () => random.normal() / Math.sqrt(units)),
      b_x: each(X, (i) => +(written.x_gates[Math.floor(i / units)] === written.forget)),
      b_h: each(G, () => 0),
      vectors: Object.values(written.vectors).map((start) => each(units, () => start)),
    };
    this.x_row = new Map(written.x_gates.map((gate, k) => [gate, k]));
    this.h_row = new Map(written.h_gates.map((gate, k) => [gate, k]));
    this.clear();
  }

  clear() {
    const { w_x, w_h, b_x, b_h, vectors } = this.weights;
    const like = (v) => new Float64Array(v.length);
    this.gradients = { w_x: like(w_x), w_h: like(w_h), b_x: like(b_x), b_h: like(b_h), vectors: vectors.map(like) };
  }

  /** W x + b for rows of gates: Float64Array(rows). */
  #product(w, b, v) {
    const n = v.length;
    return each(b.length, (r) => {
      let total = b[r];
      for (let k = 0; k < n; ++k) total += w[r * n + k] * v[k];
      return total;
    });
  }

  #gate(rows, place) {
    return rows.subarray(place * this.units, (place + 1) * this.units);
  }

  /** One step from some states: {x, before, nodes, after}. */
  step(x, before) {
    const { nodes, ofs, states } = this.written;
    const { w_x, w_h, b_x, b_h, vectors } = this.weights;
    const xs = this.#product(w_x, b_x, x);
    const hs = b_h.length ? this.#product(w_h, b_h, before[0]) : null;
    const products = [];
    const values = [];
    for (const [op, args, value] of nodes) values.push(this.#value(op, args.map((k) => values[k]), value, { xs, hs, before, vectors, products, ofs, values }));
    return { x, before, nodes: values, after: states.map((k) => values[k]), products, value: (name) => values[this.written.parts[name]] };
  }

  #value(op, args, value, { xs, hs, before, vectors, products, ofs, values }) {
    const H = this.units;
    if (op in OPS) return each(H, (i) => OPS[op][0](...args.map((a) => a[i])));
    if (op in OVER_UNITS) return OVER_UNITS[op][0](args[0].slice());
    switch (op) {
      case "const": return each(H, () => value ?? NaN);
      case "units": return each(H, () => H);
      case "per_unit": return each(H, () => 1 / H);
      case "clamp": return args[0].map((v) => clamp(v, value));
      case "state": return before[value];
      case "vector": return vectors[value];
      case "x": return this.#gate(xs, this.x_row.get(value));
      case "h": return this.#gate(hs, this.h_row.get(value));
      case "a": return each(H, (i) => this.#gate(xs, this.x_row.get(value))[i] + (hs ? this.#gate(hs, this.h_row.get(value))[i] : 0));
      case "of": {
        const [stage, gate] = value;
        products[stage] ??= this.#product(this.weights.w_h, this.weights.b_h, values[ofs[stage]]);
        return this.#gate(products[stage], this.h_row.get(gate));
      }
    } // prettier-ignore
    throw new Error(`the page knows no operation ${op}`);
  }

  /** Every step of a sequence, from zero states or from `start`. rows: [[inputs numbers], …]. */
  run(rows, start = null) {
    let states = start ?? this.written.state_names.map(() => new Float64Array(this.units));
    return rows.map((row) => {
      const step = this.step(Float64Array.from(row), states);
      states = step.after;
      return step;
    });
  }

  /** The gradients of all weights, added to `gradients`, for gradients of the outputs (or null) of some steps, last to first.
   * Each step keeps those of its parts: step.gradient(name). Returns the gradient of each step's input. */
  learn(steps, outputs) {
    let from = this.written.state_names.map(() => new Float64Array(this.units));
    const inputs = [];
    for (let t = steps.length; t-- > 0; ) {
      if (outputs[t]) from[0] = from[0].map((g, i) => g + outputs[t][i]);
      const back = this.#back(steps[t], from);
      from = back.states;
      inputs[t] = back.x;
    }
    return inputs;
  }

  #back(step, after) {
    const { nodes, states, ofs, parts } = this.written;
    const H = this.units;
    const g = nodes.map(() => null);
    const add = (k, part) => (g[k] = g[k] ? g[k].map((v, i) => v + part[i]) : part.slice());
    states.forEach((k, s) => add(k, after[s]));
    const before = this.written.state_names.map(() => new Float64Array(H));
    const dx = new Float64Array(this.weights.b_x.length);
    const dh = new Float64Array(this.weights.b_h.length);
    const dof = ofs.map(() => null);
    const into = (rows, place, part) => part.forEach((v, i) => (rows[place * H + i] += v));
    for (let k = nodes.length; k-- > 0; ) {
      // A vector that `h.of` multiplies gets its gradient once all gates of the product have theirs: they stand behind it.
      ofs.forEach((of, stage) => of === k && dof[stage] && add(k, this.#through(dof[stage], step.nodes[k])));
      if (!g[k]) continue;
      const [op, args, value] = nodes[k];
      if (op in OPS) {
        const parted = each(H, () => 0);
        const shares = args.map(() => parted.slice());
        for (let i = 0; i < H; ++i) OPS[op][1](step.nodes[k][i], ...args.map((a) => step.nodes[a][i])).forEach((d, n) => (shares[n][i] = d ? d * g[k][i] : 0));
        args.forEach((a, n) => add(a, shares[n]));
      } else if (op in OVER_UNITS) add(args[0], OVER_UNITS[op][1](g[k], step.nodes[k], step.nodes[args[0]]));
      else if (op === "clamp") add(args[0], g[k].map((v, i) => v * within(step.nodes[args[0]][i], value)));
      else if (op === "state") before[value] = before[value].map((v, i) => v + g[k][i]);
      else if (op === "vector") this.gradients.vectors[value].forEach((v, i, all) => (all[i] = v + g[k][i]));
      else if (op === "x") into(dx, this.x_row.get(value), g[k]);
      else if (op === "h") into(dh, this.h_row.get(value), g[k]);
      else if (op === "a") into(dx, this.x_row.get(value), g[k]), dh.length && into(dh, this.h_row.get(value), g[k]);
      else if (op === "of") into((dof[value[0]] ??= new Float64Array(dh.length)), this.h_row.get(value[1]), g[k]);
    }
    if (dh.length) before[0] = this.#through(dh, step.before[0]).map((v, i) => v + before[0][i]);
    step.gradient = (name) => g[parts[name]] ?? new Float64Array(H);
    return { states: before, x: this.#weights(dx, step.x, "w_x", "b_x") };
  }

  /** The gradient of v in W_h v + b_h, whose own are added up. */
  #through(rows, v) {
    return this.#weights(rows, v, "w_h", "b_h");
  }
  #weights(rows, v, matrix, bias) {
    const n = v.length;
    const out = new Float64Array(n);
    const [w, dw, db] = [this.weights[matrix], this.gradients[matrix], this.gradients[bias]];
    for (let r = 0; r < rows.length; ++r) {
      if (!rows[r]) continue;
      db[r] += rows[r];
      for (let k = 0; k < n; ++k) (out[k] += w[r * n + k] * rows[r]), (dw[r * n + k] += rows[r] * v[k]);
    }
    return out;
  }
}

/** Adam (Kingma & Ba 2015) on lists of arrays. */
export class Adam {
  constructor(arrays, rate) {
    this.arrays = arrays;
    this.rate = rate;
    this.steps = 0;
    this.means = arrays.map((a) => [new Float64Array(a.length), new Float64Array(a.length)]);
  }
  step(gradients) {
    ++this.steps;
    const norm = Math.sqrt(sum(gradients.map((g) => sum(g.map((v) => v * v)))));
    const scale = Math.min(1, 1 / (norm + 1e-9));
    const [c1, c2] = [1 - 0.9 ** this.steps, 1 - 0.99 ** this.steps];
    this.arrays.forEach((array, k) => {
      const [m, v] = this.means[k];
      for (let i = 0; i < array.length; ++i) {
        const g = gradients[k][i] * scale;
        m[i] += 0.1 * (g - m[i]);
        v[i] += 0.01 * (g * g - v[i]);
        array[i] -= (this.rate * m[i]) / c1 / (Math.sqrt(v[i] / c2) + 1e-8);
      }
    });
    return norm;
  }
}
