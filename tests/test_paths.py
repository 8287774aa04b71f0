"""Paths that users name: the home folder, names of any bytes, folders with links in them."""

import os
import pwd
from collections import Counter
from pathlib import Path

import numpy as np
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


def sounds(folder):
    from recurra.tasks.speech.manifest import read_manifest

    return [path for path, _ in read_manifest(folder)]


def pieces(folder):
    from recurra.tasks.music.sources import MIDI

    return paths.files_in(folder, MIDI)


def texts(folder):
    from recurra.tasks.classification.files import read_files

    return [folder / label / "a.txt" for label in read_files(folder)[1]]


def clips(folder):
    from recurra.tasks.video.clips import named, read_clips

    assert len(read_clips(folder)) == len(named(folder))
    return list(map(Path, named(folder)))


def clip(folder):
    np.save(folder, np.zeros((2, 4, 4), np.uint8))


@pytest.mark.parametrize(
    ("read", "names", "write"),
    [
        (sounds, ["a.wav", "a.txt"], Path.touch),
        (pieces, ["a.mid"], Path.touch),
        (texts, ["Greek/a.txt"], lambda path: path.write_text("text")),
        (clips, ["a.npy"], clip),
    ],
    ids=lambda one: getattr(one, "__name__", None),
)
def test_each_task_leaves_out_what_is_hidden_and_counts_it(tmp_path, read, names, write):
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write(tmp_path / name)
        write((tmp_path / name).with_name("." + Path(name).name))
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git/b.txt").touch()
    with pytest.warns(UserWarning, match=f"^{tmp_path}: left out ") as told:
        assert read(tmp_path) == [tmp_path / names[0]]
    (words,) = (str(one.message).rpartition("left out ")[2] for one in told)
    assert set(words.split(", ")) == {f"{len(names)} hidden", "1 hidden folder"}


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


def test_one_thing_left_out_is_named_as_one():
    one, two = (Counter(dict.fromkeys(["hidden folders", "not files", "of kind .jpg"], n)) for n in (1, 2))
    assert paths.counted(one) == "1 hidden folder, 1 not a file, 1 of kind .jpg"
    assert paths.counted(two) == "2 hidden folders, 2 not files, 2 of kind .jpg"
