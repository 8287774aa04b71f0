"""What the doctor lists."""

import hashlib
import json

import pytest
from helpers.kernels import needs_compiler

from recurra import cells
from recurra.backends.cpu import cache, library, processor
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


class TestKernels:
    """What it says of the compiler and of the kernels."""

    def test_without_a_compiler(self, no_kernels, monkeypatch):
        monkeypatch.setenv("CXX", "no-such-compiler")
        assert doctor._compiler()["c++"].startswith("none: CXX=no-such-compiler, and there is no such program")
        found = doctor._kernels()
        assert set(found["not compiled"]) == {"core", *cells.names()}
        assert found["cache"] == f"{no_kernels} (writable)"
        rows = {row["cell"]: row for row in doctor._cells()}
        assert rows["lstm"]["backend"] == "torch"
        assert "CXX=no-such-compiler" in rows["gru-original"]["why"]

    @needs_compiler
    def test_with_one(self, monkeypatch):
        monkeypatch.setenv("RECURRA_ISA", processor.supported()[-1].name)
        processor.chosen.cache_clear()
        found = doctor._kernels()
        assert found["instruction set"].startswith(
            f"{processor.supported()[-1].name}, by RECURRA_ISA (this processor runs: "
        )
        processor.chosen.cache_clear()
        assert "version" in doctor._compiler()

    def test_what_is_prebuilt(self, no_kernels, tmp_path, monkeypatch):
        packaged = tmp_path / "packaged"
        packaged.mkdir()
        body = b"anything"
        name = cache.file_name(library.unit(cells.get("gru"))[0], processor.chosen())
        (packaged / name).write_bytes(body + hashlib.sha256(body).digest() + cache.VERSION)
        monkeypatch.setattr(cache, "packaged", lambda: packaged)
        assert doctor._kernels()["prebuilt"] == ["gru"]
