"""Compiled kernels are made once, whole, found by their content, and made again where a file is not whole."""

import os
import shutil
import subprocess
import sys
import time

import pytest
from helpers.kernels import PLAIN, TINY, answer, needs_compiler, script

from recurra.backends.cpu import build, cache
from recurra.backends.cpu.cache import Compilation
from recurra.errors import CompileWarning


@needs_compiler
def test_compiled_once_then_found(empty_cache, monkeypatch):
    path = cache.fetch(TINY, PLAIN)
    assert answer(path) == 42
    assert path.name == f"tiny-{TINY.key}-plain.so"
    monkeypatch.setattr(build, "compile", lambda *_: pytest.fail("it was compiled a second time"))
    assert cache.fetch(TINY, PLAIN) == path
    assert [file.name for file in path.parent.glob("*.tmp")] == []


@needs_compiler
def test_the_packages_own_folder_is_looked_into_first(empty_cache, tmp_path, monkeypatch):
    packaged = tmp_path / "packaged"
    packaged.mkdir()
    cache.make(TINY, PLAIN, packaged / cache.file_name(TINY, PLAIN))
    monkeypatch.setattr(cache, "packaged", lambda: packaged)
    monkeypatch.setenv("CXX", "no-such-compiler")
    assert cache.fetch(TINY, PLAIN).parent == packaged
    assert not empty_cache.exists()


def test_the_key_follows_source_and_headers(tmp_path, monkeypatch):
    monkeypatch.setattr(build, "native", lambda: tmp_path)
    (tmp_path / "a.h").write_text("int a;")

    def key(source, *headers):
        cache._key.cache_clear()
        return Compilation("x", source, headers).key

    keys = [key("int x;"), key("int y;"), key("int x;", "a.h")]
    (tmp_path / "a.h").write_text("int b;")
    keys.append(key("int x;", "a.h"))
    assert len(set(keys)) == 4
    assert key("int x;") == keys[0]
    cache._key.cache_clear()


@needs_compiler
def test_another_compiler_or_other_flags_have_a_folder_of_their_own(empty_cache, monkeypatch):
    first = cache.fetch(TINY, PLAIN)
    monkeypatch.setenv("CXX", "c++ -DANYTHING")
    second = cache.fetch(TINY, PLAIN)
    monkeypatch.setattr(build, "FLAGS", (*build.FLAGS, "-g"))
    third = cache.fetch(TINY, PLAIN)
    assert first.name == second.name == third.name
    assert len({first.parent, second.parent, third.parent}) == 3


@needs_compiler
def test_two_processes_at_once(empty_cache):
    code = f"""
from recurra.backends.cpu import cache, processor
unit = cache.Compilation("tiny", {TINY.source!r}, ())
print(cache.fetch(unit, processor.Isa("plain", (), frozenset())))
"""
    runs = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(3)]
    paths = {run.communicate(timeout=120)[0].strip() for run in runs}
    assert [run.returncode for run in runs] == [0, 0, 0]
    assert len(paths) == 1
    assert answer(paths.pop()) == 42


@needs_compiler
@pytest.mark.parametrize("left", [0, 20, 0.5, 0.99])
def test_a_file_that_was_cut_short_is_made_again(empty_cache, left):
    path = cache.fetch(TINY, PLAIN)
    size = path.stat().st_size
    os.truncate(path, left if left > 1 else int(left * size))
    assert cache.find(TINY, PLAIN) is None
    assert answer(cache.fetch(TINY, PLAIN)) == 42


@needs_compiler
def test_a_killed_build_does_no_harm(empty_cache, tmp_path, monkeypatch):
    code = f"""
from recurra.backends.cpu import cache, processor
cache.fetch(cache.Compilation("tiny", {TINY.source!r}, ()), processor.Isa("plain", (), frozenset()))
"""
    real = shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
    slow = script(tmp_path, f'if [ -e {tmp_path}/go ]; then exec {real} "$@"; fi; exec sleep 60')
    monkeypatch.setenv("CXX", str(slow))
    process = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    limit = time.monotonic() + 60
    while not list(empty_cache.glob("*/*.tmp")):
        assert time.monotonic() < limit
        time.sleep(0.02)
    os.killpg(process.pid, 9)
    process.wait()
    (tmp_path / "go").touch()
    path = cache.fetch(TINY, PLAIN)
    assert answer(path) == 42
    (left,) = path.parent.glob("*.tmp")  # it may still be another process's: only an old one is removed
    os.utime(left, (0, 0))
    path.unlink()
    cache.fetch(TINY, PLAIN)
    assert list(path.parent.glob("*.tmp")) == []


@needs_compiler
def test_what_a_compiler_made_runs_after_it_is_gone(empty_cache, monkeypatch):
    path = cache.fetch(TINY, PLAIN)
    monkeypatch.setenv("CXX", "no-such-compiler")
    assert cache.fetch(TINY, PLAIN) == path


@needs_compiler
def test_a_cache_that_cannot_be_written(empty_cache, tmp_path, monkeypatch):
    empty_cache.write_text("a file where the folder should be")  # the superuser may write everywhere else
    with pytest.warns(
        CompileWarning, match=r"cache cannot be written. So kernels are compiled again in each process"
    ) as said:
        paths = [cache.fetch(TINY, PLAIN) for _ in range(2)]
    assert len(said) == 1
    assert "RECURRA_CACHE" in str(said[0].message)
    assert paths[0] == paths[1]
    assert answer(paths[0]) == 42
    assert cache.problem().endswith("cannot be written")


def test_a_private_folder_ends_with_its_process(tmp_path):
    (tmp_path / "file").touch()
    code = """
import warnings; warnings.simplefilter("ignore")
from recurra.backends.cpu import cache, processor
print(cache._writable())
"""
    environment = os.environ | {"RECURRA_CACHE": str(tmp_path / "file")}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    if shutil.which("c++"):
        assert "recurra-" in done.stdout
        assert not os.path.exists(done.stdout.strip())


@needs_compiler
def test_without_a_home_folder_kernels_go_to_a_private_folder(empty_cache, monkeypatch):
    monkeypatch.delenv("RECURRA_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr("recurra.paths.os.path.expanduser", str)
    assert cache.find(TINY, PLAIN) is None
    assert "no home folder" in cache.problem()
    words = "cache of compiled kernels is not used: there is no home folder: HOME is not set"
    with pytest.warns(CompileWarning, match=words):
        path = cache.fetch(TINY, PLAIN)
    assert answer(path) == 42
    monkeypatch.setenv("RECURRA_CACHE", "~/kernels")
    monkeypatch.undo()
    monkeypatch.setenv("RECURRA_CACHE", "~/kernels")
    monkeypatch.setenv("HOME", str(empty_cache))
    assert cache.folder() == empty_cache / "kernels"
