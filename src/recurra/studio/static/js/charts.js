// Charts by Plotly, which is loaded when the first one is shown; drawn again when the theme changes.
import { on } from "./state.js";

// Plotly sets some styles as attributes, which the content security policy blocks; through the style object they pass.
function stylesAsObjects() {
  const set = Element.prototype.setAttribute;
  Element.prototype.setAttribute = function (name, value) {
    if (name === "style") this.style.cssText = value;
    else set.call(this, name, value);
  };
}

// Plotly brings a map library, whose inline style the content security policy blocks. An element with its id, which is
// the hash of that style, says that it is there already. Other versions have another id; then the browser reports a block.
const MAP_STYLE = "9f215cf04c5486422605d13261cb87401f4e7763b6296af81e98efbc0130da53";

let loading;
function plotly() {
  loading ??= new Promise((resolve, reject) => {
    const stand = document.createElement("meta");
    stand.id = MAP_STYLE;
    document.head.append(stand);
    stylesAsObjects();
    const script = document.createElement("script");
    script.src = "/plotly.js";
    script.onload = () => resolve(window.Plotly);
    script.onerror = () => ((loading = undefined), reject(new Error("the chart library did not load")));
    document.head.append(script);
  });
  return loading;
}

/** The theme's colours as Plotly takes them: the browser resolves light-dark() only in a used property. */
function colours() {
  const probe = document.body.appendChild(document.createElement("i"));
  const read = (name) => ((probe.style.color = `var(--${name})`), getComputedStyle(probe).color);
  const names = ["ink", "muted", "line", "edge", "accent", "warm", "surface", "sunk", "tone-up", "tone-down", "series-1", "series-2", "series-3", "series-4", "series-5", "series-6"];
  const found = Object.fromEntries(names.map((name) => [name, read(name)]));
  probe.remove();
  found.font = getComputedStyle(document.body).fontFamily;
  return found;
}

const drawn = new Map();
on("theme", () => requestAnimationFrame(() => drawn.forEach((make, box) => box.isConnected && box.checkVisibility() && draw(box, make))));

/** Draw into a box: make(colours) gives { data, layout }. The newest call wins where several wait for Plotly. */
export async function draw(box, make) {
  drawn.set(box, make);
  let library;
  try {
    library = await plotly();
  } catch (error) {
    box.textContent = error.message;
    return;
  }
  if (drawn.get(box) !== make || !box.checkVisibility()) return;
  const tones = colours();
  const { data, layout } = make(tones);
  await library.react(box, data, frame(tones, layout), CONFIG);
}

/** Empty a chart's box, so that its words about what will appear are back. */
export function clear(box) {
  drawn.delete(box);
  if (window.Plotly && box.classList.contains("js-plotly-plot")) window.Plotly.purge(box);
  box.replaceChildren();
}

const CONFIG = { displaylogo: false, responsive: true, modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d", "toImage"] };

function frame(tones, layout) {
  const axis = { gridcolor: tones.line, zerolinecolor: tones.line, linecolor: tones.edge, tickfont: { color: tones.muted, size: 11 }, automargin: true, ticklen: 4, tickcolor: tones.line };
  const title = (given) => (given?.title ? { title: { text: given.title, font: { size: 12, color: tones.muted }, standoff: 8 } } : {});
  return {
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: tones.font, size: 12, color: tones.ink },
    margin: { l: 48, r: 12, t: 8, b: 40 },
    hovermode: "x unified",
    hoverlabel: { bgcolor: tones.surface, bordercolor: tones.line, font: { color: tones.ink, family: tones.font } },
    dragmode: "zoom",
    uirevision: "stay",
    modebar: { bgcolor: "rgba(0,0,0,0)", color: tones.muted, activecolor: tones.accent },
    legend: { orientation: "h", x: 0, y: 1, yanchor: "bottom", font: { color: tones.ink, size: 12 } },
    ...layout,
    xaxis: { ...axis, ...layout.xaxis, ...title(layout.xaxis) },
    yaxis: { ...axis, ...layout.yaxis, ...title(layout.yaxis) },
  };
}

const inBits = (points) => points.map((point) => (point.loss === null ? null : point.loss / Math.LN2));

