"""The page as one file: its modules in order, what it embeds, its policy; and the module as a wheel holds it."""

import base64
import gzip
import hashlib
import json
import re

import pytest
from helpers.cells_for_page import Leaky

from recurra import cells
from recurra.page import document, module


@pytest.fixture
def fixed(monkeypatch):
    """A module that takes no compiler."""
    monkeypatch.setattr(module, "module", lambda cells: b"wasm of " + str(len(cells)).encode())


def part(page: str, name: str) -> str:
    return re.search(rf'id="{name}">(.*?)</script>', page, re.S)[1]


def test_a_bundle_has_each_module_once_behind_what_it_imports():
    text = document.bundle(document.STATIC / "worker.js")
    names = re.findall(r"^const (m\d+) = \(\(\) =>", text, re.M)
    assert names == [f"m{k}" for k in range(len(names))]
    assert len(names) == 7
    for use in re.finditer(r"^const \{[^}]*\} = (m\d+);", text, re.M):
        assert text.index(f"const {use[1]} = (() =>") < use.start()
    assert not re.search(r"^(import|export) ", text, re.M)


def test_the_policy_allows_this_script_and_this_style(fixed):
    page = document.document(document.standard())
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)[1]
    script = page.rpartition("<script>")[2].partition("</script>")[0]
    style = re.search(r"<style>(.*?)</style>", page, re.S)[1]
    for text, rule in ((script, "script-src"), (style, "style-src")):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{rule} 'sha256-{digest}'" in policy


def test_a_model_and_the_module_come_out_as_they_went_in(fixed):
    files = {"config.json": b'{"a": "</script>"}', "model.safetensors": bytes(range(256))}
    page = document.document(document.standard(), files, "<b>")
    assert "<title>&lt;b&gt;</title>" in page
    assert gzip.decompress(base64.b64decode(part(page, "module"))) == b"wasm of 3"
    found = json.loads(gzip.decompress(base64.b64decode(part(page, "model"))))
    assert {name: base64.b64decode(text) for name, text in found.items()} == files


def test_facts_are_those_of_the_cell():
    found = document.facts("lstm", cells.get("lstm"), 2)
    assert found == {
        "name": "lstm", "title": "LSTM", "index": 2, "x_gates": 4, "h_gates": 4, "states": 2, "vectors": {}, "bias": [[1, 1.0]],
    }  # fmt: skip
    peephole = document.facts("peephole-lstm", cells.get("peephole-lstm"), 0)
    assert set(peephole["vectors"]) == {"peephole_i", "peephole_f", "peephole_o"}


def test_nothing_embedded_can_end_its_element():
    assert document.embedded("a</script><!--b") == "a<\\/script><\\!--b"


@pytest.fixture
def wheel(tmp_path, monkeypatch):
    """A package's folder of modules, written by a compiler that only counts."""
    monkeypatch.setattr(module, "compile", lambda sources, folder: f"made of {len(sources)} files".encode())
    monkeypatch.setattr(module, "packaged", lambda: tmp_path)
    monkeypatch.setattr(module, "_place", lambda key: None)
    module.write(tmp_path)
    return tmp_path


def test_a_wheels_module_is_taken_while_its_sources_are_these(wheel):
    kinds = [cells.get(name) for name in module.STANDARD]
    (wheel / "standard.wasm").write_bytes(b"of the wheel")
    assert module.module(kinds) == b"of the wheel"
    assert module.is_made(document.standard())
    (wheel / "standard.key").write_text("other")
    assert module.module(kinds) == b"made of 10 files"
    assert module.is_made(document.standard())  # the one of all cells has them too
    (wheel / "all.key").write_text("other")
    assert not module.is_made(document.standard())


def test_a_wheel_serves_every_built_in_cell_and_no_other(wheel):
    (wheel / "all.wasm").write_bytes(b"all")
    standard = document.standard()
    assert module.enclosing(standard) == standard
    mine = {"janet": cells.get("janet")} | standard
    held = module.enclosing(mine)
    assert set(held) == set(cells.built_in(given=False))
    assert module.module([*held.values()]) == b"all"
    page = document.document(mine)
    assert gzip.decompress(base64.b64decode(part(page, "module"))) == b"all"
    found = json.loads(part(page, "facts"))["cells"]
    assert list(found) == list(mine)
    assert found["janet"]["index"] == list(held).index("janet")
    foreign = {"janet": Leaky()} | standard  # a cell of a user's own, by a name that is taken
    assert module.enclosing(foreign) == foreign
    (wheel / "all.wasm").unlink()
    assert module.enclosing(mine) == mine
