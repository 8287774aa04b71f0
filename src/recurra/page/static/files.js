// A model as the files of a run's folder: config.json, vocabulary.json, model.safetensors, alone or in a zip. What Python writes
// is read here, and the other way round. Files from strangers are looked at before they are believed: sizes, names, shapes.

const MOST = 512 * 1024 * 1024; // bytes that a file may unpack to
const NAMES = ["config.json", "vocabulary.json", "model.safetensors"];
const SCHEMA = "language/2";
const MODEL = "model/1";
const LARGEST = 1e8; // numbers of a model
const text = (bytes) => new TextDecoder("utf-8", { fatal: true }).decode(bytes);

/** The text of a file: UTF-8, or UTF-16 that says so by its first two bytes. An Error in one sentence for any other. */
export function wordsOf(name, bytes) {
  const kind = bytes[0] === 0xff && bytes[1] === 0xfe ? "utf-16le" : bytes[0] === 0xfe && bytes[1] === 0xff ? "utf-16be" : "utf-8";
  let words;
  try {
    words = new TextDecoder(kind, { fatal: true }).decode(bytes);
  } catch {
    throw new Error(`${name.slice(0, 60)} is not valid ${kind === "utf-8" ? "UTF-8" : "UTF-16"} text; save it as UTF-8 and drop it again`);
  }
  if (words.includes("\0")) throw new Error(`${name.slice(0, 60)} looks like a binary file: it has a NUL character; drop a text file`);
  return words;
}

const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let k = 0; k < 8; ++k) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n >>> 0;
});

export function crc32(bytes, sum = 0) {
  let c = ~sum >>> 0;
  for (let i = 0; i < bytes.length; ++i) c = TABLE[(c ^ bytes[i]) & 255] ^ (c >>> 8);
  return ~c >>> 0;
}

/** The three files of a model: {name: Uint8Array}. version: of Recurra. */
export function filesOf(model, version) {
  const settings = {
    cell: model.config.cell, embedding_size: model.config.embedding_size, hidden_size: model.config.hidden_size,
    num_layers: model.config.num_layers, dropout: 0.0, input_dropout: 0.0, output_dropout: null, recurrent_dropout: 0.0,
    zoneout: 0.0, weight_dropout: 0.0, residual: Boolean(model.config.residual), tie_weights: false, init: "recommended",
    forget_bias: null, precision: "float32", context: 0,
  }; // prettier-ignore
  const learned = { vocabulary: true, prelude: [...(model.prelude ?? [])], items: model.items ?? "" };
  const config = { schema: SCHEMA, recurra: version, learned, ...(model.about ?? {}), settings: { model: settings } };
  const encoder = new TextEncoder();
  return {
    "config.json": encoder.encode(JSON.stringify(config, null, 2)),
    "vocabulary.json": encoder.encode(JSON.stringify(model.vocabulary)),
    "model.safetensors": tensorsFile(model.tensors),
  };
}

function tensorsFile(tensors) {
  const encoder = new TextEncoder();
  const kinds = new Map([[Float32Array, ["F32", "float32"]], [Int8Array, ["I8", "int8"]]]); // prettier-ignore
  const names = Object.keys(tensors).sort();
  const bytesOf = ({ data }) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const eight = names.some((name) => tensors[name].data instanceof Int8Array);
  // The sum begins with these words as Python writes them, in the order of the alphabet.
  let sum = crc32(encoder.encode(eight ? `{"precision": "int8", "schema": "${MODEL}"}` : `{"loss": null, "schema": "${MODEL}", "step": null}`));
  const head = {};
  let at = 0;
  for (const name of names) {
    const { shape, data } = tensors[name];
    const [kind, dtype] = kinds.get(data.constructor);
    sum = crc32(encoder.encode(`${name} torch.${dtype} (${shape.join(", ")}${shape.length === 1 ? "," : ""})`), sum);
    sum = crc32(bytesOf(tensors[name]), sum);
    head[name] = { dtype: kind, shape, data_offsets: [at, (at += data.byteLength)] };
  }
  const about = { schema: MODEL, ...(eight ? { precision: "int8" } : { step: null, loss: null }), crc32: sum };
  let words = JSON.stringify({ __metadata__: { recurra: JSON.stringify(about) }, ...head });
  words += " ".repeat((8 - (encoder.encode(words).length % 8)) % 8);
  const start = encoder.encode(words);
  const file = new Uint8Array(8 + start.length + at);
  new DataView(file.buffer).setBigUint64(0, BigInt(start.length), true);
  file.set(start, 8);
  for (const name of names) file.set(bytesOf(tensors[name]), 8 + start.length + head[name].data_offsets[0]);
  return file;
}

