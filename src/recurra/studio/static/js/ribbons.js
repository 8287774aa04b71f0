// One unit over a text: a ribbon for each gate, as wide as the gate is open, and the state as a line; letters above, aligned.
const SVG = "http://www.w3.org/2000/svg";
const LETTER = 15; // pixels a letter
const BAND = 30;
const GAP = 22;
const LINE = 84;
const LEFT = 26;
const TOP = 26;

function s(name, attributes, words = "") {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  if (words) element.textContent = words;
  return element;
}

const visible = (symbol) => (symbol === "\n" ? "↵" : symbol === "\t" ? "⇥" : symbol === " " ? "␣" : symbol);

/** gates: [[name, values 0 to 1]]; state: [name, values]; pick(at): called with the letter that was pressed. */
export function drawRibbons(host, { letters, gates, state, pick }) {
  const width = LEFT + LETTER * letters.length + 8;
  const height = TOP + gates.length * (BAND + GAP) + LINE + GAP;
  const svg = s("svg", { viewBox: `0 0 ${width} ${height}`, width, height, class: "ribbons", role: "img", "aria-label": `${gates.map(([name]) => `gate ${name}`).join(", ")} and state ${state[0]} over ${letters.length} letters` });
  const x = (at) => LEFT + LETTER * (at + 0.5);
  const cursor = s("rect", { class: "ribbon-cursor", x: LEFT, y: 0, width: LETTER, height });
  svg.append(cursor);
  letters.forEach((letter, at) => svg.append(s("text", { x: x(at), y: 16, class: "ribbon-letter" }, visible([...letter].at(-1) ?? ""))));

  gates.forEach(([name, values], index) => {
    const middle = TOP + index * (BAND + GAP) + BAND / 2 + 4;
    svg.append(s("text", { x: 4, y: middle + 4, class: "ribbon-name" }, name), s("line", { x1: LEFT, x2: width - 8, y1: middle, y2: middle, class: "ribbon-axis" }));
    // Wide where it is open, a thread where it is shut: the outline of a band of water.
    const top = values.map((value, at) => `${x(at)} ${middle - (BAND / 2) * value}`);
    const bottom = values.map((value, at) => `${x(at)} ${middle + (BAND / 2) * value}`).reverse();
    svg.append(s("path", { d: `M ${[...top, ...bottom].join(" L ")} Z`, class: "ribbon" }));
  });

  const [name, values] = state;
  const base = TOP + gates.length * (BAND + GAP) + LINE / 2 + 4;
  const most = Math.max(...values.map(Math.abs), 1e-6);
  const y = (value) => base - (LINE / 2) * (value / most);
  svg.append(
    s("text", { x: 4, y: base + 4, class: "ribbon-name" }, name),
    s("line", { x1: LEFT, x2: width - 8, y1: base, y2: base, class: "ribbon-axis" }),
    s("text", { x: LEFT + 2, y: base - LINE / 2 - 3, class: "ribbon-size" }, most.toFixed(2)),
    s("path", { d: `M ${values.map((value, at) => `${x(at)} ${y(value)}`).join(" L ")}`, class: "ribbon-line" }),
  );
  svg.addEventListener("click", (event) => pick?.(Math.max(0, Math.min(letters.length - 1, Math.floor((event.offsetX - LEFT) / LETTER)))));
  host.replaceChildren(svg);
  return { at: (place) => cursor.setAttribute("x", String(LEFT + LETTER * place)) };
}
