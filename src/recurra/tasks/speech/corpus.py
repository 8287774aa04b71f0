"""The recordings of a run, in its folder: all sound at one rate in one file, read from the disk as it is needed.

    sounds.i16    the samples of all recordings, one after the other, 16 bits each
    sounds.json   where each begins, what is said in it, which are for validation, and the sum of the file

So a run can resume where its recordings are gone, or were arrays.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from recurra import files
from recurra.config import shown
from recurra.errors import ConfigError, DataError, DtypeError, RunError
from recurra.tasks.speech.resample import Resampler
from recurra.tasks.speech.sound import check_rate, read

SOUNDS, INDEX = "sounds.i16", "sounds.json"
HIGHEST = 16_000  # samples a second, where the rate is left to the recordings
Example = tuple[Any, str]


class SpeechCorpus:
    """Recordings by number: `corpus.sound(3)` is (samples,) float32, `corpus.texts[3]` what is said in it.

    rate: samples a second. train, valid: the numbers of the recordings for each. notes: lines on what was left out and what
    is missing. sha256: of the samples.
    """

    def __init__(
        self,
        folder: Path,
        rate: int,
        starts: Sequence[int],
        texts: Sequence[str],
        valid: int,
        notes: list[str],
        sha256: str,
    ):
        self.rate, self.starts, self.texts, self.sha256 = rate, np.asarray(starts), list(texts), sha256
        self.notes = list(map(str, notes))
        self.train, self.valid = range(len(texts) - valid), range(len(texts) - valid, len(texts))
        self._samples = np.memmap(folder / SOUNDS, np.int16, "r")

    @property
    def lengths(self) -> np.ndarray:
        """Samples of each recording: (recordings,)."""
        return np.diff(self.starts)

    def sound(self, number: int) -> np.ndarray:
        return self._samples[self.starts[number] : self.starts[number + 1]].astype(np.float32) / np.float32(2**15)

    @classmethod
    def open(cls, folder: Path) -> "SpeechCorpus":
        """The recordings that `build` wrote. RunError if the files are damaged or missing."""
        try:
            index = files.read_json(folder / INDEX)
            found = _sum(folder / SOUNDS)
            if found != index["sha256"]:
                raise ValueError("the recordings have changed since")
            _check_index(index, (folder / SOUNDS).stat().st_size // 2)
            return cls(folder, *(index[name] for name in ("rate", "starts", "texts", "valid", "notes")), found)
        except RunError:
            raise
        except (OSError, ValueError, KeyError, TypeError, ConfigError) as error:
            raise RunError(
                f"the recordings in {folder} are damaged or missing ({error}); restore the folder from a copy, or train again"
            ) from error


def build(
    folder: Path,
    train: Sequence[Example],
    valid: Sequence[Example],
    rate: int,
    array_rate: int | None = None,
    report: Callable[[float], None] | None = None,
) -> SpeechCorpus:
    """Bring all recordings to one rate, in a run's folder.

    train, valid: (file or array, text). rate: samples a second; 0 = the lowest that comes, at most 16,000.
    array_rate: samples a second of arrays. report: called with the fraction that is done.

    A recording that cannot be read is left out, and counted in the notes. Where nothing is said its text is empty.
    Raises DataError if none can be read.
    """
    examples = pairs([*train, *valid])
    if not train:
        raise DataError("there are no recordings to learn from; expected pairs of a sound and its text")
    rates, failed = {}, {}
    for number, (sound, _) in enumerate(examples):
        try:
            rates[number] = _rate(sound, array_rate)
        except DataError as error:
            failed[number] = error.marked
    rate = rate or min(HIGHEST, *rates.values(), HIGHEST)
    starts, kept = [0], []
    with files.replacing(folder / SOUNDS) as part, open(part, "wb") as file:
        for done, number in enumerate(rates, 1):
            sound, count = examples[number][0], 0
            try:
                for block in _at(sound, rate, array_rate, number):
                    file.write(np.clip(np.rint(block * 2**15), -(2**15), 2**15 - 1).astype("<i2").tobytes())
                    count += len(block)
            except DataError as error:
                failed[number] = error.marked
                file.seek(2 * starts[-1])
                file.truncate()
                continue
            starts.append(starts[-1] + count)
            kept.append(number)
            if report:
                report(done / len(rates))
    if not kept or kept[0] >= len(train):
        raise DataError(
            f"none of the {len(train):,} recordings to learn from can be read, first: {failed[min(failed)]}"
        )
    texts = [examples[number][1] for number in kept]
    if not any(texts):
        raise DataError("nothing is said in any recording: every text is empty; expected a text for most of them")
    notes = _notes(failed, [name(examples[n][0], n) for n in kept if rates[n] < rate], len(examples), rate)
    index = {"rate": rate, "valid": sum(number >= len(train) for number in kept), "sha256": _sum(folder / SOUNDS)}
    index |= {"starts": starts, "texts": texts, "notes": notes}
    files.write(folder / INDEX, files.to_json(index))
    return SpeechCorpus(folder, rate, starts, texts, index["valid"], notes, index["sha256"])


def _notes(failed: dict[int, str], narrow: list[str], count: int, rate: int) -> list[str]:
    notes = []
    if failed:
        notes.append(
            f"left out {len(failed):,} of {count:,} recordings that cannot be read, first: {failed[min(failed)]}"
        )
    if narrow:
        notes.append(
            f"{len(narrow):,} of {count:,} recordings have fewer than {rate:,} samples a second, such as {narrow[0]}: the upper"
            " part of their bands is empty"
        )
    return notes


def name(sound: Any, number: int) -> str:
    """What a recording is called in messages: its file, or its number."""
    return str(sound) if isinstance(sound, str | Path) else f"recording {number}"


def pairs(examples: Iterable[Any]) -> list[Example]:
    """Recordings and their texts, with single spaces. DataError and DtypeError for what are no such pairs."""
    found = []
    for number, example in enumerate(examples):
        if not isinstance(example, tuple | list) or len(example) != 2:
            raise DataError(f"recording {number} is {type(example).__name__}; expected a pair: (file or array, text)")
        sound, text = example
        if not isinstance(text, str):
            raise DtypeError(f"the text of {name(sound, number)} is {type(text).__name__}; expected str")
        found.append((sound, " ".join(text.split())))
    return found


def _rate(sound: Any, array_rate: int | None) -> int:
    found, blocks = read(sound, array_rate)
    blocks.close()
    return found


def _at(sound: Any, rate: int, array_rate: int | None, number: int) -> Iterable[np.ndarray]:
    try:
        found, blocks = read(sound, array_rate)
        resampler = Resampler(check_rate(found), rate)
        for block in blocks:
            yield resampler.feed(block)
        yield resampler.feed(np.empty(0, np.float32), last=True)
    except DataError as error:
        if isinstance(sound, str | Path):
            raise
        raise DataError(f"{name(sound, number)}: {error.marked}") from error


def _check_index(index: dict[str, Any], samples: int) -> None:
    """Raise ValueError, or TypeError, where an index does not part so many samples."""
    starts, texts = index["starts"], index["texts"]
    check_rate(index["rate"])
    if (
        not all(type(start) is int for start in starts)
        or sorted(starts) != starts
        or (starts[:1], starts[-1:]) != ([0], [samples])
    ):
        raise ValueError(f"its starts do not part {samples:,} samples")
    if len(texts) != len(starts) - 1 or not all(isinstance(text, str) for text in texts):
        raise ValueError("its texts are not one for each recording")
    if type(index["valid"]) is not int or not 0 <= index["valid"] <= len(texts):
        raise ValueError(f"`valid` is {shown(index['valid'])}")


def _sum(path: Path) -> str:
    with files.opened(path, most=1 << 60) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
