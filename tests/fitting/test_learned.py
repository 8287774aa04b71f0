"""What is learned beside the weights, in a folder and back."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from recurra import files
from recurra.errors import RunError
from recurra.fitting import learned
from recurra.fitting.learned import Filed


@dataclass(frozen=True)
class Lines(Filed):
    lines: tuple[str, ...]

    def write(self, path: Path) -> None:
        files.write(path.with_suffix(".txt"), "\n".join(self.lines))

    @classmethod
    def read(cls, path: Path) -> "Lines":
        try:
            return cls(tuple(path.with_suffix(".txt").read_text("utf-8").split("\n")))
        except OSError as error:
            raise RunError(f"{path}.txt is missing") from error


@dataclass(frozen=True)
class Scale:
    mean: float
    words: list[list]


@dataclass(frozen=True)
class Facts:
    scale: Scale
    story: Lines


def test_a_part_that_is_a_file_is_written_and_read(tmp_path):
    facts = Facts(Scale(2.0, [[1.5, 2], ["a"]]), Lines(("one", "two")))
    content = learned.write(facts, tmp_path)
    assert content == {"scale": {"mean": 2.0, "words": [[1.5, 2], ["a"]]}, "story": True}
    assert (tmp_path / "story.txt").read_text("utf-8") == "one\ntwo"
    assert learned.read(Facts, content, tmp_path) == facts
    (tmp_path / "story.txt").unlink()
    with pytest.raises(RunError, match=r"story\.txt is missing"):
        learned.read(Facts, content, tmp_path)
    with pytest.raises(RunError, match=r"config\.json is damaged: .*expected scale, story, not"):
        learned.read(Facts, {"scale": content["scale"]}, tmp_path)


def test_arrays_keep_their_type(tmp_path):
    @dataclass(frozen=True)
    class Array:
        values: np.ndarray

    kept = learned.read(Array, learned.write(Array(np.array([1.5, 2], np.float32)), tmp_path), tmp_path)
    assert kept.values.dtype == np.float32
    assert kept.values.tolist() == [1.5, 2]