/** The model that some files hold: {name: Uint8Array}. An Error in one sentence where they are damaged or of another kind. */
export function modelOf(found) {
  for (const name of NAMES) if (!found[name]) throw new Error(`There is no ${name}: expected the folder of a language model that Recurra saved`);
  const config = json(found["config.json"], "config.json");
  const vocabulary = json(found["vocabulary.json"], "vocabulary.json");
  if (config?.schema !== SCHEMA) throw new Error(`config.json is of the kind ${shown(config?.schema)}; this page reads ${SCHEMA}`);
  const layers = config.settings?.model;
  const whole = (n, most) => Number.isInteger(n) && n >= 1 && n <= most;
  if (!layers || typeof layers.cell !== "string" || !whole(layers.embedding_size, 65536) || !whole(layers.hidden_size, 65536) || !whole(layers.num_layers, 64))
    throw new Error("config.json is damaged: its sizes are no sizes of a model");
  if (layers.tie_weights) throw new Error("This model shares one matrix between embedding and softmax, which this page cannot run; use recurra generate");
  if (layers.zoneout) throw new Error("This model has zoneout, which this page cannot run; use recurra generate");
  if (layers.context) throw new Error(`This model reads ${layers.context} characters again for each it writes (context), which this page cannot do; use recurra generate`);
  const symbols = vocabulary?.symbols;
  if (!Array.isArray(symbols) || !symbols.length || symbols.length > 200_000 || symbols.some((s) => typeof s !== "string"))
    throw new Error("vocabulary.json is damaged: it has no list of symbols");
  if (vocabulary.unit !== "character" || vocabulary.spelled !== null || vocabulary.unk !== null || vocabulary.eod !== null)
    throw new Error(`This model writes ${shown(vocabulary.unit)}s with marks of its own; this page writes plain characters`);
  const prelude = config.learned?.prelude ?? [];
  if (!Array.isArray(prelude) || prelude.some((id) => !Number.isInteger(id) || id < 0 || id >= symbols.length)) throw new Error("config.json is damaged: its prelude is no text of this model");
  const { cell, embedding_size, hidden_size, num_layers, residual } = layers;
  const about = config.cell ? { cell: config.cell } : {};
  return { config: { cell, embedding_size, hidden_size, num_layers, residual: Boolean(residual) }, vocabulary, tensors: readTensors(found["model.safetensors"]), prelude, items: "", about };
}

const shown = (value) => (value === undefined ? "none" : JSON.stringify(value).slice(0, 40));

function json(bytes, name) {
  try {
    return JSON.parse(text(bytes));
  } catch {
    throw new Error(`${name} is damaged: it is no JSON`);
  }
}

function readTensors(bytes) {
  const bad = () => new Error("model.safetensors is damaged or cut off");
  if (bytes.length < 8) throw bad();
  const length = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  if (length > BigInt(bytes.length - 8) || length > 10_000_000n) throw bad();
  const head = json(bytes.subarray(8, 8 + Number(length)), "model.safetensors");
  const start = 8 + Number(length);
  const kinds = { F32: Float32Array, I8: Int8Array };
  const tensors = {};
  let all = 0;
  for (const [name, entry] of Object.entries(head ?? {})) {
    if (name === "__metadata__") continue;
    const { dtype, shape, data_offsets: ends } = entry ?? {};
    const Kind = kinds[dtype];
    if (!Kind) throw new Error(`model.safetensors holds ${shown(dtype)}; this page reads float32 and int8`);
    if (!Array.isArray(shape) || shape.some((n) => !Number.isInteger(n) || n < 0) || !Array.isArray(ends)) throw bad();
    const count = shape.reduce((product, n) => product * n, 1);
    all += count;
    const [first, end] = ends;
    if (!Number.isInteger(first) || !Number.isInteger(end) || first < 0 || end - first !== count * Kind.BYTES_PER_ELEMENT || start + end > bytes.length || all > LARGEST) throw bad();
    const copy = bytes.slice(start + first, start + end);
    const data = new Kind(copy.buffer);
    if (Kind === Float32Array && data.some((n) => !Number.isFinite(n))) throw new Error(`model.safetensors is damaged: ${name.slice(0, 40)} holds numbers that are not finite`);
    tensors[name] = { shape, data };
  }
  return tensors;
}

// ---- zip: one folder with these files, stored. PKWARE's APPNOTE, sections 4.3 and 4.4.

