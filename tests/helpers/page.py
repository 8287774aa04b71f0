"""The page's JavaScript in a browser: a harness of its modules, and a built page opened from the disk."""

import base64
from pathlib import Path

from recurra.page import document, module

STATIC = document.STATIC
MODULES = ("native", "model", "learner", "writer", "recipe", "training", "worker", "files")


def harness(folder: Path) -> Path:
    """An HTML file whose scripts are the modules, each under its name in `window.R`."""
    entry = folder / "harness.js"
    lines = [f'import * as {name} from "{STATIC / name}.js";' for name in MODULES]
    entry.write_text("\n".join([*lines, f"window.R = {{ {', '.join(MODULES)} }};"]), "utf-8")
    path = folder / "harness.html"
    path.write_text(f"<!doctype html><title>harness</title><script>{document.bundle(entry)}</script>", "utf-8")
    return path


def loaded(chromium, folder: Path, cells: dict):
    """A page with the harness, where `native` is the module with these cells and `facts` what it knows of them."""
    page = chromium.new_page()
    page.goto(harness(folder).as_uri())
    code = base64.b64encode(module.module(list(cells.values()))).decode()
    facts = {name: document.facts(name, cell, at) for at, (name, cell) in enumerate(cells.items())}
    page.evaluate(
        """async ([code, facts]) => {
          const bytes = Uint8Array.from(atob(code), (c) => c.charCodeAt(0));
          window.bytes = bytes;
          window.native = await R.native.Native.load(bytes);
          window.facts = facts;
          window.unpacked = (tensors) => Object.fromEntries(Object.entries(tensors).map(([name, [shape, text]]) =>
            [name, { shape, data: new Float32Array(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer) }]));
        }""",
        [code, facts],
    )
    return page


def tensors(model) -> dict:
    """A LanguageModel's weights as `evaluate` can pass them: {name: [shape, base64 of float32]}."""
    return {
        name: [list(p.shape), base64.b64encode(p.detach().numpy().astype("<f4").tobytes()).decode()]
        for name, p in model.named_parameters()
    }
