// The frame: theme, navigation by the address's hash, and which view is shown.
import { get } from "./api.js";
import * as compare from "./compare.js";
import * as inside from "./inside.js";
import * as learn from "./learn.js";
import { emit, on, refresh, state } from "./state.js";
import { $, copy, h, labels, percent, say, titles } from "./ui.js";
import * as write from "./write.js";

const VIEWS = { write, inside, compare, learn };

// Enter that confirms a word of an input method (Chinese, Japanese, Korean) belongs to that word, in every box and dialog. Safari
// sends it after the composition's end, where only the key code shows it.
addEventListener(
  "keydown",
  (event) => {
    if (event.key === "Enter" && (event.isComposing || event.keyCode === 229)) event.preventDefault(), event.stopImmediatePropagation();
  },
  { capture: true },
);

function show() {
  const name = location.hash.slice(1) in VIEWS ? location.hash.slice(1) : "write";
  for (const key of Object.keys(VIEWS)) $(`view-${key}`).hidden = key !== name;
  for (const link of document.querySelectorAll(".views a"))
    if (link.hash === `#${name}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  document.title = `${$(`view-${name}`).querySelector("h1").textContent} · Recurra studio`;
  // The view is seen first; what it then does comes after the frame.
  requestAnimationFrame(() => setTimeout(() => VIEWS[name].show?.()));
}

function theme() {
  const chosen = document.documentElement.dataset.theme;
  $("selTheme").value = chosen;
  $("selTheme").addEventListener("change", ({ target }) => {
    document.documentElement.dataset.theme = target.value;
    try {
      localStorage.setItem("recurra.theme", target.value);
    } catch {
      // Storage is switched off: the choice holds until the page is left.
    }
    emit("theme");
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => emit("theme"));
}

/** The link for guests, large enough to be read from a wall. */
function invite() {
  const link = state.about.invitation;
  $("dialog").replaceChildren(
    h(
      "form",
      { method: "dialog" },
      h("h2", { id: "dialogTitle" }, "For guests"),
      h("p", {}, "Whoever opens this address looks at everything here and lets models write, but trains, uploads, changes and deletes nothing."),
      h("a", { class: "invitation", href: link }, link),
      h("div", { class: "tools" }, h("button", { type: "button", class: "btn", onclick: ({ target }) => copy(link).then(() => (target.textContent = "Copied"), (error) => (target.textContent = error.message)) }, "Copy"), h("button", { type: "submit", class: "btn primary" }, "Close")),
    ),
  );
  $("dialog").showModal();
}

function training({ run, progress }) {
  $("topRun").hidden = !run;
  if (run) $("topRun").textContent = progress ? `Training ${percent(progress)}` : "Training";
}

async function start() {
  theme();
  document.querySelector(".skip").addEventListener("click", (event) => (event.preventDefault(), $("main").focus()));
  on("training", training);
  try {
    state.about = await get("about");
    await refresh();
  } catch (error) {
    say($("writeStatus"), error.message, true);
    setTimeout(() => location.reload(), 3000);
    return;
  }
  const { version, machine, cells, form, generation_form: writing, invitation } = state.about;
  $("btnInvite").hidden = !invitation;
  $("btnInvite").addEventListener("click", invite);
  for (const { name, title } of cells) titles.set(name, title);
  for (const { name, label } of [...writing, ...form]) labels.set(name, label);
  $("aboutLine").textContent = `Recurra ${version}, on ${machine.name ? `${machine.name}, ` : ""}${machine.cores} cores`;
  const mounted = Object.values(VIEWS).map((view) => view.mount());
  addEventListener("hashchange", () => (show(), scrollTo(0, 0)));
  show();
  await Promise.all(mounted);
  document.documentElement.dataset.ready = "yes";
}

start();
