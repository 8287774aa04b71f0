// What the views share: the server's description, the runs, the chosen run; and what the browser remembers.
import { get } from "./api.js";

/** Whether this page is a guest's, who looks and lets models write; the server marks it. */
export const guest = "guest" in document.documentElement.dataset;

const changes = new EventTarget();
export const on = (name, f) => changes.addEventListener(name, (event) => f(event.detail));
export const emit = (name, detail) => changes.dispatchEvent(new CustomEvent(name, { detail }));

/** about: GET /api/about; runs: newest first, then those that ship with Recurra; run: the one that Write uses; written: the text
 * it wrote last. */
export const state = { about: null, runs: [], run: null, written: "" };

export const remember = {
  get(name, fallback = null) {
    try {
      return JSON.parse(localStorage.getItem(`recurra.${name}`)) ?? fallback;
    } catch {
      return fallback; // storage is switched off, or holds what another version wrote
    }
  },
  set(name, value) {
    try {
      if (value === null) localStorage.removeItem(`recurra.${name}`);
      else localStorage.setItem(`recurra.${name}`, JSON.stringify(value));
    } catch {
      // Storage is full or switched off: the page works, it only forgets.
    }
  },
};

export const busy = (run) => run?.state === "training" || run?.state === "waiting";
/** Whether a run can write: it has weights, if only those of the start. */
export const able = (run) => run && !busy(run) && !(run.state === "failed" && !run.loss);

export async function refresh() {
  const { runs, packaged } = await get("runs");
  state.runs = [...runs.toSorted((a, b) => (b.created ?? "").localeCompare(a.created ?? "")), ...packaged];
  const same = state.run && state.runs.find((run) => run.id === state.run.id);
  if (state.run && !same) choose(null);
  else if (same) state.run = same;
  emit("runs");
}

/** Take a run as the one to write with. lasting: also after a reload. */
export function choose(run, lasting = true) {
  state.run = run;
  if (lasting) remember.set("run", run?.id ?? null);
  emit("run");
}

/** A run's news, wherever it is shown. */
export function update(run) {
  const place = state.runs.findIndex((other) => other.id === run.id);
  if (place < 0) state.runs.unshift(run);
  else state.runs[place] = { ...state.runs[place], ...run };
  if (state.run?.id === run.id) state.run = { ...state.run, ...run };
  emit("runs");
}
