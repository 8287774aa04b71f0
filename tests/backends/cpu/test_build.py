"""The compiler: whatever goes wrong with it is one line."""

import subprocess
import sys

import pytest
from helpers.kernels import PLAIN, TINY, script

from recurra import cells
from recurra.backends.cpu import build, cache
from recurra.backends.cpu.build import CompileError


def test_a_missing_compiler_is_told_in_one_sentence(empty_cache, monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(CompileError, match="CXX=no-such-compiler, and there is no such program"):
        cache.fetch(TINY, PLAIN)
    monkeypatch.setenv("CXX", "")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(CompileError, match=r"no C\+\+ compiler was found \(looked for c\+\+, g\+\+, clang\+\+\)"):
        cache.fetch(TINY, PLAIN)


def test_a_failing_compiler(empty_cache, tmp_path, monkeypatch):
    monkeypatch.setenv("CXX", str(script(tmp_path, "echo 'tiny.cpp:1:1: error: nothing is right' >&2; exit 1")))
    with pytest.raises(CompileError, match=r"could not compile tiny: tiny\.cpp:1:1: error: nothing is right"):
        cache.fetch(TINY, PLAIN)
    assert not list(empty_cache.glob("*/*.tmp"))
    assert not list(empty_cache.glob("*/*.so"))


def test_a_compiler_that_never_ends(empty_cache, tmp_path, monkeypatch):
    monkeypatch.setenv("CXX", str(script(tmp_path, "exec sleep 60")))
    monkeypatch.setattr(build, "SECONDS", 0.3)
    with pytest.raises(CompileError, match=r"did not finish tiny within 0.3 seconds"):
        cache.fetch(TINY, PLAIN)


def test_the_build_needs_no_torch():
    code = """
import sys
sys.modules["torch"] = None
from recurra import cells
from recurra.backends.cpu import build, cache, library, processor
from recurra.engine import library as engine
units = [library.core_unit(), engine.unit(), *(library.unit(cell)[0] for cell in cells.built_in().values())]
units += [engine.step_unit(cell)[0] for cell in cells.built_in(given=False).values()]
print(len({cache.file_name(unit, processor.known()[0]) for unit in units}))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == str(2 + len(cells.names()) + len(cells.names(given=False))), done.stderr
