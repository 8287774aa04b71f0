// A model that writes in the module: the engine of native/engine.h. In int8 a seed gives the same text as the command does.
import { floats, whole } from "./model.js";

const STEPS = 64; // tokens of a call
const INT8 = 2;

export class Writer {
  /** precision: "float32" or "int8". */
  constructor(native, model, facts, precision = "float32") {
    this.native = native;
    this.tokens = model.vocabulary.symbols.length;
    this.kept = [];
    const { config, tensors } = model;
    const put = (array) => (this.kept.push(native.put(array)), this.kept.at(-1));
    const eight = precision === "int8";
    const matrix = (name) => {
      if (!(name in tensors)) return {};
      const [rows, columns] = tensors[name].shape;
      if (!eight) return { data: put(floats(tensors, name)), rows, columns };
      const scales = tensors[`${name}.scale`];
      const made = scales ? { numbers: tensors[name].data, scale: scales.data } : whole(tensors[name].data, rows, columns);
      return { data: put(made.numbers), scale: put(made.scale), rows, columns };
    };
    const vector = (name) => (name in tensors ? put(tensors[name].data) : 0);
    const size = native.sizeOf("Layer");
    const layers = native.room(size * config.num_layers);
    this.kept.push(layers);
    for (let k = 0; k < config.num_layers; ++k) {
      const vectors = Object.keys(facts.vectors).map((name) => vector(`layers.${name}_l${k}`));
      native.set("Layer", layers + k * size, {
        cell: native.functions.recurra_web_cell(facts.index, 1),
        inputs: k ? config.hidden_size : config.embedding_size,
        units: config.hidden_size,
        outputs: config.hidden_size,
        residual: config.residual && k ? 1 : 0,
        w_x: matrix(`layers.weight_ih_l${k}`),
        w_h: matrix(`layers.weight_hh_l${k}`),
        b_x: vector(`layers.bias_ih_l${k}`),
        b_h: vector(`layers.bias_hh_l${k}`),
        vectors: vectors.length ? put(Int32Array.from(vectors)) : 0,
      });
    }
    const embedding = eight ? rounded(tensors) : floats(tensors, "embedding.weight");
    const structure = native.make("Model", {
      precision: eight ? INT8 : 0,
      tokens: this.tokens,
      layers: config.num_layers,
      layer: layers,
      embedding: put(embedding),
      head: matrix("head.weight"),
      head_bias: vector("head.bias"),
    });
    this.kept.push(structure);
    this.engine = native.functions.recurra_engine_open(structure);
    if (!this.engine) throw new Error("There is no memory left in this page for the model");
    this.states = native.functions.recurra_engine_state(this.engine);
  }

  /** Tokens, some at a time. ids: of the prompt, one at least. options: {length, seed, temperature, top_k, top_p, min_p}. */
  *write(ids, { length, seed, temperature = 1, top_k = 0, top_p = 1, min_p = 0 }) {
    const { native } = this;
    const places = [native.room(4 * this.states), native.room(8 * ids.length), native.room(8 * STEPS), native.room(8 * STEPS)];
    const [state, given, drawn, chances] = places;
    native.functions.recurra_engine_start(this.engine, state);
    const row = native.make("Row", {
      state, drawn, chances,
      previous: -1, eod: -1, never: -1,
      random: BigInt.asUintN(64, BigInt(seed)),
      temperature_first: temperature, temperature_last: temperature,
      length, top_k, top_p, min_p, repetition_penalty: 1,
    }); // prettier-ignore
    try {
      if (ids.length > 1) {
        native.longs(given, ids.length - 1).set(Array.from(ids.slice(0, -1), BigInt));
        native.set("Row", row, { given, given_count: ids.length - 1, steps: 0 });
        this.#run(row);
      }
      let last = ids.at(-1);
      for (let made = 0; made < length; ) {
        native.longs(given, 1)[0] = BigInt(last);
        native.set("Row", row, { given, given_count: 1, steps: Math.min(STEPS, length - made) });
        this.#run(row);
        const count = native.get("Row", row, "made");
        if (!count) break;
        const found = Array.from(native.longs(drawn, count), Number);
        last = found.at(-1);
        made += count;
        yield found;
      }
    } finally {
      native.free(row, ...places);
    }
  }

  #run(row) {
    if (this.native.functions.recurra_engine_run(this.engine, row, 1, 1)) throw new Error("There is no memory left in this page");
    if (this.native.get("Row", row, "status")) throw new Error("The model's scores are not finite: its weights are damaged, or it has learned too fast");
  }

  free() {
    this.native.functions.recurra_engine_close(this.engine);
    this.native.free(...this.kept);
  }
}

/** The embedding with the numbers that int8 leaves it. */
function rounded(tensors) {
  const name = "embedding.weight";
  if (tensors[`${name}.scale`]) return floats(tensors, name);
  const [rows, columns] = tensors[name].shape;
  const { numbers, scale } = whole(tensors[name].data, rows, columns);
  return Float32Array.from(numbers, (n, i) => n * scale[Math.floor(i / columns)]);
}
