// A cell drawn from its wiring, with numbers: a module of its own, which needs nothing but numbers by the parts' names.
//
//   const picture = drawCell(host, drawing, { pick: (name) => … });
//   picture.show({ f: 0.93, c: -0.2, … }, { f: 1, c: 2.4, … });   the numbers, and the size that fills a wire
//   picture.mark("f");                                            one part stands out, with the wires into it
//   drawTape(host, letters, 6, [0.2, -0.9, …]);                   the letters around the one that is read, a bar under each that was
const SVG = "http://www.w3.org/2000/svg";
const WIDE = 92; // between columns
const HIGH = 72; // between rows
const ROUND = 17;
const EDGE = 44;

function s(name, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) if (value !== null && value !== undefined) element.setAttribute(key, String(value));
  element.append(...children);
  return element;
}

const shown = (value) => (value === undefined ? "" : value.toFixed(Math.abs(value) < 9.995 ? 2 : 1).replace("-", "−"));

/** What a screen reader says of a part, and what its tooltip shows. */
function words(part, value) {
  const what = { input: "the letter that is read", state: `${part.label}, carried here from the step before`, new: `${part.label}, after this step`, vector: `${part.label}, a learned number`, sum: `the input of gate ${part.name.split(".")[1]}: W x + U h + b`, product: `${part.label}: one of the two products`, op: part.name.startsWith("#") ? part.label : `${part.name}: ${part.label}` }[part.kind];
  return value === undefined ? what : `${what}; ${shown(value)}${part.valve ? `, ${Math.round(100 * value)} % open` : ""}`;
}

const AROUND = 14; // letters of a tape to either side
export const visible = (symbol) => symbol.replaceAll("\n", "↵").replaceAll("\t", "⇥").replaceAll(" ", "␣");

/** The letters around place `at`, which stays in the middle. trace: a number 0 to 1 or −1 to 1 at each letter, shown up to
 * `at`: what is to come can be guessed. */
export function drawTape(host, letters, at, trace) {
  const signed = trace?.some((value) => value < 0);
  const cells = Array.from({ length: 2 * AROUND + 1 }, (_, index) => {
    const place = at - AROUND + index;
    const letter = document.createElement(place === at ? "b" : "span");
    letter.textContent = visible(letters[place] ?? "");
    if (trace && letters[place] !== undefined && place <= at) {
      const bar = document.createElement("i");
      bar.className = trace[place] < 0 ? "down" : "up";
      bar.style.height = `${Math.max(1, (signed ? 20 : 40) * Math.min(1, Math.abs(trace[place])))}px`;
      letter.append(bar);
    }
    return letter;
  });
  host.classList.toggle("traced", Boolean(trace));
  host.classList.toggle("signed", Boolean(signed));
  host.replaceChildren(...cells);
}

/** Draw a cell into an element. drawing: parts, bends. pick: called with the name of a part that was pressed. most, tall: how much larger it
 * is drawn where the room, in pixels, allows it, up to that height. */
