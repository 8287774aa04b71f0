"""The page's JavaScript in a browser: a harness of its modules, and a built page opened from the disk."""

import base64
from pathlib import Path

import pytest

from recurra.page import document, module

STATIC = document.STATIC
MODULES = ("native", "model", "learner", "writer", "recipe", "training", "worker", "files", "problems")
MODULES += ("graph", "operations", "functions")


def script(folder: Path) -> str:
    """The modules as one script, each under its name in `window.R`."""
    entry = folder / "harness.js"
    lines = [f'import * as {name} from "{STATIC / name}.js";' for name in MODULES]
    entry.write_text("\n".join([*lines, f"window.R = {{ {', '.join(MODULES)} }};"]), "utf-8")
    return document.bundle(entry)


def harness(folder: Path) -> Path:
    """An HTML file with that script."""
    path = folder / "harness.html"
    path.write_text(f"<!doctype html><title>harness</title><script>{script(folder)}</script>", "utf-8")
    return path


def loaded(chromium, folder: Path, cells: dict):
    """A page with the harness, where `native` is the module with these cells and `facts` what it knows of them."""
    page = chromium.new_page()
    page.goto(harness(folder).as_uri())
    return load(page, cells)


def need_compiler() -> None:
    """Skip where no module can be compiled."""
    pytest.importorskip("ziglang", reason="the compiler for pages is not installed: pip install '.[web]'")


def code_and_facts(cells: dict) -> tuple[str, dict]:
    """The module with these cells, in base64, and what the page knows of them; skips where it cannot be compiled."""
    need_compiler()
    code = base64.b64encode(module.module(list(cells.values()))).decode()
    return code, {name: document.facts(name, cell, at) for at, (name, cell) in enumerate(cells.items())}


UNPACKED = """(tensors) => Object.fromEntries(Object.entries(tensors).map(([name, [shape, text]]) =>
  [name, { shape, data: new Float32Array(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer) }]))"""


def load(page, cells: dict):
    """The same for what has the modules: a browser's page, or a host of `helpers.page_hosts`."""
    page.evaluate(
        f"""async ([code, facts]) => {{
          const bytes = Uint8Array.from(atob(code), (c) => c.charCodeAt(0));
          window.bytes = bytes;
          window.native = await R.native.Native.load(bytes);
          window.facts = facts;
          window.unpacked = {UNPACKED};
        }}""",
        code_and_facts(cells),
    )
    return page


def tensors(model) -> dict:
    """A LanguageModel's weights as `evaluate` can pass them: {name: [shape, base64 of float32]}."""
    return {
        name: [list(p.shape), base64.b64encode(p.detach().numpy().astype("<f4").tobytes()).decode()]
        for name, p in model.named_parameters()
    }