/** Training and validation loss of one run. */
/** at: a step that is marked. */
export const lossChart = (box, history, axis = "seconds", at = null) =>
  draw(box, (tones) => ({
    data: [
      { name: "training", x: history.train.map((p) => p[axis]), y: inBits(history.train), mode: "lines", line: { color: tones.muted, width: 1.5 }, hovertemplate: "%{y:.3f}" },
      { name: "validation", x: history.valid.map((p) => p[axis]), y: inBits(history.valid), mode: "lines+markers", line: { color: tones.accent, width: 2.5 }, marker: { size: 5 }, hovertemplate: "%{y:.3f}" },
      ...(at === null ? [] : [{ name: "this sample", ...marked(history, at, axis), mode: "markers", marker: { size: 12, color: tones.warm }, hoverinfo: "skip" }]),
    ],
    layout: { xaxis: { title: axis === "seconds" ? "seconds" : "steps", rangemode: "tozero" }, yaxis: { title: "bits a character" } },
  }));

/** The point of the curve that is nearest to a step. */
function marked({ train, valid }, step, axis) {
  const points = train.length ? train : valid;
  const near = points.reduce((a, b) => (Math.abs(b.step - step) < Math.abs(a.step - step) ? b : a), points[0]);
  return { x: near ? [near[axis]] : [], y: inBits(near ? [near] : []) };
}

const DASHES = ["solid", "dash", "dot", "dashdot", "longdash", "longdashdot"];

/** The curves of several runs: [{ title, points: [{ step, seconds, loss }] }]. Dashes help where colours do not. */
export const curvesChart = (box, runs, axis) =>
  draw(box, (tones) => ({
    data: runs.map(({ title, points }, index) => ({
      name: escaped(title),
      x: points.map((p) => p[axis]),
      y: inBits(points),
      mode: "lines+markers",
      marker: { size: 4 },
      line: { color: tones[`series-${(index % 6) + 1}`], width: 2, dash: DASHES[index % 6] },
      hovertemplate: "%{y:.3f}",
    })),
    layout: { showlegend: true, xaxis: { title: axis === "seconds" ? "seconds" : "steps", rangemode: "tozero" }, yaxis: { title: "bits a character" } },
  }));

/** Plotly reads a little HTML in names and labels; a user's words are to stay words. */
export const escaped = (text) => String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

/** How often each unit of a gate is shut and open: left- and right-saturated (Karpathy, Johnson & Fei-Fei 2015). */
export const saturationChart = (box, { units, left, right }) =>
  draw(box, (tones) => ({
    data: [{ x: right, y: left, text: units.map((unit) => `unit ${unit}`), mode: "markers", marker: { color: tones.accent, size: 7, opacity: 0.65 }, hovertemplate: "%{text}<br>open %{x:.0%}, shut %{y:.0%}<extra></extra>" }],
    layout: {
      hovermode: "closest",
      xaxis: { title: "part of the time above 0.9 (open)", range: [-0.03, 1.03], tickformat: ".0%" },
      yaxis: { title: "part of the time below 0.1 (shut)", range: [-0.03, 1.03], tickformat: ".0%" },
      shapes: [{ type: "line", x0: 0, y0: 1, x1: 1, y1: 0, line: { color: tones.line, dash: "dot", width: 1 } }],
    },
  }));

const PERCENT = ["100", "10", "1", "0.1", "0.01", "0.001", "0.0001", "0.00001", "0.000001", "0.0000001"];

/** Gradient norm by lag for several runs: [{ title, lags, norms }]. */
export const memoryChart = (box, runs) =>
  draw(box, (tones) => ({
    data: runs.map(({ title, lags, norms }, index) => ({ name: escaped(title), x: lags.map((lag) => lag + 1), y: norms.map((norm) => 100 * norm), mode: "lines", line: { color: tones[`series-${index + 1}`], width: 2.5, dash: DASHES[index] }, hovertemplate: "%{y:.3g} %" })),
    layout: { showlegend: true, xaxis: { title: "letters back" }, yaxis: { title: "of what the last letter weighs", type: "log", tickvals: PERCENT.map(Number), ticktext: PERCENT.map((part) => `${part} %`) } },
  }));
