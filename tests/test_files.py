"""Files of a run: whole or not at all, and never silently wrong."""

import errno
import os
import resource
import signal
import stat
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch
from helpers.soak import count
from hypothesis import given, settings
from hypothesis import strategies as st

from recurra import files, tensorfiles
from recurra.errors import ConfigError, RunError

SCHEMA = "test/1"
TENSORS = {
    "a": torch.arange(6.0).reshape(2, 3),
    "b": torch.tensor(3, dtype=torch.int64),
    "half": torch.ones(3, dtype=torch.bfloat16),
    "none": torch.empty(0, 4),
    "view": torch.arange(10)[2:5],
}
ABOUT = {"schema": SCHEMA, "step": 12, "loss": 1.25, "name": "é"}


def test_what_is_written_is_read(tmp_path):
    tensorfiles.write(tmp_path / "x", TENSORS, ABOUT)
    tensors, about = tensorfiles.read(tmp_path / "x", SCHEMA)
    assert about == ABOUT
    assert tensors.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert tensors[name].dtype == tensor.dtype
        assert torch.equal(tensors[name], tensor)
    assert os.listdir(tmp_path) == ["x"]
    shapes, about = tensorfiles.header(tmp_path / "x")
    assert shapes == {name: tuple(tensor.shape) for name, tensor in TENSORS.items()}
    assert about.items() >= ABOUT.items()


@given(cut=st.integers(0, 10_000))
@settings(max_examples=count(40, 800), deadline=None)
def test_a_file_that_was_cut_off_is_refused(cut, tmp_path_factory):
    path = tmp_path_factory.mktemp("cut") / "x"
    data = tensorfiles.pack(TENSORS, ABOUT)
    path.write_bytes(data[: cut % len(data)])
    for read in (lambda: tensorfiles.read(path, SCHEMA), lambda: tensorfiles.header(path)):
        with pytest.raises(RunError, match=r"damaged|not written by Recurra"):
            read()


@given(place=st.integers(0, 10_000), bit=st.integers(0, 7))
@settings(max_examples=count(150, 3000), deadline=None)
def test_a_turned_bit_anywhere_is_noticed(place, bit, tmp_path_factory):
    path = tmp_path_factory.mktemp("bit") / "x"
    data = bytearray(tensorfiles.pack(TENSORS, ABOUT))
    data[place % len(data)] ^= 1 << bit
    path.write_bytes(data)
    try:
        tensors, about = tensorfiles.read(path, SCHEMA)
    except RunError:
        return
    # A turned bit in the white space that pads the header changes nothing.
    assert about == ABOUT
    assert all(torch.equal(tensors[name], tensor) for name, tensor in TENSORS.items())


def test_a_foreign_file_a_missing_one_and_another_version(tmp_path):
    from safetensors.torch import save_file

    path = tmp_path / "x"
    with pytest.raises(RunError, match=r"x is missing. Restore the file from a copy"):
        tensorfiles.read(path, SCHEMA)
    save_file({"a": torch.ones(1)}, path)
    for read in (lambda: tensorfiles.read(path, SCHEMA), lambda: tensorfiles.header(path)):
        with pytest.raises(RunError, match="was not written by Recurra"):
            read()
    tensorfiles.write(path, {}, {"schema": "test/2"})
    with pytest.raises(RunError, match="has the format 'test/2'; this version of Recurra reads 'test/1'"):
        tensorfiles.read(path, SCHEMA)


