"""For tests of the compiled kernels: a layer on one; a tiny library, an empty cache, a program that stands for a compiler."""

import os
import shutil
import subprocess
import sys

import pytest
import torch
from helpers.support import randomise

from recurra.backends.cpu import build, cache, library, processor
from recurra.backends.cpu.cache import Compilation
from recurra.nn import Recurrent

needs_compiler = pytest.mark.skipif(
    not any(shutil.which(name) for name in build.NAMES), reason="there is no C++ compiler here"
)
TINY = Compilation("tiny", 'extern "C" __attribute__((visibility("default"))) int answer() { return 42; }\n', ())
PLAIN = processor.Isa("plain", (), frozenset())
X = torch.randn(5, 3, 4, generator=torch.Generator().manual_seed(0))
RESETS = torch.arange(15).reshape(5, 3) % 4 == 0


def make(cell="lstm", *sizes, **options):
    """A layer with random weights that must run on the kernels; 4 inputs and 6 units, as `X` has."""
    return randomise(Recurrent(cell, *(sizes or (4, 6)), backend="cpu", **options))


def answer(path) -> int:
    """What the library returns, called in another process: a damaged one may kill the one that loads it."""
    code = f"import ctypes; print(ctypes.CDLL({str(path)!r}).answer())"
    return int(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout)


def script(folder, text: str):
    """A program that stands for a compiler."""
    file = folder / "compiler"
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)
    return file


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    """An empty cache."""
    monkeypatch.setenv("RECURRA_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "packaged", lambda: tmp_path / "nothing packaged")
    cache._private.cache_clear()
    yield tmp_path / "cache"
    cache._private.cache_clear()


@pytest.fixture
def no_kernels(empty_cache, monkeypatch):
    """An empty cache, and a process that has made no kernel and warned of nothing."""
    monkeypatch.setattr(library, "_made", {})
    monkeypatch.setattr(library, "_by_key", {})
    monkeypatch.setattr(library, "_warned", set())
    library._core.cache_clear()
    yield empty_cache
    library._core.cache_clear()


@pytest.fixture
def another_user(monkeypatch):
    """Gives files away, or, where that is not allowed, makes this process another user's."""
    given = set()

    def give(path):
        if os.geteuid() == 0:
            os.chown(path, 12345, -1)
            return
        status = os.lstat(path)
        given.add((status.st_dev, status.st_ino))
        for name in ("lstat", "stat"):
            monkeypatch.setattr(os, name, changed(getattr(os, name)))

    def changed(look):
        def looked(*args, **kwargs):
            status = look(*args, **kwargs)
            theirs = (status.st_dev, status.st_ino) in given
            return os.stat_result([*status[:4], 12345, *status[5:10]]) if theirs else status

        return looked

    return give
