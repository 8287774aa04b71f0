"""Loading: what does not load is compiled again, and a layer without a kernel runs by its equations."""

import hashlib

import pytest
import torch
from helpers.kernels import PLAIN, TINY, answer, needs_compiler, script

from recurra.backends.cpu import build, cache, library
from recurra.backends.cpu.build import CompileError
from recurra.errors import BackendError, CompileWarning
from recurra.nn import LSTM


@needs_compiler
def test_a_whole_file_of_another_system_is_made_again(empty_cache):
    path = cache.fetch(TINY, PLAIN)
    body = b"not a library of this system"
    path.write_bytes(body + hashlib.sha256(body).digest() + cache.VERSION)
    assert cache.find(TINY, PLAIN) == path
    assert library.load(TINY, PLAIN, ["answer"]).answer() == 42


@needs_compiler
def test_a_library_without_the_right_symbols_is_made_again(empty_cache):
    path = cache.fetch(TINY, PLAIN)
    cache.make(TINY._replace(source=TINY.source.replace("answer", "question")), PLAIN, path)
    assert library.load(TINY, PLAIN, ["answer"]).answer() == 42
    assert answer(path) == 42


@needs_compiler
def test_code_that_lacks_a_symbol_has_no_kernel(empty_cache):
    with pytest.raises(CompileError, match=r"tiny-.*-plain.so was compiled but cannot be loaded: .*reply"):
        library.load(TINY, PLAIN, ["answer", "reply"])


class TestWithoutAKernel:
    """A layer runs all the same, and one warning says what is lost and the way out."""

    def outputs(self, **options):
        torch.manual_seed(0)
        return LSTM(3, 4, **options)(torch.randn(5, 2, 3))[0]

    def test_no_compiler(self, no_kernels, monkeypatch):
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

    def test_none_at_all_says_how_to_get_one(self, no_kernels, monkeypatch):
        monkeypatch.setattr(build, "_find", lambda *_: build_raises("no C++ compiler was found (looked for c++)"))
        with pytest.warns(CompileWarning, match=r"sudo apt install g\+\+"):
            self.outputs()

    def test_a_broken_compiler(self, no_kernels, tmp_path, monkeypatch):
        monkeypatch.setenv("CXX", str(script(tmp_path, "echo 'error: out of order' >&2; exit 1")))
        with pytest.warns(CompileWarning, match="could not compile core: error: out of order"):
            self.outputs()

    def test_a_forced_backend_says_why_it_cannot(self, no_kernels, monkeypatch):
        monkeypatch.setenv("CXX", "no-such-compiler")
        with (
            pytest.warns(CompileWarning),
            pytest.raises(BackendError, match="backend 'cpu' cannot run this: CXX=no-such-compiler"),
        ):
            self.outputs(backend="cpu")


def build_raises(message: str):
    raise CompileError(message)
