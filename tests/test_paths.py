"""Paths that users name: the home folder, names of any bytes, folders with links in them."""

import os
import pwd
from collections import Counter
from pathlib import Path

import pytest

from recurra import paths
from recurra.errors import ConfigError

ODD = os.fsdecode(b"caf\xe9")


@pytest.fixture
def home(tmp_path, monkeypatch):
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.chdir(tmp_path)
    return folder


@pytest.fixture
def homeless(tmp_path, monkeypatch):
    """As in a container: no HOME, and no entry of the user."""

    def none(user):
        raise KeyError(user)

    for name in ("HOME", "XDG_CACHE_HOME", "RECURRA_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", none)
    monkeypatch.chdir(tmp_path)


def test_a_tilde_is_the_home_folder(home):
    assert paths.expanded("~") == home == paths.home()
    assert paths.expanded(Path("~/runs/a")) == home / "runs" / "a"
    assert paths.expanded(f"~{pwd.getpwuid(os.getuid()).pw_name}/x").is_absolute()
    for plain in ("book.txt", "a/~/b", "~lock.txt", "~nobody-of-this-name/x", "-", "."):
        assert paths.expanded(plain) == Path(plain)
    assert [paths.named(one) for one in ("", "texts/", "~/b")] == ["", "texts/", str(home / "b")]


def test_without_a_home_folder_a_tilde_is_refused(homeless):
    assert paths.home() is None
    with pytest.raises(
        ConfigError, match="~/x: ~ is the home folder, and there is none: HOME is not set; name the folder"
    ):
        paths.expanded("~/x")


def files_in(folder, skipped=None):
    return [str(path.relative_to(folder)) for path in paths.walk(folder, skipped)]


def test_linked_folders_are_read_once_and_what_is_left_out_is_counted(tmp_path):
    root, outside = tmp_path / "root", tmp_path / "outside"
    for name in ("b.txt", "a.txt", "sub/c", "sub/.git/x", ".hidden"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    outside.mkdir()
    (outside / "d").touch()
    (outside / "back").symlink_to(root)
    for name, to in {
        "more": outside,
        "sub/again": outside,
        "inside": root / "sub",
        "loop": root,
        "gone": "nowhere",
    }.items():
        (root / name).symlink_to(to)
    os.mkfifo(root / "pipe")
    skipped = Counter()
    assert files_in(root, skipped) == ["a.txt", "b.txt", "more/d", "sub/c"]
    assert skipped == {"hidden": 1, "hidden folders": 1, "folders that are read anyway": 4, "not files": 2}
    assert files_in(outside / "back") == files_in(root)
    with pytest.raises(OSError, match="nowhere"):
        paths.walk(tmp_path / "nowhere")


def test_names_of_any_bytes(tmp_path):
    file = tmp_path / f"{ODD}.txt"
    file.write_text("here")
    assert paths.walk(tmp_path) == [file]
    assert paths.printable(file.name) == "caf�.txt"
    with paths.for_libraries(file) as name:
        name.encode()
        assert Path(name).read_text() == "here"
    with paths.for_libraries(tmp_path / "café.txt") as name:
        assert name == str(tmp_path / "café.txt")
    with pytest.raises(FileNotFoundError), paths.for_libraries(tmp_path / ODD):
        pass
