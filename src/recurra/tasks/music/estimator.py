"""Pieces → a music model: what is its own in the lifecycle of a run."""

from pathlib import Path
from typing import Any

import torch

from recurra.errors import DataError
from recurra.fitting.estimator import ModelEstimator
from recurra.fitting.report import SHOWN, compared, shortened, spread
from recurra.fitting.split import fingerprint
from recurra.tasks.music.config import CONFIGS, DEFAULTS, SCHEMA, settings
from recurra.tasks.music.corpus import read_pieces, write_pieces
from recurra.tasks.music.measure import evaluate
from recurra.tasks.music.model import Music, MusicModel
from recurra.tasks.music.piece import Piece
from recurra.tasks.music.sources import Pieces, read
from recurra.tasks.music.task import MusicTask


class MusicEstimator(ModelEstimator):
    """Fits a MusicModel: `MusicEstimator(epochs=20).fit("songs/").model.compose()`; `music.train` is short for it.

    What is fitted on: a MIDI file, a folder of them, a .json or .mat file of piano rolls, Pieces, a dict of parts, or a list
    of those. settings: any field of MusicDataConfig, MusicConfig and TrainingConfig.
    """

    schema, configs, defaults = SCHEMA, CONFIGS, DEFAULTS
    command, takes = "compose", "pieces"
    Learned = Music

    def _checked(self, more: dict[str, Any] | None = None) -> dict[str, Any]:
        return settings(**(more or {}) | self._settings)

    def check(self) -> None:
        with torch.device("meta"):  # computes nothing, and shows what the layers refuse
            MusicModel(self.parts["model"])

    def store(self, data: Any, validation: Any, folder: Path) -> None:
        config = self.parts["data"]
        pieces = read(data, config.steps_per_beat, config.validation if validation is None else 0.0)
        if validation is not None:
            held = read(validation, pieces.form.steps_per_beat)
            pieces.parts["valid"] = [piece for part in held.parts.values() for piece in part]
            pieces.notes += held.notes
        if not pieces.parts["train"]:
            raise DataError("there is no piece to train on: the part `train` is empty")
        write_pieces(folder, pieces)

    def stored(self, folder: Path) -> Pieces:
        return read_pieces(folder)

    def fingerprint(self, data: Pieces) -> str:
        return fingerprint([[piece.rows(data.strikes) for piece in data.parts[part]] for part in ("train", "valid")])

    def learn(self, data: Pieces) -> Music:
        return Music(data.form, data.strikes)

    def network(self, parts: dict[str, Any], learned: Music) -> MusicModel:
        return MusicModel(parts["model"], learned.form, learned.strikes)

    def task(self, model: MusicModel, data: Pieces) -> MusicTask:
        self._state.examples = [data.parts["valid"][n] for n in spread(len(data.parts["valid"]), 2 * SHOWN)]
        return MusicTask(model, data.parts, self.parts["data"], self.parts["training"].seed)

    def notes(self, data: Pieces, task: MusicTask) -> list[str]:
        return data.notes

    def score(self, source: Any) -> float:
        """Minus the nats a step on other pieces: more is better. `recurra.tasks.music.evaluate` gives all measures."""
        return -evaluate(self.model, source)["nats"]

    def examples(self) -> list[str]:
        """Of pieces held out: the first change behind the middle, and what the model takes for the likeliest step there."""
        rows = []
        for piece in self._fitted().examples or []:
            at = next((n for n in range(len(piece) // 2, len(piece)) if n and changes(piece, n)), None)
            if at is not None:
                found = self.model.compose(
                    piece.cut(at), seed=0, length=1, unit="steps", temperature=0.0, keep_prompt=False
                )
                rows.append((f"{piece.name}, {piece.part(max(0, at - 3), at).chords()}", found, piece.part(at, at + 1)))
        return compared((shortened(given, 80), found.chords(), wanted.chords()) for given, found, wanted in rows)

    def next(self) -> str:
        return f"recurra compose --model {self._named()} --to new.mid"


def changes(piece: Piece, at: int) -> bool:
    """Whether other keys sound at a step than before it, or one is struck again."""
    return bool((piece.roll[at] != piece.roll[at - 1]).any() or piece.struck[at].any())
