"""Compiling kernels: once, whole, by content; and whatever goes wrong costs a warning and time, never a result."""

import ctypes
import hashlib
import os
import shutil
import subprocess
import sys
import time

import pytest
import torch

from recurra import cells
from recurra.backends.cpu import build, cache, library, processor
from recurra.backends.cpu.build import CompileError
from recurra.backends.cpu.cache import Compilation
from recurra.errors import BackendError, CompileWarning
from recurra.nn import LSTM

needs_compiler = pytest.mark.skipif(
    not any(shutil.which(name) for name in build.NAMES), reason="there is no C++ compiler here"
)
TINY = Compilation("tiny", 'extern "C" __attribute__((visibility("default"))) int answer() { return 42; }\n', ())
PLAIN = processor.Isa("plain", (), frozenset())


def answer(path) -> int:
    """What the library says, asked in another process: a damaged one may kill the one that loads it."""
    code = f"import ctypes; print(ctypes.CDLL({str(path)!r}).answer())"
    return int(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout)


def script(folder, text: str):
    """A program that stands for a compiler."""
    file = folder / "compiler"
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)
    return file


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty cache."""
    monkeypatch.setenv("RECURRA_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "packaged", lambda: tmp_path / "nothing packaged")
    cache._private.cache_clear()
    yield tmp_path / "cache"
    cache._private.cache_clear()


@pytest.fixture
def fresh(here, monkeypatch):
    """An empty cache, and a process that has made no kernel and warned of nothing."""
    monkeypatch.setattr(library, "_made", {})
    monkeypatch.setattr(library, "_by_key", {})
    monkeypatch.setattr(library, "_warned", set())
    library._core.cache_clear()
    yield here
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


@needs_compiler
def test_compiled_once_then_found(here, monkeypatch):
    path = cache.fetch(TINY, PLAIN)
    assert answer(path) == 42
    assert path.name == f"tiny-{TINY.key}-plain.so"
    monkeypatch.setattr(build, "compile", lambda *_: pytest.fail("it was compiled a second time"))
    assert cache.fetch(TINY, PLAIN) == path
    assert [file.name for file in path.parent.glob("*.tmp")] == []


@needs_compiler
def test_the_packages_own_folder_is_looked_into_first(here, tmp_path, monkeypatch):
    packaged = tmp_path / "packaged"
    packaged.mkdir()
    cache.make(TINY, PLAIN, packaged / cache.file_name(TINY, PLAIN))
    monkeypatch.setattr(cache, "packaged", lambda: packaged)
    monkeypatch.setenv("CXX", "no-such-compiler")
    assert cache.fetch(TINY, PLAIN).parent == packaged
    assert not here.exists()


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
def test_another_compiler_or_other_flags_have_a_folder_of_their_own(here, monkeypatch):
    first = cache.fetch(TINY, PLAIN)
    monkeypatch.setenv("CXX", "c++ -DANYTHING")
    second = cache.fetch(TINY, PLAIN)
    monkeypatch.setattr(build, "FLAGS", (*build.FLAGS, "-g"))
    third = cache.fetch(TINY, PLAIN)
    assert first.name == second.name == third.name
    assert len({first.parent, second.parent, third.parent}) == 3


@needs_compiler
def test_two_processes_at_once(here):
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
def test_a_file_that_was_cut_short_is_made_again(here, left):
    path = cache.fetch(TINY, PLAIN)
    size = path.stat().st_size
    os.truncate(path, left if left > 1 else int(left * size))
    assert cache.find(TINY, PLAIN) is None
    assert answer(cache.fetch(TINY, PLAIN)) == 42


@needs_compiler
def test_a_whole_file_of_another_system_is_made_again(here):
    path = cache.fetch(TINY, PLAIN)
    body = b"not a library of this system"
    path.write_bytes(body + hashlib.sha256(body).digest() + cache.VERSION)
    assert cache.find(TINY, PLAIN) == path
    assert library.load(TINY, PLAIN, ["answer"]).answer() == 42


@needs_compiler
def test_a_library_without_the_right_symbols_is_made_again(here):
    path = cache.fetch(TINY, PLAIN)
    cache.make(TINY._replace(source=TINY.source.replace("answer", "question")), PLAIN, path)
    assert library.load(TINY, PLAIN, ["answer"]).answer() == 42
    assert answer(path) == 42


@needs_compiler
def test_code_that_lacks_a_symbol_has_no_kernel(here):
    with pytest.raises(CompileError, match=r"tiny-.*-plain.so was compiled but cannot be loaded: .*reply"):
        library.load(TINY, PLAIN, ["answer", "reply"])


@needs_compiler
def test_a_killed_build_does_no_harm(here, tmp_path, monkeypatch):
    code = f"""
