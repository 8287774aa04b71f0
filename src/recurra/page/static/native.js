// The module's memory: instance, structures by the names of their fields, arrays. Works in a browser, a worker and Node.

const PAGE = 65536;

/** "Row.state float* 0 4;..." → Map of structure → {size, fields: Map of name → {type, at, size}}. */
function layouts(text) {
  const found = new Map();
  for (const part of text.split(";").filter(Boolean)) {
    const [, structure, name, type, at, size] = /^(\w+)\.(\w+) (.+) (\d+) (\d+)$/.exec(part);
    if (!found.has(structure)) found.set(structure, { size: 0, align: 4, fields: new Map() });
    const one = found.get(structure);
    one.fields.set(name, { type, at: Number(at), size: Number(size) });
    // Of its widest field a structure's size is a multiple.
    if (type === "double" || type.startsWith("uint64")) one.align = 8;
    one.size = Math.max(one.size, Number(at) + Number(size));
  }
  for (const one of found.values()) one.size = Math.ceil(one.size / one.align) * one.align;
  return found;
}

export class Native {
  /** bytes: of the module. */
  static async load(bytes) {
    let native = null;
    const refuse = () => 52; // no files: "function not implemented"
    const wasi = { fd_close: refuse, fd_seek: refuse, fd_write: refuse, sched_yield: () => 0 };
    const { instance } = await WebAssembly.instantiate(bytes, { wasi_snapshot_preview1: wasi });
    native = new Native(instance);
    return native;
  }

  constructor(instance) {
    this.functions = instance.exports;
    this.memory = instance.exports.memory;
    this.functions._initialize();
    this.structures = new Map([
      ...layouts(this.string(this.functions.recurra_learner_layout())),
      ...layouts(this.string(this.functions.recurra_engine_layout())),
    ]);
  }

  // Views are made when they are used: memory that grows leaves older ones empty.
  get bytes() {
    return new Uint8Array(this.memory.buffer);
  }
  floats(at, count) {
    return new Float32Array(this.memory.buffer, at, count);
  }
  doubles(at, count) {
    return new Float64Array(this.memory.buffer, at, count);
  }
  longs(at, count) {
    return new BigInt64Array(this.memory.buffer, at, count);
  }

  string(at) {
    const bytes = this.bytes;
    return new TextDecoder().decode(bytes.slice(at, bytes.indexOf(0, at)));
  }

  /** Room for so many bytes, cleared. */
  room(bytes) {
    const at = this.functions.malloc(Math.max(bytes, 16));
    if (!at) throw new Error("There is no memory left in this page. Reload it, and take a smaller model or text");
    this.bytes.fill(0, at, at + bytes);
    return at;
  }
  free(...places) {
    for (const at of places) if (at) this.functions.free(at);
  }

  /** A copy of a typed array in the module's memory: where it lies. */
  put(array) {
    const at = this.room(array.byteLength);
    this.bytes.set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength), at);
    return at;
  }

  sizeOf(structure) {
    return this.structures.get(structure).size;
  }

  /** A structure with these fields: where it lies. Others are 0. */
  make(structure, values) {
    const at = this.room(this.sizeOf(structure));
    this.set(structure, at, values);
    return at;
  }

  set(structure, at, values) {
    const { fields } = this.structures.get(structure);
    for (const [name, value] of Object.entries(values)) {
      const field = fields.get(name);
      if (!field) throw new Error(`${structure} has no ${name}`);
      this.#write(at + field.at, field, value);
    }
  }

  #write(at, { type, size }, value) {
    const view = new DataView(this.memory.buffer);
    if (Array.isArray(value)) value.forEach((one, k) => view.setInt32(at + 4 * k, one, true));
    else if (type === "double") view.setFloat64(at, value, true);
    else if (type === "uint64_t") view.setBigUint64(at, value, true);
    else if (this.structures.has(type)) this.set(type, at, value);
    else if (size === 4) view.setInt32(at, Number(value), true);
    else throw new Error(`a field of type ${type}`);
  }

  get(structure, at, name) {
    const { type, at: place } = this.structures.get(structure).fields.get(name);
    const view = new DataView(this.memory.buffer);
    if (type === "double") return view.getFloat64(at + place, true);
    if (type === "uint64_t") return view.getBigUint64(at + place, true);
    return view.getInt32(at + place, true);
  }

  get pages() {
    return this.memory.buffer.byteLength / PAGE;
  }
}