export function drawCell(host, drawing, { pick, pickable = () => false, title = "The cell", most = 1, tall = Infinity, room = 0 } = {}) {
  const parts = new Map(drawing.parts.map((part) => [part.name, part]));
  const bends = new Map(drawing.bends.map(({ start, end, places }) => [`${start} ${end}`, places]));
  const at = (column, row) => [EDGE + WIDE * column, EDGE + HIGH * row];
  const columns = Math.max(...drawing.parts.map(({ column }) => column));
  const rows = Math.max(...drawing.parts.map(({ row }) => row), ...drawing.bends.flatMap(({ places }) => places.map(([, row]) => row)));
  const [width, height] = [2 * EDGE + WIDE * columns, 2 * EDGE + HIGH * rows];
  // On a narrow screen a little smaller before it is scrolled.
  const scale = room ? Math.max(0.8, Math.min(most, tall / height, (room - 16) / width)) : 1;
  const wires = [];
  const boxes = new Map();
  const under = s("g", { class: "wires" });
  const over = s("g", { class: "parts" });

  for (const part of drawing.parts)
    for (const name of part.args) {
      const from = parts.get(name);
      const places = [at(from.column, from.row), ...(bends.get(`${name} ${part.name}`) ?? []).map(([column, row]) => at(column, row)), at(part.column, part.row)];
      const d = places.slice(1).reduce((path, [x, y], index) => {
        const [px, py] = places[index];
        const half = (x - px) / 2;
        return `${path} C ${px + half} ${py} ${x - half} ${y} ${x} ${y}`;
      }, `M ${places[0].join(" ")}`);
      const line = s("path", { d, class: "wire" });
      const pulse = s("path", { d, class: "pulse" });
      under.append(line, pulse);
      wires.push({ from: name, to: part.name, line, pulse });
    }

  for (const part of drawing.parts) {
    const [x, y] = at(part.column, part.row);
    const wide = part.kind === "sum" || part.kind === "product" || part.kind === "vector" || part.label.length > 5;
    const half = wide ? Math.max(26, 7 + 3.9 * part.label.length) : ROUND;
    const shape = wide ? s("rect", { x: x - half, y: y - 14, width: 2 * half, height: 28, rx: 5, class: "box" }) : s("circle", { cx: x, cy: y, r: ROUND, class: "box" });
    const fill = part.valve ? s("circle", { cx: x, cy: y, r: 0, class: "valve" }) : null;
    const value = s("text", { x, y: y + (wide ? 25 : 29), class: "number" });
    // A gate's name stands above it, in the colour of the equations' symbols.
    const name = part.kind === "op" && !part.name.startsWith("#") ? s("text", { x, y: y - 21, class: "name" }, part.name) : null;
    const tip = s("title", {}, words(part));
    const group = s("g", { class: `part ${part.kind}${part.valve ? " gate" : ""}`, "data-part": part.name }, tip, shape, ...(fill ? [fill] : []), s("text", { x, y: y + 4.5, class: "label" }, part.label), value, ...(name ? [name] : []));
    if (pick && pickable(part)) {
      group.classList.add("pickable");
      for (const [key, set] of [["tabindex", "0"], ["role", "button"]]) group.setAttribute(key, set);
      group.addEventListener("click", () => pick(part.name));
      group.addEventListener("keydown", (event) => (event.key === "Enter" || event.key === " ") && (event.preventDefault(), pick(part.name)));
    }
    group.addEventListener("pointerenter", () => mark(part.name));
    group.addEventListener("pointerleave", () => mark(null));
    over.append(group);
    boxes.set(part.name, { part, group, shape, fill, value, tip });
  }

  const svg = s("svg", { viewBox: `0 0 ${width} ${height}`, width: width * scale, height: height * scale, class: "cell-svg", role: "group", "aria-label": title }, under, over);
  host.replaceChildren(svg);

  function mark(name) {
    for (const { from, to, line } of wires) line.classList.toggle("marked", name !== null && (to === name || from === name));
    for (const [key, { group }] of boxes) group.classList.toggle("marked", key === name);
  }

  /** values: the numbers by name; sizes: for each name the largest it takes, which is a full wire. letter: what is read. */
  function show(values, sizes, letter = "x") {
    for (const { from, to, line, pulse } of wires) {
      const value = values[from];
      const full = value === undefined ? 0.35 : Math.min(1, Math.abs(value) / Math.max(sizes[from] ?? 1, 1e-9));
      for (const path of [line, pulse]) path.classList.toggle("down", value < 0);
      line.setAttribute("stroke-width", (0.8 + 5.2 * full).toFixed(2));
      // A valve that is shut lets nothing through: what goes into the same product fades with it.
      const valves = parts.get(to).label === "×" ? parts.get(to).args.filter((arg) => arg !== from && parts.get(arg).valve) : [];
      line.setAttribute("stroke-opacity", valves.length ? (0.12 + 0.88 * Math.max(0, values[valves[0]])).toFixed(2) : "1");
    }
    for (const [name, { part, group, fill, value, tip }] of boxes) {
      const number = values[name];
      value.textContent = part.kind === "input" ? "" : shown(number);
      tip.textContent = words(part, number);
      if (part.kind === "input") group.querySelector(".label").textContent = letter;
      if (group.classList.contains("pickable")) group.setAttribute("aria-label", `${words(part, number)}. Change it.`);
      group.classList.toggle("down", number < 0);
      if (fill) fill.setAttribute("r", (ROUND * Math.sqrt(Math.max(0, Math.min(1, number)))).toFixed(2));
    }
  }

  return { svg, show, mark, flow: (on) => svg.classList.toggle("flowing", on) };
}

/** The equations with each symbol a button for its part. */
export function equationsOf(drawing, mark) {
  const lines = drawing.equations.map((line) => {
    const element = document.createElement("div");
    for (const { text, part } of line)
      if (part === null) element.append(text);
      else {
        const symbol = document.createElement("button");
        symbol.type = "button";
        symbol.className = "symbol-link";
        symbol.textContent = text;
        for (const [event, name] of [["pointerenter", part], ["focus", part], ["pointerleave", null], ["blur", null]]) symbol.addEventListener(event, () => mark(name));
        symbol.addEventListener("click", () => mark(part));
        element.append(symbol);
      }
    return element;
  });
  const list = document.createElement("div");
  list.className = "equations linked";
  list.append(...lines);
  return list;
}

/** What the signs in a cell's equations mean, of those that occur in them: a drawing's, whose pieces are linked, or a cell's, as lines of text. */
export function legend({ equations, given = [] }) {
  const all = equations.flat().map((one) => one.text ?? one).join(" ");
  const gate = all.match(/[xh]\.(\w+)/)?.[1];
  const parts = [
    [/x\./, `x.${gate} is what the letter brings (${gate}’s part of W x + b)`],
    [/h\./, `h.${gate} is what the last state brings (its part of U h + b)`],
    [/⊙/, "⊙ multiplies unit by unit"],
    [/σ/, "σ squeezes into 0 to 1"],
    [/tanh/, "tanh squeezes into −1 to 1"],
    [/'/, "a dash marks the new state"],
  ];
  const words = parts.filter(([sign]) => sign.test(all)).map(([, words]) => words);
  if (given.length) words.push(`${given.join(" and ")} comes with each step, in Python: texts bring none`);
  return `${words.join("; ")}.`;
}