def test_a_failed_write_keeps_the_old_file(tmp_path, monkeypatch):
    files.write(tmp_path / "x", "old")

    def full(handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(RunError, match=r"x could not be written: No space left .* is intact"):
        files.write(tmp_path / "x", "new")
    assert (tmp_path / "x").read_text() == "old"
    assert os.listdir(tmp_path) == ["x"]


@pytest.mark.skipif(os.name != "posix", reason="the limit on a file's size is a POSIX call")
def test_a_file_that_no_longer_fits_keeps_the_old_one(tmp_path):
    files.write(tmp_path / "x", b"old")
    limits, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
    try:
        with pytest.raises(RunError, match="could not be written"):
            files.write(tmp_path / "x", bytes(20_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert (tmp_path / "x").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["x"]


def test_a_block_that_fails_leaves_the_old_file(tmp_path):
    files.write(tmp_path / "x", "old")

    def half_way():
        with files.replacing(tmp_path / "x") as part:
            part.write_text("ne")
            raise ValueError("half way")

    with pytest.raises(ValueError, match="half way"):
        half_way()
    assert (tmp_path / "x").read_text() == "old"
    assert os.listdir(tmp_path) == ["x"]


posix = pytest.mark.skipif(os.name != "posix", reason="links and pipes as POSIX has them")


@posix
def test_of_what_the_user_names_a_link_stays_a_link_and_a_pipe_a_pipe(tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "far" / "x")
    files.write_output(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "far" / "x").read_text() == "new"
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    try:
        files.write_output(tmp_path / "pipe", "through")
        assert os.read(reader, 100) == b"through"
    finally:
        os.close(reader)
    assert (tmp_path / "pipe").is_fifo()
    assert sorted(os.listdir(tmp_path)) == ["far", "link", "pipe"]


def special(kind, path):
    if kind == "a link":
        path.symlink_to(path.with_name("victim"))
    elif kind == "a folder":
        path.mkdir()
    else:
        os.mkfifo(path)


USES = {
    "write": lambda path: files.write(path, "new"),
    "write_tensors": lambda path: tensorfiles.write(path, TENSORS, ABOUT),
    "appending": lambda path: files.appending(path).close(),
    "read_text": files.read_text,
    "read_json": files.read_json,
    "read_tensors": lambda path: tensorfiles.read(path, SCHEMA),
}


@posix
@pytest.mark.parametrize("kind", ["a link", "a folder", "no plain file"])
@pytest.mark.parametrize("use", USES)
def test_what_is_no_plain_file_is_no_file_of_a_run(tmp_path, kind, use):
    (tmp_path / "victim").write_text('"old"')
    special(kind, tmp_path / "x")
    with pytest.raises(RunError, match=f"x is {kind}; the files of a run are plain files in its folder"):
        USES[use](tmp_path / "x")
    assert (tmp_path / "victim").read_text() == '"old"'
    assert sorted(os.listdir(tmp_path)) == ["victim", "x"]


@posix
def test_a_link_that_leads_nowhere_is_refused_too(tmp_path):
    (tmp_path / "x").symlink_to(tmp_path / "none")
    for use in USES.values():
        with pytest.raises(RunError, match="x is a link"):
            use(tmp_path / "x")
    assert os.listdir(tmp_path) == ["x"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[" * 100_000 + "]" * 100_000, "nested too deeply"),
        ("9" * 5000, "Exceeds the limit"),
        ("{", "Expecting property name"),
        (b"\xff", "can't decode"),
        (" " * 3000, "at most 2,000 are expected"),
    ],
    ids=["depth", "digits", "cut", "bytes", "size"],
)
def test_json_that_is_damaged_in_any_way_is_one_line(tmp_path, text, words):
    (tmp_path / "x").write_bytes(text if isinstance(text, bytes) else text.encode())
    most = 2000 if text == " " * 3000 else files.MOST
    with pytest.raises(RunError, match=rf"x is damaged.*{words}.*Restore the file from a copy") as caught:
        files.read_json(tmp_path / "x", most)
    assert "\n" not in str(caught.value)


def test_json_in_the_metadata_may_be_as_deep(tmp_path):
    from safetensors.torch import save_file

    save_file({"a": torch.ones(1)}, tmp_path / "x", {"recurra": "[" * 100_000})
    with pytest.raises(RunError, match=r"x is damaged .its JSON is nested too deeply"):
        tensorfiles.read(tmp_path / "x", SCHEMA)


CAUSES = {
    errno.ENOSPC: "No space left on device. Free some space, or choose a folder on another disk.",
    errno.EDQUOT: "Free some space, or choose a folder on another disk.",
    errno.EROFS: "The disk can only be read: choose a folder on another one.",
    errno.EACCES: "You may not write there: change the folder's permissions, or choose another folder.",
    errno.ENOENT: "The folder is not there: it was deleted or moved, or never made.",
    errno.ENAMETOOLONG: "Choose a shorter name.",
    errno.EFBIG: "`ulimit -f` allows.",
    errno.EIO: "The disk reports a fault: check it, and choose a folder on another one.",
    errno.EBUSY: "Choose another folder.",
}


@pytest.mark.parametrize("cause", CAUSES, ids=errno.errorcode.get)
def test_the_advice_fits_the_cause(tmp_path, monkeypatch, cause):
    def failing(*arguments, **options):
        raise OSError(cause, os.strerror(cause))

    monkeypatch.setattr(files.os, "replace", failing)
    with pytest.raises(RunError) as caught:
        files.write(tmp_path / "x", "new")
    assert str(caught.value).startswith(f"{tmp_path}/x could not be written: ")
    assert str(caught.value).endswith(CAUSES[cause])
    assert os.listdir(tmp_path) == []


def test_a_folder_whose_flush_is_refused_is_written(tmp_path, monkeypatch):
    """Some file systems that are mounted over a network know no flush of a folder; a disk that fails is another matter."""
    real, causes = os.fsync, [errno.EINVAL, errno.EACCES, errno.EIO]

    def flush(handle):
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            cause = causes.pop(0)
            raise OSError(cause, os.strerror(cause))
        return real(handle)

    monkeypatch.setattr(files.os, "fsync", flush)
    for _ in range(2):
        files.write(tmp_path / "x", "new")
    with pytest.raises(RunError, match=r"x could not be written: Input/output error. The disk reports a fault"):
        files.write(tmp_path / "x", "newer")


@posix
def test_temporary_files_of_the_dead_are_removed_and_those_of_the_living_stay(tmp_path):
    code = (
        "import os, sys; from pathlib import Path; from recurra import files\n"
        "with files.replacing(Path(sys.argv[1], 'x')), files.together(Path(sys.argv[1]), 'last') as place:\n"
        "    (place / 'y').write_text('half')\n"
        "    os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", code, tmp_path]).returncode == -signal.SIGKILL
    assert len(left := os.listdir(tmp_path)) == 2
    assert all(map(files.leftover, left))
    (tmp_path / ".recurra-notes.part").touch()  # not ours
    with files.replacing(tmp_path / "x") as part, files.together(tmp_path, "last") as place:
        files.sweep(tmp_path)
        assert sorted(os.listdir(tmp_path)) == sorted([".recurra-notes.part", part.name, place.name])


def test_temporary_names_are_no_two_alike_and_any_length_of_name_is_written(tmp_path):
    name = "x" * 255
    with files.replacing(tmp_path / name) as one, files.replacing(tmp_path / name) as two:
        assert one != two
    assert os.listdir(tmp_path) == [name]


@pytest.mark.parametrize("moved", [0, 1, 2])
def test_files_appear_together(tmp_path, monkeypatch, moved):
    """However many of them were moved when the process was killed, `finish` moves the others."""
    names = ["a", "b", "last"]
    for name in names:
        files.write(tmp_path / name, "old")
    real, count = os.replace, iter(range(100))

    def killed(one, two):
        if one.parent.name == files.WHOLE and next(count) == moved:
            raise KeyboardInterrupt
        real(one, two)

    def save():
        with files.together(tmp_path, "last") as place:
            for name in ["last", *names]:
                files.write(place / name, "new")
            assert [(tmp_path / name).read_text() for name in names] == ["old"] * 3

    monkeypatch.setattr(files.os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        save()
    monkeypatch.undo()
    assert (tmp_path / "last").read_text() == "old"
    assert files.is_unfinished(tmp_path)
    files.finish(tmp_path, "last")
    assert [(tmp_path / name).read_text() for name in names] == ["new"] * 3
    assert sorted(os.listdir(tmp_path)) == names


def test_a_place_is_known_before_the_work(tmp_path, monkeypatch):
    assert files.check_place(str(tmp_path / "x")) == tmp_path / "x"
    with pytest.raises(ConfigError, match="is a folder; name a file in it"):
        files.check_place(tmp_path)
    with pytest.raises(ConfigError, match=r"no/x cannot be written: there is no folder .*no; make it"):
        files.check_place(tmp_path / "no" / "x")
    monkeypatch.setattr(files.os, "access", lambda path, mode: False)
    with pytest.raises(ConfigError, match=r"x cannot be written: the folder .* allows no new files"):
        files.check_place(tmp_path / "x")


def test_a_name_that_is_too_long_is_refused_before_the_work_and_a_long_one_written(tmp_path):
    with pytest.raises(ConfigError, match="cannot be written: a name of 256 bytes is too long; choose a shorter name"):
        files.check_place(tmp_path / ("é" * 126 + ".txt"))
    longest = files.check_place(tmp_path / ("é" * 125 + ".text"))
    files.write_output(longest, "text")
    assert longest.read_text() == "text"


@pytest.mark.skipif(os.name != "posix", reason="permissions as Unix has them")
@pytest.mark.parametrize("mode", [0o600, 0o660, 0o644, 0o400])
def test_a_file_keeps_its_permissions(tmp_path, mode):
    for name in ("output", "link", "own", "config"):
        (tmp_path / name).write_text("old")
        (tmp_path / name).chmod(mode)
    (tmp_path / "link").rename(tmp_path / "target")
    (tmp_path / "link").symlink_to("target")
    with files.replacing_output(tmp_path / "output") as part:
        assert part.stat().st_mode & 0o777 == mode, "before anything is in it"
        part.chmod(0o600)  # this test has to write into it
        part.write_text("new")
        part.chmod(mode)
    files.write_output(tmp_path / "link", "new")
    files.write(tmp_path / "own", "new")
    with files.together(tmp_path, "config") as place:
        files.write(place / "config", "new")
    for name in ("output", "target", "own", "config"):
        assert (tmp_path / name).stat().st_mode & 0o777 == mode, name
        (tmp_path / name).chmod(0o600)
        assert (tmp_path / name).read_text() == "new"


def test_a_group_that_cannot_be_kept_gets_no_more_than_all(tmp_path, monkeypatch):
    old, new = tmp_path / "old", tmp_path / "new"
    for path in (old, new):
        path.touch()
    old.chmod(0o664)

    def refused(*_):
        raise PermissionError

    monkeypatch.setattr(files.os, "chown", refused)
    stat = os.stat
    monkeypatch.setattr(
        files.os, "stat", lambda path: stat(path) if path == new else SimpleNamespace(st_mode=0o100664, st_gid=-1)
    )
    files.keep_mode(old, new)
    assert stat(new).st_mode & 0o777 == 0o644


def test_json_has_names_of_any_bytes_and_is_utf8():
    name = os.fsdecode(b"caf\xe9\\")
    text = files.to_json({"é": [name, 1]})
    text.encode()
    assert text == '{"é": ["caf\\udce9\\\\", 1]}'
    assert files.parse_json(text, "x") == {"é": [name, 1]}


def test_what_a_user_names_is_found_under_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert files.check_place("~/x") == tmp_path / "x"
    files.write_output("~/x", os.fsdecode(b"caf\xe9.wav\tone"))
    assert (tmp_path / "x").read_bytes() == b"caf\xe9.wav\tone", "a list of files has their names"


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(RunError, match="could not be written"):
        files.write(tmp_path / "no" / "x", "text")


def test_an_output_holds_names_of_any_bytes_and_damaged_characters_as_escapes(tmp_path):
    files.write_output(tmp_path / "out.csv", "caf\udce9,\ud800")
    assert (tmp_path / "out.csv").read_bytes() == b"caf\xe9,\\ud800"
