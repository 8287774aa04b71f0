"""What the doctor lists."""

import json

import pytest

from recurra import cells
from recurra.cli import doctor
from recurra.page import module


def test_all_cells_are_in_the_doctors_list(recurra):
    code, out, _ = recurra("doctor", "--json")
    found = json.loads(out)
    assert code == 0
    assert {row["cell"] for row in found["cells"]} == set(cells.names())
    assert {"torch", "python", "recurra"} <= set(found["versions"])
    assert found["threads"]["pytorch threads"] >= 1
    said = recurra("doctor")[1]
    assert all(name in said for name in (*cells.names(), "features", "c++", "instruction set", "cache"))


@pytest.mark.parametrize("ready", [False, True])
def test_the_compiler_for_pages_is_named_or_how_to_install_it(monkeypatch, ready):
    monkeypatch.setattr(module, "is_made", lambda cells: ready)
    monkeypatch.setattr(module, "compiler", lambda: ["python", "-m", "ziglang", "c++"])
    tail = "; an empty page is ready" if ready else ""
    assert doctor._compiler()["pages"] == "python -m ziglang c++" + tail
    monkeypatch.undo()
    monkeypatch.setattr(module, "is_made", lambda cells: ready)
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    found = doctor._compiler()["pages"]
    assert found.startswith("none: a page is compiled by ziglang, which is not installed: pip install '.[web]'")
    assert found.endswith("or pip install ziglang" + tail)
