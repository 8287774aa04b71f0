"""Sound in: files and arrays of every kind, whole or in blocks."""

import os
import sys

import numpy as np
import pytest

from recurra.errors import ConfigError, DataError, DtypeError, ShapeError
from recurra.tasks.speech import LogMel
from recurra.tasks.speech.sound import BLOCK, read

pytest.importorskip("kaldi_native_fbank")

soundfile = pytest.importorskip("soundfile")


def whole(sound, rate=None):
    rate, blocks = read(sound, rate)
    return rate, np.concatenate(list(blocks))


# Files and arrays


@pytest.mark.parametrize("kind", ["wav PCM_16", "wav PCM_24", "wav FLOAT", "wav PCM_U8", "flac PCM_16"])
def test_files_of_every_kind_are_read_in_blocks(tmp_path, random, kind):
    suffix, subtype = kind.split()
    wave = random.uniform(-0.9, 0.9, (2 * BLOCK + 100, 2))
    soundfile.write(tmp_path / f"a.{suffix}", wave, 11025, subtype=subtype)
    rate, blocks = read(tmp_path / f"a.{suffix}")
    parts = list(blocks)
    assert (rate, [len(part) for part in parts]) == (11025, [BLOCK, BLOCK, 100])
    limit = 2**-7 if subtype == "PCM_U8" else 2**-15
    assert np.abs(np.concatenate(parts) - wave.mean(1)).max() <= limit, "two channels are averaged"


@pytest.mark.parametrize("dtype", ["int16", "int32", "uint8", "float32", "float64"])
def test_arrays_of_every_type_are_read(dtype):
    full = {"int16": 2**15, "int32": 2**31, "uint8": 2**7}.get(dtype, 1)
    array = (np.array([0.0, 0.5, -0.5]) * full + (128 if dtype == "uint8" else 0)).astype(dtype)
    rate, sound = whole(array, 8000)
    assert (rate, sound.dtype, sound.tolist()) == (8000, np.float32, [0.0, 0.5, -0.5])


def broken_files(folder):
    """A file of each kind that users bring, and what is said of it."""
    wave = np.random.default_rng(0).uniform(-0.5, 0.5, 80_000)
    soundfile.write(folder / "whole.wav", wave, 8000)
    soundfile.write(folder / "whole.flac", wave, 8000)
    soundfile.write(folder / "nothing.wav", wave[:0], 8000)
    soundfile.write(folder / "nan.wav", np.where(np.arange(80_000) == 70_000, np.nan, wave), 8000, subtype="FLOAT")
    soundfile.write(folder / "loud.wav", wave * 30_000, 8000, subtype="FLOAT")
    (folder / "cut.wav").write_bytes((folder / "whole.wav").read_bytes()[:50_044])
    (folder / "cut.flac").write_bytes((folder / "whole.flac").read_bytes()[:60_000])
    for suffix in ("aiff", "au", "w64"):
        soundfile.write(folder / f"cut.{suffix}", wave, 8000)
        (folder / f"cut.{suffix}").write_bytes((folder / f"cut.{suffix}").read_bytes()[:50_044])
    soundfile.write(folder / "slow.wav", wave, 500)
    (folder / "empty.wav").write_bytes(b"")
    (folder / "junk.wav").write_bytes(b"not a sound at all" * 9)
    (folder / "a.raw").write_bytes(bytes(100))
    (folder / "folder.wav").mkdir()
    return {
        "missing.wav": "there is no file .*missing.wav",
        "folder.wav": "folder.wav is a folder; expected a sound file",
        "empty.wav": "empty.wav is empty: it has no bytes",
        "junk.wav": r"junk.wav cannot be read as sound \(.*\); expected WAV, FLAC, MP3, Ogg, Opus, M4A or another file",
        "a.raw": r"a.raw (cannot be read as sound \(.*\); expected WAV, FLAC|has no sound in it, only)",
        "nothing.wav": "nothing.wav is empty: it has no samples",
        "cut.wav": r"cut.wav is cut off or damaged: it promises 10.0 s of sound and has 3.1 s. Copy it again",
        "cut.flac": r"cut.flac is cut off or damaged: it promises 10.0 s of sound and has \d.\d s",
        "cut.aiff": r"cut.aiff is cut off or damaged: it promises 10.0 s of sound and has 3.1 s",
        "cut.au": r"cut.au is cut off or damaged: it promises 10.0 s of sound and has 3.1 s",
        "cut.w64": r"cut.w64 is cut off or damaged: it promises 10.0 s of sound and has 3.1 s",
        "slow.wav": "slow.wav has 500 samples a second; expected 1,000 to 384,000",
        "nan.wav": "nan.wav holds NaN or infinity, first at sample 4,464",
        "loud.wav": "loud.wav has samples up to 15,000; expected floats from -1 to 1",
    }


def test_a_broken_file_is_one_clear_line(tmp_path):
    for name, words in broken_files(tmp_path).items():
        with pytest.raises(DataError, match=words) as caught:
            whole(tmp_path / name)
        assert "\n" not in str(caught.value), name