/** A zip of a folder. */
export function zip(folder, files) {
  const encoder = new TextEncoder();
  const parts = [];
  const entries = [];
  let at = 0;
  for (const [name, data] of Object.entries(files)) {
    const path = encoder.encode(`${folder}/${name}`);
    const sum = crc32(data);
    const common = (view, from) => {
      view.setUint16(from, 20, true); // version
      view.setUint16(from + 2, 0x800, true); // names in UTF-8
      view.setUint16(from + 8, 0x21, true); // 1 January 1980
      view.setUint32(from + 10, sum, true);
      view.setUint32(from + 14, data.length, true);
      view.setUint32(from + 18, data.length, true);
      view.setUint16(from + 22, path.length, true);
    };
    const local = new DataView(new ArrayBuffer(30));
    local.setUint32(0, 0x04034b50, true);
    common(local, 4);
    local.setUint16(12, 0x21, true);
    const entry = new DataView(new ArrayBuffer(46));
    entry.setUint32(0, 0x02014b50, true);
    entry.setUint16(4, 20, true);
    common(entry, 6);
    entry.setUint32(42, at, true);
    entries.push(new Uint8Array(entry.buffer), path);
    parts.push(new Uint8Array(local.buffer), path, data);
    at += 30 + path.length + data.length;
  }
  const size = entries.reduce((sum, part) => sum + part.length, 0);
  const end = new DataView(new ArrayBuffer(22));
  end.setUint32(0, 0x06054b50, true);
  end.setUint16(8, entries.length / 2, true);
  end.setUint16(10, entries.length / 2, true);
  end.setUint32(12, size, true);
  end.setUint32(16, at, true);
  return new Blob([...parts, ...entries, new Uint8Array(end.buffer)], { type: "application/zip" });
}

/** The model's files in a zip, at its top or in one folder: {name: Uint8Array}. */
export async function unzip(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const bad = () => new Error("This zip is damaged or cut off");
  let end = bytes.length - 22;
  while (end >= 0 && end > bytes.length - 66_000 && view.getUint32(end, true) !== 0x06054b50) --end;
  if (end < 0 || view.getUint32(end, true) !== 0x06054b50) throw bad();
  const count = view.getUint16(end + 10, true);
  let at = view.getUint32(end + 16, true);
  const found = {};
  let total = 0;
  for (let k = 0; k < count; ++k) {
    if (at + 46 > bytes.length || view.getUint32(at, true) !== 0x02014b50) throw bad();
    const [method, sum, packed, size] = [view.getUint16(at + 10, true), view.getUint32(at + 16, true), view.getUint32(at + 20, true), view.getUint32(at + 24, true)];
    const [names, extra, comment, local] = [view.getUint16(at + 28, true), view.getUint16(at + 30, true), view.getUint16(at + 32, true), view.getUint32(at + 42, true)];
    const path = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + names));
    at += 46 + names + extra + comment;
    const parts = path.split("/");
    if (parts.includes("..") || path.startsWith("/") || path.includes("\\")) throw new Error(`This zip has a file outside its folder: ${path.slice(0, 60)}`);
    const name = parts.at(-1);
    if (parts.length > 2 || !NAMES.includes(name)) continue;
    if (found[name]) throw new Error(`This zip has ${name} twice`);
    total += size;
    if (total > MOST) throw new Error(`This zip would unpack to more than ${MOST / 1048576} MB`);
    if (local + 30 > bytes.length || view.getUint32(local, true) !== 0x04034b50) throw bad();
    const first = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
    if (first + packed > bytes.length) throw bad();
    const data = bytes.subarray(first, first + packed);
    if (method !== 0 && method !== 8) throw new Error(`${name} is packed in a way that this page cannot unpack (${method})`);
    found[name] = method === 0 ? data.slice() : await inflated(data, size);
    if (found[name].length !== size || crc32(found[name]) !== sum) throw bad();
  }
  return found;
}

/** Unpacked, and no more than it promised: a small file may hold a huge one. */
async function inflated(data, size) {
  const stream = new Blob([data]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  const out = new Uint8Array(size);
  let at = 0;
  const reader = stream.getReader();
  for (;;) {
    let turn;
    try {
      turn = await reader.read();
    } catch {
      throw new Error("This zip is damaged or cut off");
    }
    if (turn.done) break;
    if (at + turn.value.length > size) {
      reader.cancel();
      throw new Error("This zip unpacks to more than it says");
    }
    out.set(turn.value, at);
    at += turn.value.length;
  }
  return out.subarray(0, at);
}