from recurra.backends.cpu import cache, processor
cache.fetch(cache.Compilation("tiny", {TINY.source!r}, ()), processor.Isa("plain", (), frozenset()))
"""
    real = shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
    slow = script(tmp_path, f'if [ -e {tmp_path}/go ]; then exec {real} "$@"; fi; exec sleep 60')
    monkeypatch.setenv("CXX", str(slow))
    process = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    limit = time.monotonic() + 60
    while not list(here.glob("*/*.tmp")):
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


def test_a_missing_compiler_is_told_in_one_sentence(here, monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(CompileError, match="CXX=no-such-compiler, and there is no such program"):
        cache.fetch(TINY, PLAIN)
    monkeypatch.setenv("CXX", "")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(CompileError, match=r"no C\+\+ compiler was found \(looked for c\+\+, g\+\+, clang\+\+\)"):
        cache.fetch(TINY, PLAIN)


@needs_compiler
def test_what_a_compiler_made_runs_after_it_is_gone(here, monkeypatch):
    path = cache.fetch(TINY, PLAIN)
    monkeypatch.setenv("CXX", "no-such-compiler")
    assert cache.fetch(TINY, PLAIN) == path


def test_a_failing_compiler(here, tmp_path, monkeypatch):
    monkeypatch.setenv("CXX", str(script(tmp_path, "echo 'tiny.cpp:1:1: error: nothing is right' >&2; exit 1")))
    with pytest.raises(CompileError, match=r"could not compile tiny: tiny\.cpp:1:1: error: nothing is right"):
        cache.fetch(TINY, PLAIN)
    assert not list(here.glob("*/*.tmp"))
    assert not list(here.glob("*/*.so"))


def test_a_compiler_that_never_ends(here, tmp_path, monkeypatch):
    monkeypatch.setenv("CXX", str(script(tmp_path, "exec sleep 60")))
    monkeypatch.setattr(build, "SECONDS", 0.3)
    with pytest.raises(CompileError, match=r"did not finish tiny within 0.3 seconds"):
        cache.fetch(TINY, PLAIN)


@needs_compiler
def test_a_cache_that_cannot_be_written(here, tmp_path, monkeypatch):
    here.write_text("a file where the folder should be")  # the superuser may write everywhere else
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


class TestWhatOthersMayWrite:
    """Native code of others is never loaded: another one is compiled, where nobody else can write."""

    @pytest.fixture
    def planted(self, here):
        """A library whose code says 13, with the right name and checksum."""
        path = cache.fetch(TINY, PLAIN)
        cache.make(TINY._replace(source=TINY.source.replace("42", "13")), PLAIN, path)
        assert answer(cache.fetch(TINY, PLAIN)) == 13
        return path

    def refused(self, why):
        with pytest.warns(CompileWarning, match=f"cache of compiled kernels is not used: {why}") as said:
            path, again = [cache.fetch(TINY, PLAIN) for _ in range(2)]
        assert len(said) == 1
        assert again == path
        assert answer(path) == 42
        assert path.parent.stat().st_mode & 0o077 == 0
        return path

    @needs_compiler
    @pytest.mark.parametrize("above", [0, 1])
    @pytest.mark.parametrize("sticky", [0, 0o1000])
    def test_a_folder_open_to_all(self, planted, above, sticky):
        folder = planted.parents[above]
        folder.chmod(0o777 | sticky)
        if sticky:  # as /tmp is: what is mine in it, others can neither remove nor rename
            assert cache.fetch(TINY, PLAIN) == planted
        else:
            self.refused(f"{folder} can be written by others")

    @needs_compiler
    def test_a_folder_of_another_user(self, planted, another_user):
        another_user(planted.parent)
        self.refused(f"{planted.parent} belongs to another user")
        assert answer(planted) == 13

    @needs_compiler
    @pytest.mark.parametrize("how", ["owner", "mode"])
    def test_a_file_of_another_user_in_a_folder_of_mine_is_replaced(self, planted, another_user, how):
        another_user(planted) if how == "owner" else planted.chmod(0o666)
        path = cache.fetch(TINY, PLAIN)
        assert path == planted
        assert answer(path) == 42

    @needs_compiler
    def test_what_is_compiled_is_mine_alone_whatever_the_umask(self, here):
        before = os.umask(0)
        try:
            path = cache.fetch(TINY, PLAIN)
        finally:
            os.umask(before)
        assert path.stat().st_mode & 0o022 == 0
        assert [place.stat().st_mode & 0o077 for place in (path.parent, here)] == [0, 0]

    @needs_compiler
    def test_no_folder_that_only_the_user_can_write(self, here, tmp_path, monkeypatch):
        (tmp_path / "cache").mkdir()
        (tmp_path / "open").mkdir()
        for folder in ("cache", "open"):
            (tmp_path / folder).chmod(0o777)
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "open"))
        with (
            pytest.warns(CompileWarning),
            pytest.raises(CompileError, match=f"{tmp_path}/open can be written by others.*; set TMPDIR to a folder"),
        ):
            cache.fetch(TINY, PLAIN)
        with pytest.raises(CompileError, match=f"{tmp_path}/open can be written by others.*; set TMPDIR to a folder"):
            build.compile(TINY.source, "tiny", PLAIN, tmp_path / "tiny.so")

    @needs_compiler
    def test_a_library_of_the_package_is_as_good_as_the_code_beside_it(self, here, tmp_path, monkeypatch, another_user):
        package = tmp_path / "package"
        (package / "lib").mkdir(parents=True)
        path = package / "lib" / cache.file_name(TINY, PLAIN)
        cache.make(TINY, PLAIN, path)
        monkeypatch.setattr(cache, "packaged", lambda: package / "lib")
        monkeypatch.setattr(cache, "__file__", str(package / "cache.py"))
        for place in (package, package / "lib", path):
            another_user(place)
        assert cache.find(TINY, PLAIN) == path
        path.chmod(0o666)
        assert cache.find(TINY, PLAIN) is None

    def test_doctor_says_why(self, here):
        from recurra.cli import doctor

        here.mkdir()
        here.chmod(0o777)
        assert doctor._kernels()["cache"] == f"{here} (not used: {here} can be written by others; set RECURRA_CACHE)"


class TestWithoutAKernel:
    """A layer runs all the same, and one warning says what is lost and the way out."""

    def outputs(self, **options):
        torch.manual_seed(0)
        return LSTM(3, 4, **options)(torch.randn(5, 2, 3))[0]

    def test_no_compiler(self, fresh, monkeypatch):
        want = self.outputs(backend="equations")
        monkeypatch.setenv("CXX", "no-such-compiler")
        with pytest.warns(CompileWarning) as said:
            got, again = self.outputs(), self.outputs()
        assert len(said) == 1
        assert "CXX=no-such-compiler, and there is no such program. So LSTM() has no compiled kernel here" in str(
            said[0].message
        )
        assert "recurra doctor" in str(said[0].message)
        torch.testing.assert_close(got, want)
        torch.testing.assert_close(again, want)
        assert "CXX=no-such-compiler" in LSTM(3, 4).explain().passed_over["cpu"]

    def test_none_at_all_says_how_to_get_one(self, fresh, monkeypatch):
        monkeypatch.setattr(build, "_find", lambda *_: build_raises("no C++ compiler was found (looked for c++)"))
        with pytest.warns(CompileWarning, match=r"sudo apt install g\+\+"):
            self.outputs()

    def test_a_broken_compiler(self, fresh, tmp_path, monkeypatch):
        monkeypatch.setenv("CXX", str(script(tmp_path, "echo 'error: out of order' >&2; exit 1")))
        with pytest.warns(CompileWarning, match="could not compile core: error: out of order"):
            self.outputs()

    def test_a_forced_backend_says_why_it_cannot(self, fresh, monkeypatch):
        monkeypatch.setenv("CXX", "no-such-compiler")
        with (
            pytest.warns(CompileWarning),
            pytest.raises(BackendError, match="backend 'cpu' cannot run this: CXX=no-such-compiler"),
        ):
            self.outputs(backend="cpu")


def build_raises(message: str):
    raise CompileError(message)


class TestInstructionSets:
    def test_the_best_is_chosen(self, monkeypatch):
        monkeypatch.delenv("RECURRA_ISA", raising=False)
        processor.chosen.cache_clear()
        assert processor.chosen() == processor.supported()[0]

    @pytest.mark.parametrize("isa", [isa.name for isa in processor.supported()])
    def test_each_can_be_forced(self, isa, monkeypatch):
        monkeypatch.setenv("RECURRA_ISA", isa)
        processor.chosen.cache_clear()
        assert processor.chosen().name == isa
        processor.chosen.cache_clear()

    def test_an_unknown_one_names_the_valid_ones(self, monkeypatch):
        names = ", ".join(isa.name for isa in processor.supported())
        monkeypatch.setenv("RECURRA_ISA", "mmx")
        processor.chosen.cache_clear()
        with pytest.raises(BackendError, match=rf"RECURRA_ISA is 'mmx'; .*\(this processor runs: {names}\)"):
            LSTM(3, 4)(torch.zeros(2, 1, 3))
        processor.chosen.cache_clear()

    def test_one_that_the_processor_lacks(self, monkeypatch):
        monkeypatch.setattr(processor.platform, "machine", lambda: "x86_64")
        monkeypatch.setattr(processor, "_features", lambda: {"avx", "avx2", "fma", "f16c", "bmi1", "bmi2"})
        monkeypatch.setenv("RECURRA_ISA", "avx512")
        processor.chosen.cache_clear()
        with pytest.raises(
            BackendError, match="RECURRA_ISA is 'avx512', which this processor lacks; it runs: avx2, x86"
        ):
            processor.chosen()
        monkeypatch.delenv("RECURRA_ISA")
        processor.chosen.cache_clear()
        assert processor.chosen().name == "avx2"
        processor.chosen.cache_clear()

    @pytest.mark.parametrize("machine", ["aarch64", "arm64"])
    def test_arm(self, machine, monkeypatch):
        monkeypatch.setattr(processor.platform, "machine", lambda: machine)
        assert [isa.name for isa in processor.known()] == ["neon"]

    def test_a_foreign_architecture_gets_a_plain_build(self, monkeypatch):
        monkeypatch.setattr(processor.platform, "machine", lambda: "riscv64")
        assert [(isa.name, isa.flags) for isa in processor.known()] == [("generic", ())]


def test_the_build_needs_no_torch():
    code = """
