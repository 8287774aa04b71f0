"""A music model's folder: where it is, and what is in it.

    config.json         the settings of every part, the form of the pieces, the sources
    model.safetensors   the best weights
    pieces.safetensors  the pieces, in their parts            state.safetensors  all that resuming needs
    metrics.jsonl       what was measured, step by step       loss.png           the same as a picture

The last two lines are there after training; a saved model needs only config and weights.
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from recurra import tensorfiles
from recurra.errors import ConfigError, RunError
from recurra.fitting import folders
from recurra.tasks.music.config import CONFIGS
from recurra.tasks.music.model import MusicModel
from recurra.tasks.music.piece import KEYS, Form, Piece
from recurra.training import runs

SCHEMA, PIECES = "music/1", "pieces.safetensors"


def write_settings(folder: Path, parts: dict[str, Any], form: Form, sources: list[str]) -> None:
    """Write config.json: the mark that a folder is ready for training."""
    folders.write_settings(folder, SCHEMA, parts, form=asdict(form), sources=sources)


def read_settings(folder: Path) -> tuple[dict[str, Any], Form]:
    """The settings in config.json, by part, and the pieces' form."""
    parts, about = folders.read_settings(folder, SCHEMA, CONFIGS)
    try:
        form = Form(**{name: tuple(v) if isinstance(v, list) else v for name, v in about["form"].items()})
    except (ConfigError, KeyError, TypeError, AttributeError) as error:
        raise RunError(f"{folder / folders.CONFIG} is damaged: `form` in it is not as expected") from error
    return parts, form


def write_pieces(folder: Path, parts: dict[str, list[Piece]]) -> None:
    """Write the pieces: the keys of a step take 11 bytes."""
    content = {
        f"{part}.{number}": torch.from_numpy(np.packbits(piece.roll, axis=1))
        for part, pieces in parts.items()
        for number, piece in enumerate(pieces)
    }
    tensorfiles.write(folder / PIECES, content, {"schema": "pieces/1"})


def read_pieces(folder: Path, form: Form) -> dict[str, list[Piece]]:
    """The pieces of a run, by part."""
    content, _ = tensorfiles.read(folder / PIECES, "pieces/1")
    parts: dict[str, list[Piece]] = {"train": [], "valid": [], "test": []}
    for name in sorted(content, key=lambda name: int(name.split(".")[1])):
        roll = np.unpackbits(content[name].numpy(), axis=1, count=KEYS).astype(bool)
        parts[name.split(".")[0]].append(Piece(roll, form, name))
    return parts


def save(model: MusicModel, folder: str | Path) -> None:
    """Write what `load` needs. RunError where the folder holds a run, or cannot be written."""
    folder = Path(folder)
    folders.refuse_a_run(folder)
    folders.make(folder)
    runs.write_weights(model, folder, step=None, loss=None)
    write_settings(folder, {"model": model.config}, model.form, [])


def load(name: str | Path) -> MusicModel:
    """Open a model, on the CPU and ready to compose: `load("runs/songs-1")`, or `load("songs-1")`.

    RunError, in one line, for a folder that is missing, damaged or of another task.
    """
    folder = folders.find(name)
    parts, form = read_settings(folder)
    model = build(parts["model"], form, seed=0)
    runs.load_weights(model, folder)
    model.folder = folder
    return model.eval()


def build(settings: Any, form: Form, seed: int) -> MusicModel:
    """A new model whose weights follow from the seed; the caller's random state goes on undisturbed."""
    return folders.seeded(lambda: MusicModel(settings, form), seed)
