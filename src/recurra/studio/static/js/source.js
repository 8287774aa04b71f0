// The text to learn from: typed, dropped, or a corpus; kept by the server under an id once it is sent.
import * as api from "./api.js";
import { emit, guest, remember, state } from "./state.js";
import { $, calm, choices, count, plural, say } from "./ui.js";

const IN_BOX = 400_000; // characters that a text box still scrolls well with

/** id: where the server has it; corpus: by name; dirty: typed since it was sent; whole: the box holds all of it. */
export const text = { id: null, name: null, characters: 0, whole: true, corpus: null, dirty: false };

/** Wire the controls. Changes are announced by the event `source`. */
export function mount() {
  choices($("selSource"), [["", "Your own text"], ...state.about.corpora.filter((c) => c.here).map((c) => [c.name, `Corpus: ${c.name}`])]);
  $("txtInput").addEventListener("input", typed);
  $("selSource").addEventListener("change", () => takeCorpus($("selSource").value));
  $("btnFile").addEventListener("click", () => $("inpFile").click());
  $("inpFile").addEventListener("change", ({ target }) => target.files[0] && takeFile(target.files[0]).then(() => (target.value = "")));
  dropping($("dropzone"));
}

/** After a reload: the text that was there, else the run's. */
export async function restore(run) {
  const source = remember.get("source", {});
  if (guest) emit("source"); // who trains nothing has no text to learn from
  else if (source.corpus && state.about.corpora.some((c) => c.name === source.corpus)) takeCorpus(source.corpus);
  else if (source.id) await takeStored(source.id);
  else if (source.draft) ($("txtInput").value = source.draft), typed();
  else if (run?.text?.corpus) takeCorpus(run.text.corpus);
  else if (run?.text?.id) await takeStored(run.text.id);
  else emit("source");
}

/** Whether there is anything to learn from. */
export const given = () => Boolean(text.corpus || text.id || $("txtInput").value.trim());

/** A name for a model of this text. */
export const named = () => text.corpus ?? text.name ?? title($("txtInput").value);

function described() {
  const words = text.corpus
    ? `The whole corpus ${text.corpus} is used`
    : text.characters
      ? `${plural(text.characters, "character")}${text.name ? `, ${text.name}` : ""}${text.whole ? "" : `; the first ${count(IN_BOX)} are shown, all are used`}${text.characters < 10_000 ? ". It is short: expect bits of the text itself" : ""}`
      : "No text yet";
  say($("txtAbout"), words);
  $("txtInput").readOnly = Boolean(text.corpus) || !text.whole;
  $("selSource").value = text.corpus ?? "";
  emit("source");
}

function typed() {
  const value = $("txtInput").value;
  Object.assign(text, { id: null, corpus: null, whole: true, dirty: true, characters: value.length, name: text.name && value ? text.name : null });
  keepDraft();
  described();
}
const keepDraft = calm(() => text.dirty && remember.set("source", $("txtInput").value.length <= IN_BOX ? { draft: $("txtInput").value } : {}), 400);

function takeCorpus(name) {
  Object.assign(text, { id: null, corpus: name || null, whole: true, dirty: false, characters: 0, name: name || null });
  $("txtInput").value = "";
  $("txtInput").placeholder = name ? `The corpus ${name}: ${state.about.corpora.find((c) => c.name === name)?.about}.` : "Paste a text or drop a file here. A few pages are enough to start; a novel is better.";
  remember.set("source", name ? { corpus: name } : null);
  described();
}

async function takeFile(file) {
  say($("txtAbout"), `Reading ${file.name} …`);
  try {
    const stored = await api.upload(file, file.name);
    await put(stored);
  } catch (error) {
    say($("txtAbout"), error.message, true);
  }
}

async function takeStored(id) {
  try {
    await put(await api.get(`texts/${id}`));
  } catch (error) {
    say($("txtAbout"), error.status === 404 ? "The text of this model is no longer here" : error.message, true);
  }
}

async function put(stored) {
  const whole = stored.characters <= IN_BOX;
  $("txtInput").value = whole ? await api.textOf(`texts/${stored.id}/content`) : `${stored.start} …`;
  Object.assign(text, { id: stored.id, name: stored.name, characters: stored.characters, whole, corpus: null, dirty: false });
  remember.set("source", { id: stored.id });
  described();
}

/** What to train on: { text: id } or { corpus: name }; null where there is no text. A text that was typed is sent first. */
export async function source() {
  if (text.corpus) return { corpus: text.corpus };
  if (text.dirty) {
    const value = $("txtInput").value;
    if (!value.trim()) return null;
    const stored = await api.upload(new Blob([value]), text.name ?? title(value));
    Object.assign(text, { id: stored.id, dirty: false, characters: stored.characters });
    remember.set("source", { id: stored.id });
  }
  return text.id ? { text: text.id } : null;
}

const title = (value) => value.trim().split(/\s+/).slice(0, 5).join(" ").slice(0, 40).replace(/^["'“”„«»‘’]+|["'“”„«»‘’,;:.]+$/g, "") || "text";

function dropping(zone) {
  const files = (event) => event.dataTransfer?.types.includes("Files");
  for (const kind of ["dragenter", "dragover"])
    zone.addEventListener(kind, (event) => files(event) && (event.preventDefault(), zone.classList.add("dropping")));
  zone.addEventListener("dragleave", (event) => zone.contains(event.relatedTarget) || zone.classList.remove("dropping"));
  zone.addEventListener("drop", (event) => {
    zone.classList.remove("dropping");
    const [file] = event.dataTransfer?.files ?? [];
    if (file) event.preventDefault(), takeFile(file);
  });
}
