"""The pieces of a run, in its folder: pieces.safetensors, a bit for each key that sounds in a step or is struck again."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from recurra import tensorfiles
from recurra.errors import ConfigError, RunError
from recurra.tasks.music.form import Form
from recurra.tasks.music.piece import Piece
from recurra.tasks.music.sources import PARTS, Pieces

FILE, SCHEMA = "pieces.safetensors", "pieces/3"


def write_pieces(folder: Path, pieces: Pieces) -> None:
    """Write the pieces, their form and the notes on how they were read."""
    strikes = pieces.strikes
    content = {
        f"{part}.{number}": torch.from_numpy(np.packbits(piece.rows(strikes), axis=1))
        for part, some in pieces.parts.items()
        for number, piece in enumerate(some)
    }
    tensorfiles.write(folder / FILE, content, {"schema": SCHEMA, "form": asdict(pieces.form), "notes": pieces.notes})


def read_pieces(folder: Path) -> Pieces:
    """What `write_pieces` wrote. RunError if it is damaged."""
    content, about = tensorfiles.read(folder / FILE, SCHEMA)
    parts: dict[str, list[Piece]] = {part: [] for part in PARTS}
    try:
        form = Form(**{name: tuple(v) if isinstance(v, list) else v for name, v in about["form"].items()})
        for name in sorted(content, key=lambda name: int(name.split(".")[1])):
            rows = np.unpackbits(content[name].numpy(), axis=1).astype(bool)  # 88 is 11 bytes, without a bit too many
            parts[name.split(".")[0]].append(Piece.from_rows(rows, form, name))
        return Pieces(parts, split=True, form=form, notes=list(about["notes"]))
    except (ConfigError, KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise RunError(f"{folder / FILE} is damaged: {error}. Restore it from a copy, or train again") from error