import sys
sys.modules["torch"] = None
from recurra import cells
from recurra.backends.cpu import build, cache, library, processor
from recurra.engine import library as engine
units = [library.core_unit(), engine.unit(), *(library.unit(cell)[0] for cell in cells.built_in().values())]
units += [engine.step_unit(cell)[0] for cell in cells.built_in().values()]
print(len({cache.file_name(unit, processor.known()[0]) for unit in units}))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == str(2 + 2 * len(cells.names())), done.stderr


@needs_compiler
def test_structures_are_laid_out_as_in_cpp():
    from recurra.backends.cpu import abi

    said = library._core(processor.chosen()).library.recurra_layout().decode()
    library.check_layout(said, abi.layout())
    assert said.startswith("Step.rows long 0 8;")
    assert said.count(";") == sum(len(part.spelled) for part in (abi.Step, abi.Cell, abi.Direction, abi.Call))


@pytest.mark.parametrize(("one", "other"), [("keep", "keep_row"), ("scratch", "merged")])
def test_two_swapped_fields_are_noticed(one, other, monkeypatch):
    """Both are numbers of the same size: only the names tell."""
    from recurra.backends.cpu import abi

    said, text = abi.layout(), abi._text

    def swapped(file):
        names = {f"FIELD(long, {one})": f"FIELD(long, {other})", f"FIELD(long, {other})": f"FIELD(long, {one})"}
        return "\n".join(names.get(line.split("  ")[0], line) for line in text(file).splitlines())

    monkeypatch.setattr(abi, "_text", swapped)
    wrong = abi.structure("Cell")
    assert ctypes.sizeof(wrong) == ctypes.sizeof(abi.Cell)
    monkeypatch.setattr(abi, "Cell", wrong)
    with pytest.raises(
        AssertionError, match=rf"drifted apart: 'Cell.({one}|{other}) long \d+ 8' and 'Cell.({one}|{other}) long"
    ):
        library.check_layout(said, abi.layout())


