"""Native code of others is never loaded: another one is compiled, where nobody else can write."""

import os

import pytest
from helpers.kernels import PLAIN, TINY, answer, needs_compiler

from recurra.backends.cpu import build, cache
from recurra.backends.cpu.build import CompileError
from recurra.errors import CompileWarning


class TestWhatOthersMayWrite:
    @pytest.fixture
    def planted(self, empty_cache):
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
    def test_what_is_compiled_is_mine_alone_whatever_the_umask(self, empty_cache):
        before = os.umask(0)
        try:
            path = cache.fetch(TINY, PLAIN)
        finally:
            os.umask(before)
        assert path.stat().st_mode & 0o022 == 0
        assert [place.stat().st_mode & 0o077 for place in (path.parent, empty_cache)] == [0, 0]

    @needs_compiler
    def test_no_folder_that_only_the_user_can_write(self, empty_cache, tmp_path, monkeypatch):
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
    def test_a_library_of_the_package_is_as_good_as_the_code_beside_it(
        self, empty_cache, tmp_path, monkeypatch, another_user
    ):
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

    def test_doctor_says_why(self, empty_cache):
        from recurra.cli import doctor

        empty_cache.mkdir()
        empty_cache.chmod(0o777)
        assert (
            doctor._kernels()["cache"]
            == f"{empty_cache} (not used: {empty_cache} can be written by others; set RECURRA_CACHE)"
        )
