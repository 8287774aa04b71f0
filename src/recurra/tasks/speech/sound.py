"""Sound → blocks of samples in one channel, from a file of any size or an array; one clear line where there is none."""

import contextlib
import importlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from recurra import files
from recurra.config import whole
from recurra.errors import ConfigError, DataError, DtypeError, ShapeError
from recurra.paths import expanded, for_libraries
from recurra.tasks.speech import containers
from recurra.tasks.speech.containers import SLACK, cut_off

BLOCK = 1 << 16  # samples of each channel read at once; of more than eight, fewer
LOWEST, HIGHEST = 1000, 384_000  # samples a second
LOUDEST = 8.0  # floats are meant to stay within 1; some files go a little beyond
_ESTIMATED = ("MP3",)  # formats whose length libsndfile may only guess
_NEVER = 1 << 40  # frames: a FLAC file that does not say how many it has is this long, or longer
_UNKNOWN = 0x7FFF0000  # a WAV file that was written to a pipe says it is this long, or longer, or empty
_SCALES = {"int16": 2.0**15, "int32": 2.0**31, "uint8": 2.0**7}


def need(package: str) -> ModuleType:
    """A package of the extra `speech`. ConfigError, with the line that installs it, where it is missing."""
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise ConfigError(
            f"speech needs {package}, which is missing. Install it: pip install 'recurra[speech]'"
        ) from error


def read(sound: Any, rate: int | None = None) -> tuple[int, Iterator[np.ndarray]]:
    """The samples a second of a sound, and its samples block by block: `rate, blocks = read("a.wav")`.

    sound: a file (whatever libsndfile or FFmpeg reads: WAV, FLAC, MP3, Ogg, Opus, M4A, WebM), or an array (samples,) or
        (samples, channels): floats from -1 to 1, int16, int32 or uint8. Several channels are averaged. rate: samples a second
        of an array.

    Gives blocks (n,) float32. Raises DataError for a file that is missing, no sound, empty, cut off or holds NaN, and
    ShapeError, DtypeError and ConfigError for an array of another form: some of them only while blocks are read.
    """
    if isinstance(sound, str | Path):
        return _file(expanded(sound))
    if rate is None:
        raise ConfigError("an array has no sampling rate of its own; give it: rate=16000")
    return check_rate(rate), _array(sound)


def check_rate(rate: Any) -> int:
    """A sampling rate that can be. ConfigError for others."""
    return whole("rate", rate, f"whole samples a second, {LOWEST:,} to {HIGHEST:,}", LOWEST, HIGHEST)


def samples(array: Any, name: str = "the sound") -> np.ndarray:
    """An array of sound as float32 in one channel (samples,); it may be empty. Raises as `read` does."""
    array = np.asarray(array.detach().cpu() if hasattr(array, "detach") else array)
    if array.ndim == 2 and array.shape[0] <= 8 < array.shape[1]:
        raise ShapeError(f"{name} is {array.shape}; expected (samples,) or (samples, channels). Turn it: sound.T")
    if array.ndim not in (1, 2) or (array.ndim == 2 and not array.shape[1]):
        raise ShapeError(f"{name} is {array.shape}; expected (samples,) or (samples, channels)")
    if array.dtype.name in _SCALES:
        scale = np.float32(_SCALES[array.dtype.name])
        array = array.astype(np.float32) / scale - np.float32(array.dtype == np.uint8)
    elif array.dtype.kind != "f":
        raise DtypeError(f"{name} is {array.dtype}; expected floats from -1 to 1, int16, int32 or uint8")
    array = array.astype(np.float32, copy=False)
    if not np.isfinite(array).all():
        where = int(np.flatnonzero(~np.isfinite(array.reshape(len(array), -1)).all(1))[0])
        raise DataError(f"{name} holds NaN or infinity, first at sample {where:,}; mend or drop it")
    peak = float(np.abs(array).max(initial=0))
    if peak > LOUDEST:
        raise DataError(f"{name} has samples up to {peak:,.0f}; expected floats from -1 to 1. Divide by the largest")
    return array.mean(1, dtype=np.float32) if array.ndim == 2 else array


def _array(sound: Any) -> Iterator[np.ndarray]:
    mono = samples(sound)
    if not len(mono):
        raise DataError("the sound is empty: it has no samples")
    yield mono


