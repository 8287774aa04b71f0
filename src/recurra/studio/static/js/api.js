// The studio's JSON API: requests, streams of events, and what to say when the connection is lost.
import { $ } from "./ui.js";

/** A refusal in the server's own words. status is 0 where there was no answer at all. */
export class Refused extends Error {
  constructor(status, words) {
    super(words);
    this.status = status;
  }
}

function connected(yes) {
  const line = $("connection");
  line.hidden = yes;
  if (!yes) line.textContent = "No connection to the studio. Trying again … (Is `recurra studio` still running? Training continues without this page.)";
}

async function request(path, options = {}) {
  let answer;
  try {
    answer = await fetch(`/api/${path}`, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    connected(false);
    probe();
    throw new Refused(0, "The studio does not answer. Is it still running?");
  }
  connected(true);
  if (answer.ok) return answer;
  throw new Refused(answer.status, await words(answer));
}

async function words(answer) {
  try {
    const { detail, words = detail } = await answer.json();
    if (typeof words === "string") return words;
  } catch {
    // Not JSON: the status says what there is to say.
  }
  return `The studio answered ${answer.status} ${answer.statusText}`;
}

let probing = 0;
function probe() {
  probing ||= setInterval(async () => {
    const answer = await fetch("/api/about", { method: "HEAD" }).catch(() => null);
    if (answer) clearInterval(probing), (probing = 0), connected(true);
  }, 2000);
}

const body = (method, value, extra = {}) => ({ method, headers: { "Content-Type": "application/json", ...extra.headers }, body: JSON.stringify(value), signal: extra.signal });
const seen = async (promise) => {
  const answer = await promise;
  return answer.status === 204 ? null : answer.json();
};

export const get = (path) => seen(request(path));
export const post = (path, value = {}, extra) => seen(request(path, body("POST", value, extra)));
export const patch = (path, value) => seen(request(path, body("PATCH", value)));
export const remove = (path) => seen(request(path, body("DELETE", {})));
export const textOf = async (path) => (await request(path)).text();
export const run = (id, rest = "") => `runs/${encodeURIComponent(id)}${rest}`;

/** Store a text (a string or a file, sent as it is): {id, name, characters, …}. */
export const upload = (data, name) =>
  seen(request(`texts?name=${encodeURIComponent(name)}`, { method: "POST", body: data, headers: { "Content-Type": "application/octet-stream" } }));

/** Let a run write: calls piece(text) as it comes, resolves to the `end` event. */
export async function write(id, settings, piece, signal) {
  const answer = await request(run(id, "/generate"), body("POST", settings, { signal, headers: { Accept: "text/event-stream" } }));
  for await (const [event, data] of events(answer.body)) {
    if (event === "piece") piece(data.text);
    else if (event === "end") return data;
    else if (event === "error") throw new Refused(500, data.words);
  }
  throw new Refused(0, "The connection was lost while it was writing");
}

async function* events(stream) {
  let buffer = "";
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    buffer += value.replaceAll("\r\n", "\n");
    const blocks = buffer.split("\n\n");
    buffer = blocks.pop();
    for (const block of blocks) {
      const lines = block.split("\n").map((line) => line.match(/^(event|data): ?(.*)$/)).filter(Boolean);
      const data = lines.filter(([, name]) => name === "data").map(([, , rest]) => rest).join("\n");
      if (data) yield [lines.find(([, name]) => name === "event")?.[2] ?? "message", JSON.parse(data)];
    }
  }
}

const KINDS = ["snapshot", "progress", "train", "evaluate", "sample", "state", "end"];

/** Follow a run's training: handlers by event. Comes back by itself after a lost connection; returns a function that stops. */
export function follow(id, handlers) {
  let source;
  let timer;
  let wait = 500;
  const open = () => {
    source = new EventSource(`/api/${run(id, "/events")}`);
    source.onopen = () => (connected(true), (wait = 500));
    source.onerror = () => {
      connected(false);
      // The browser tries again by itself only where it has not given up.
      if (source.readyState !== EventSource.CLOSED) return;
      timer = setTimeout(retry, wait);
      wait = Math.min(2 * wait, 8000);
    };
    for (const kind of KINDS)
      source.addEventListener(kind, (message) => {
        if (kind === "end") source.close();
        handlers[kind]?.(JSON.parse(message.data));
      });
  };
  // A run that is gone is not a connection that is lost.
  const retry = () =>
    get(run(id)).then(open, (error) => {
      if (error.status === 404) handlers.gone?.();
      else timer = setTimeout(retry, wait);
    });
  open();
  return () => (clearTimeout(timer), source.close());
}