def test_a_pipe_is_no_file_and_that_is_said(tmp_path):
    os.mkfifo(tmp_path / "a.wav")
    with pytest.raises(DataError, match=r"a\.wav is a pipe or a device; save it as a file first"):
        whole(tmp_path / "a.wav")


def test_a_wav_file_from_a_pipe_is_read_to_its_end(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros(4000), 8000)
    data = bytearray((tmp_path / "a.wav").read_bytes())
    at = data.index(b"data")
    data[at + 4 : at + 8] = b"\xff\xff\xff\xff"  # what a program writes that cannot go back to the header
    (tmp_path / "a.wav").write_bytes(data)
    assert len(whole(tmp_path / "a.wav")[1]) == 4000


@pytest.mark.parametrize(
    ("array", "rate", "error", "words"),
    [
        (np.zeros(10), None, ConfigError, "an array has no sampling rate of its own; give it: rate=16000"),
        (np.zeros(10), 10, ConfigError, "`rate` is 10; expected whole samples a second, 1,000 to 384,000"),
        (np.zeros(10), 8000.5, ConfigError, "`rate` is 8000.5"),
        (np.zeros(0), 8000, DataError, "the sound is empty: it has no samples"),
        (np.zeros((2, 100)), 8000, ShapeError, r"is \(2, 100\); expected .* Turn it: sound.T"),
        (np.zeros((2, 2, 100)), 8000, ShapeError, r"is \(2, 2, 100\); expected \(samples,\)"),
        (np.zeros(10, bool), 8000, DtypeError, "is bool; expected floats from -1 to 1, int16, int32 or uint8"),
        (np.array(["a"]), 8000, DtypeError, "expected floats"),
        (np.array([0, np.nan]), 8000, DataError, "holds NaN or infinity, first at sample 1"),
        (np.array([0.0, 9000.0]), 8000, DataError, "has samples up to 9,000; expected floats from -1 to 1"),
    ],
)
def test_an_array_of_another_form_is_refused(array, rate, error, words):
    with pytest.raises(error, match=words):
        whole(array, rate)


@pytest.mark.parametrize("more", [-2, 1, 2, 4, 44, 100, 300, None])
def test_a_size_in_a_header_that_is_a_little_off_loses_nothing(tmp_path, more):
    """By some bytes, as recorders write it; None: 0, as a recorder leaves it that was switched off."""
    wave = np.random.default_rng(0).uniform(-0.5, 0.5, 8000)
    for suffix, chunk, order in (("wav", b"data", "little"), ("aiff", b"SSND", "big")):
        path = tmp_path / f"a.{suffix}"
        soundfile.write(path, wave, 8000)
        content = bytearray(path.read_bytes())
        at = content.index(chunk) + 4
        size = 0 if more is None else int.from_bytes(content[at : at + 4], order) + more
        content[at : at + 4] = size.to_bytes(4, order)
        path.write_bytes(content)
        if more is None and suffix == "aiff":
            continue  # no program reads on where an AIFF file says that it has nothing
        rate, sound = whole(path)
        assert rate == 8000
        assert len(sound) == 8000 + min(more or 0, 0) // 2
        assert np.abs(sound - wave[: len(sound)]).max() <= 2**-15


def test_a_flac_file_without_a_length_is_read_to_its_end(tmp_path):
    wave = np.random.default_rng(0).uniform(-0.5, 0.5, 20_000)
    soundfile.write(tmp_path / "a.flac", wave, 8000)
    content = bytearray((tmp_path / "a.flac").read_bytes())
    content[21] &= 0xF0  # the 36 bits of the total samples
    content[22:26] = bytes(4)
    (tmp_path / "a.flac").write_bytes(content)
    assert np.abs(whole(tmp_path / "a.flac")[1] - wave).max() <= 2**-15


@pytest.mark.parametrize("package", ["soundfile", "kaldi_native_fbank"])
def test_a_missing_package_is_named_with_the_line_that_installs_it(monkeypatch, tmp_path, package):
    (tmp_path / "a.wav").write_bytes(b"RIFF")
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ConfigError, match=rf"speech needs {package}, .* pip install 'recurra\[speech\]'"):
        read(tmp_path / "a.wav") if package == "soundfile" else LogMel(8000, 40)


# Lists of recordings


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_an_ogg_file_cut_off_anywhere_is_said(tmp_path, subtype):
    noise = np.random.default_rng(0).normal(0, 0.1, 48_000).astype(np.float32)
    soundfile.write(tmp_path / "a.ogg", noise, 16_000, format="OGG", subtype=subtype)
    whole = (tmp_path / "a.ogg").read_bytes()
    assert len(np.concatenate(list(read(tmp_path / "a.ogg")[1]))) == 48_000
    for kept in (len(whole) - 1, len(whole) * 9 // 10, len(whole) // 2):
        (tmp_path / "b.ogg").write_bytes(whole[:kept])
        with pytest.raises(DataError, match=r"b.ogg is cut off: its last page of sound is not whole. Copy it again"):
            read(tmp_path / "b.ogg")
