"""Files of a run: whole or not at all, and never silently wrong."""

import errno
import os
import resource
import signal

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from recurra import files
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
    files.write_tensors(tmp_path / "x", TENSORS, ABOUT)
    tensors, about = files.read_tensors(tmp_path / "x", SCHEMA)
    assert about == ABOUT
    assert tensors.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert tensors[name].dtype == tensor.dtype
        assert torch.equal(tensors[name], tensor)
    assert os.listdir(tmp_path) == ["x"]


@given(cut=st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_a_file_that_was_cut_off_is_refused(cut, tmp_path_factory):
    path = tmp_path_factory.mktemp("cut") / "x"
    data = files.pack(TENSORS, ABOUT)
    path.write_bytes(data[: cut % len(data)])
    with pytest.raises(RunError, match=r"damaged|not written by Recurra"):
        files.read_tensors(path, SCHEMA)


@given(place=st.integers(0, 10_000), bit=st.integers(0, 7))
@settings(max_examples=150, deadline=None)
def test_a_turned_bit_anywhere_is_noticed(place, bit, tmp_path_factory):
    path = tmp_path_factory.mktemp("bit") / "x"
    data = bytearray(files.pack(TENSORS, ABOUT))
    data[place % len(data)] ^= 1 << bit
    path.write_bytes(data)
    try:
        tensors, about = files.read_tensors(path, SCHEMA)
    except RunError:
        return
    # A turned bit in the white space that pads the header changes nothing.
    assert about == ABOUT
    assert all(torch.equal(tensors[name], tensor) for name, tensor in TENSORS.items())


def test_a_foreign_file_a_missing_one_and_another_version(tmp_path):
    from safetensors.torch import save_file

    path = tmp_path / "x"
    with pytest.raises(RunError, match=r"is missing. Is .* the folder of a run\?"):
        files.read_tensors(path, SCHEMA)
    save_file({"a": torch.ones(1)}, path)
    with pytest.raises(RunError, match="was not written by Recurra"):
        files.read_tensors(path, SCHEMA)
    files.write_tensors(path, {}, {"schema": "test/2"})
    with pytest.raises(RunError, match="has the format 'test/2'; this version of Recurra reads 'test/1'"):
        files.read_tensors(path, SCHEMA)


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


@pytest.mark.skipif(os.name != "posix", reason="links and pipes as POSIX has them")
def test_a_link_stays_a_link_and_a_pipe_a_pipe(tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "far" / "x")
    files.write(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "far" / "x").read_text() == "new"
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    try:
        files.write(tmp_path / "pipe", "through")
        assert os.read(reader, 100) == b"through"
    finally:
        os.close(reader)
    assert (tmp_path / "pipe").is_fifo()
    assert sorted(os.listdir(tmp_path)) == ["far", "link", "pipe"]


def test_a_place_is_known_before_the_work(tmp_path, monkeypatch):
    assert files.check_place(str(tmp_path / "x")) == tmp_path / "x"
    with pytest.raises(ConfigError, match="is a folder; name a file in it"):
        files.check_place(tmp_path)
    with pytest.raises(ConfigError, match=r"no/x cannot be written: there is no folder .*no; make it"):
        files.check_place(tmp_path / "no" / "x")
    monkeypatch.setattr(files.os, "access", lambda path, mode: False)
    with pytest.raises(ConfigError, match=r"x cannot be written: the folder .* allows no new files"):
        files.check_place(tmp_path / "x")


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(RunError, match="could not be written"):
        files.write(tmp_path / "no" / "x", "text")
