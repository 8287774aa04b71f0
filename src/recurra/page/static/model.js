// A language model in the page: its shape, its starting weights, its text ↔ tokens. `model` is {config, vocabulary, tensors}:
// config the settings of the layers, as a run's config.json has them; vocabulary as vocabulary.json; tensors by the names of
// model.safetensors, {shape, data: Float32Array}, matrices of an int8 run {shape, data: Int8Array} with NAME.scale beside them.
// facts: of the cell, from Python: {name, index, x_gates, h_gates, states, vectors: {name: start}, bias: [[gate, start], ...]}.

/** The parameters of a model in the order of the module's memory: [[name, shape], ...]. */
export function shapes(config, facts, tokens) {
  const { embedding_size: E, hidden_size: H, num_layers: layers } = config;
  const X = facts.x_gates * H;
  const G = facts.h_gates * H;
  const list = [["embedding.weight", [tokens, E]]];
  for (let k = 0; k < layers; ++k) {
    list.push([`layers.weight_ih_l${k}`, [X, k ? H : E]]);
    if (G) list.push([`layers.weight_hh_l${k}`, [G, H]]);
    list.push([`layers.bias_ih_l${k}`, [X]]);
    if (G) list.push([`layers.bias_hh_l${k}`, [G]]);
    for (const name of Object.keys(facts.vectors)) list.push([`layers.${name}_l${k}`, [H]]);
  }
  list.push(["head.weight", [tokens, H]], ["head.bias", [tokens]]);
  return list;
}

export const numbers = (shape) => shape.reduce((product, n) => product * n, 1);

/** Random numbers that follow from a seed: SplitMix64, as recurra.generation.random has it. */
export function random(seed) {
  let state = BigInt.asUintN(64, BigInt(seed));
  const mask = (value) => BigInt.asUintN(64, value);
  const uniform = () => {
    state = mask(state + 0x9e3779b97f4a7c15n);
    let z = state;
    z = mask((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n);
    z = mask((z ^ (z >> 27n)) * 0x94d049bb133111ebn);
    return Number((z ^ (z >> 31n)) >> 11n) * 2 ** -53;
  };
  const normal = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  return { uniform, normal };
}

/** Starting weights: Glorot for what reads the input, orthogonal for the recurrence, N(0, 1) for the embedding. */
export function begin(config, facts, tokens, seed = 1) {
  const { uniform, normal } = random(seed);
  const tensors = {};
  const gates = { weight_ih: facts.x_gates, weight_hh: facts.h_gates };
  for (const [name, shape] of shapes(config, facts, tokens)) {
    const data = new Float32Array(numbers(shape));
    const short = name.replace(/^layers\.|_l\d+$/g, "");
    if (name === "embedding.weight") data.forEach((_, i) => (data[i] = normal()));
    else if (name === "head.weight") glorot(data, shape[0], shape[1], uniform);
    else if (short === "weight_ih") blocks(data, gates.weight_ih, (block) => glorot(block, shape[0] / gates.weight_ih, shape[1], uniform));
    else if (short === "weight_hh") blocks(data, gates.weight_hh, (block) => orthogonal(block, shape[0] / gates.weight_hh, shape[1], normal));
    else if (short === "bias_ih") for (const [gate, start] of facts.bias) data.fill(start, gate * config.hidden_size, (gate + 1) * config.hidden_size);
    else if (short in facts.vectors) data.fill(facts.vectors[short]);
    tensors[name] = { shape, data };
  }
  return tensors;
}

function blocks(data, count, fill) {
  const each = data.length / count;
  for (let k = 0; k < count; ++k) fill(data.subarray(k * each, (k + 1) * each));
}

function glorot(data, rows, columns, uniform) {
  const bound = Math.sqrt(6 / (rows + columns));
  for (let i = 0; i < data.length; ++i) data[i] = bound * (2 * uniform() - 1);
}

/** Rows of length 1 that are at right angles to each other, by Gram and Schmidt, twice for the sake of rounding. */
function orthogonal(data, rows, columns, normal) {
  for (let r = 0; r < rows; ++r) {
    const row = Float64Array.from({ length: columns }, normal);
    for (let pass = 0; pass < 2; ++pass)
      for (let other = 0; other < r; ++other) {
        let dot = 0;
        for (let c = 0; c < columns; ++c) dot += row[c] * data[other * columns + c];
        for (let c = 0; c < columns; ++c) row[c] -= dot * data[other * columns + c];
      }
    const length = Math.sqrt(row.reduce((sum, v) => sum + v * v, 0));
    for (let c = 0; c < columns; ++c) data[r * columns + c] = row[c] / length;
  }
}

/** The vocabulary of a text's characters, as vocabulary.json has it, in the order of their code points. */
export function vocabularyOf(text) {
  const symbols = [...new Set(text.normalize("NFC"))].filter((symbol) => !/\p{Surrogate}/u.test(symbol));
  symbols.sort((a, b) => a.codePointAt(0) - b.codePointAt(0));
  return { schema: 1, unit: "character", nfc: true, eod: null, unk: null, spelled: null, symbols };
}

/** Text → tokens; characters that the vocabulary lacks are left out, and counted. */
export function encode(vocabulary, text) {
  const ids = new Map(vocabulary.symbols.map((symbol, id) => [symbol, id]));
  const found = [];
  const unknown = new Map();
  for (const symbol of vocabulary.nfc ? text.normalize("NFC") : text) {
    const id = ids.get(symbol);
    if (id === undefined) unknown.set(symbol, (unknown.get(symbol) ?? 0) + 1);
    else found.push(id);
  }
  return { ids: Int32Array.from(found), unknown };
}

/** A matrix in int8, as recurra.engine.parts.whole makes it: {numbers: Int8Array, scale: Float32Array}. */
export function whole(data, rows, columns) {
  const scale = new Float32Array(rows);
  const bits = new Uint32Array(scale.buffer);
  const numbersOf = new Int8Array(rows * columns);
  for (let r = 0; r < rows; ++r) {
    let largest = 0;
    for (let c = 0; c < columns; ++c) largest = Math.max(largest, Math.abs(data[r * columns + c]));
    scale[r] = Math.fround(largest) / 127;
    bits[r] = (bits[r] + 255) & ~255;
    for (let c = 0; c < columns && scale[r] > 0; ++c)
      numbersOf[r * columns + c] = Math.max(-127, Math.min(127, even(Math.fround(data[r * columns + c] / scale[r]))));
  }
  return { numbers: numbersOf, scale };
}

/** The nearest whole number, of two equally near ones the even one. */
function even(value) {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest < 0.5 ? floor : rest > 0.5 ? floor + 1 : floor % 2 ? floor + 1 : floor;
}

/** A tensor in float32, also where the run holds it in int8. */
export function floats(tensors, name) {
  const { shape, data } = tensors[name];
  if (data instanceof Float32Array) return data;
  const scale = tensors[`${name}.scale`].data;
  return Float32Array.from(data, (n, i) => n * scale[Math.floor(i / shape[1])]);
}