def test_constants_of_the_tracer_are_the_cores():
    from recurra.backends.cpu import abi
    from recurra.expr import trace

    assert abi.MOST_STAGES == trace.MOST_OFS + 1
    assert abi.MOST_GATES == trace.MOST_GATES


class TestDoctor:
    def test_without_a_compiler(self, fresh, monkeypatch):
        from recurra.cli import doctor

        monkeypatch.setenv("CXX", "no-such-compiler")
        assert doctor._compiler()["c++"].startswith("none: CXX=no-such-compiler, and there is no such program")
        found = doctor._kernels()
        assert set(found["not compiled"]) == {"core", *cells.names()}
        assert found["cache"] == f"{fresh} (writable)"
        rows = {row["cell"]: row for row in doctor._cells()}
        assert rows["lstm"]["backend"] == "torch"
        assert "CXX=no-such-compiler" in rows["gru-original"]["why"]

    @needs_compiler
    def test_with_one(self, monkeypatch):
        from recurra.cli import doctor

        monkeypatch.setenv("RECURRA_ISA", processor.supported()[-1].name)
        processor.chosen.cache_clear()
        found = doctor._kernels()
        assert found["instruction set"].startswith(
            f"{processor.supported()[-1].name}, by RECURRA_ISA (this processor runs: "
        )
        processor.chosen.cache_clear()
        assert "version" in doctor._compiler()

    def test_what_is_prebuilt(self, fresh, tmp_path, monkeypatch):
        from recurra.cli import doctor

        packaged = tmp_path / "packaged"
        packaged.mkdir()
        body = b"anything"
        name = cache.file_name(library.unit(cells.get("gru"))[0], processor.chosen())
        (packaged / name).write_bytes(body + hashlib.sha256(body).digest() + cache.VERSION)
        monkeypatch.setattr(cache, "packaged", lambda: packaged)
        assert doctor._kernels()["prebuilt"] == ["gru"]


@needs_compiler
def test_without_a_home_folder_kernels_go_to_a_private_folder(here, monkeypatch):
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
    monkeypatch.setenv("HOME", str(here))
    assert cache.folder() == here / "kernels"