def _file(path: Path) -> tuple[int, Iterator[np.ndarray]]:
    soundfile = need("soundfile")
    if not path.is_file():
        if path.exists():
            what = "folder; expected a sound file" if path.is_dir() else "pipe or a device; save it as a file first"
            raise DataError(f"{path} is a {what}")
        raise DataError(f"there is no file {path}")
    if not path.stat().st_size:
        raise DataError(f"{path} is empty: it has no bytes")
    with files.decoding(path, "sound"):
        try:
            with for_libraries(path) as name, files.hushed():  # MP3's decoder speaks for itself
                file, reason = soundfile.SoundFile(name), ""
        except (soundfile.SoundFileError, TypeError) as error:  # TypeError: headerless formats, which say no rate
            file, reason = None, getattr(error, "error_string", "it has no header").strip().rstrip(".")
    # A length that is estimated, and one that a recorder left at 0, are no reason to lose what is there.
    if file is not None and (file.format in _ESTIMATED or not 0 < file.frames < _NEVER):
        file.close()
        file, reason = None, f"it has no samples of {file.format}"
    if file is None:
        return _contained(path, reason)
    try:
        _check_rate(path, file.samplerate)
        _check_length(path, file)
    except DataError:
        file.close()
        raise
    return file.samplerate, _blocks(path, file, soundfile.SoundFileError)


def _contained(path: Path, reason: str) -> tuple[int, Iterator[np.ndarray]]:
    """A sound by PyAV."""
    rate, pieces = containers.open_sound(path, need("av"), reason)
    _check_rate(path, rate)
    return rate, _gathered(path, pieces)


def _gathered(path: Path, pieces: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    waiting, count = [], 0
    for piece in pieces:
        # In one channel: a damaged file may continue with another number of them.
        waiting.append(piece.mean(1, dtype=np.float32, keepdims=True))
        count += len(piece)
        if count >= BLOCK:
            yield samples(np.concatenate(waiting), str(path))
            waiting, count = [], 0
    if count:
        yield samples(np.concatenate(waiting), str(path))


def _check_rate(path: Path, rate: int) -> None:
    if not LOWEST <= rate <= HIGHEST:
        raise DataError(f"{path} has {rate:,} samples a second; expected {LOWEST:,} to {HIGHEST:,}")


def _check_length(path: Path, file: Any) -> None:
    # libsndfile reads what is there of a file that was cut off, and only logs it, each format in words of its own.
    sizes = re.search(r"^ *(?:data|SSND|riff|Riff size|Data Size) *: (\d+) \(should be (\d+)\)", file.extra_info, re.M)
    promised, there = map(int, sizes.groups()) if sizes else (0, 0)
    seconds = file.frames / file.samplerate
    more = seconds * promised / max(there, 1)
    if promised < _UNKNOWN and more > seconds + SLACK:
        raise DataError(cut_off(path, seconds, more))
    if file.format == "OGG" and not _ends_with_a_page(path):
        raise DataError(f"{path} is cut off: its last page of sound is not whole. Copy it again")


def _ends_with_a_page(path: Path) -> bool:
    """Whether an Ogg file ends where a page does (RFC 3533): 27 bytes, a table of segments' lengths, the segments."""
    with open(path, "rb") as file:
        file.seek(-min(path.stat().st_size, 65_307), os.SEEK_END)  # no page is longer
        tail = file.read()
    page = tail[tail.rfind(b"OggS") :]
    return len(page) >= 27 and len(page) == 27 + page[26] + sum(page[27 : 27 + page[26]])


def _blocks(path: Path, file: Any, error_type: type) -> Iterator[np.ndarray]:
    done, promised, length = 0, file.frames, BLOCK * 8 // max(8, file.channels)
    with file:
        while True:
            quiet = files.hushed() if file.format == "MP3" else contextlib.nullcontext()
            with files.decoding(path, "sound"), quiet:
                try:
                    block = file.read(length, dtype="float32", always_2d=True)
                except error_type as error:
                    raise DataError(cut_off(path, done / file.samplerate, promised / file.samplerate)) from error
            if not len(block):
                break
            done += len(block)
            yield samples(block, str(path))
        if promised > done + SLACK * file.samplerate:
            raise DataError(cut_off(path, done / file.samplerate, promised / file.samplerate))
