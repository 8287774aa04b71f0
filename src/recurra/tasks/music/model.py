"""The music model: 88 keys, and which are struck again → recurrent stack → those of the next step."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from recurra import cells
from recurra.errors import ShapeError
from recurra.fitting import saved
from recurra.fitting.history import History
from recurra.nn import Recurrent
from recurra.tasks.music.chord import HEADS
from recurra.tasks.music.config import SCHEMA, MusicConfig
from recurra.tasks.music.form import KEYS, Form
from recurra.tasks.music.piece import Piece


@dataclass(frozen=True)
class Music:
    """What a music model learns beside its weights."""

    form: Form
    """What most pieces have: the grid, the tempo, the metre, the instrument."""
    strikes: bool
    """Whether keys are struck again in the pieces."""


class MusicModel(nn.Module):
    """What comes next: `hidden, state = model(keys)`, then `model.head.nats(hidden, next_keys)`.

    config: the layers. form: what the steps stand for; pieces are composed in it. strikes: whether it sets apart a key that is
    struck again from one that is held: then a row has 176 columns, the keys that sound and those of them that are struck again.
    `history` has its evaluations. `folder` is where it was trained or loaded from, if anywhere.
    """

    def __init__(self, config: MusicConfig | None = None, form: Form | None = None, strikes: bool = False):
        super().__init__()
        config = config or MusicConfig()
        self.config, self.form, self.strikes = config, form or Form(), strikes
        self.width = 2 * KEYS if strikes else KEYS
        self.folder: Path | None = None
        self.history = History()
        self.layers = Recurrent(
            config.cell,
            self.width,
            config.hidden_size,
            config.num_layers,
            # Between layers only; with a single one there is no such place.
            dropout=config.dropout if config.num_layers > 1 else 0.0,
            input_dropout=config.input_dropout,
            output_dropout=config.dropout,
            recurrent_dropout=_recurrent_dropout(config),
            weight_dropout=config.weight_dropout,
            init="recommended",
            # Keys are zeros and ones.
            check_finite=False,
        )
        self.head = HEADS[config.head](config.hidden_size, KEYS, config.chord_size, strikes)

    @property
    def device(self) -> torch.device:
        return self.head.output.weight.device

    def forward(self, keys: Tensor, state: Any = None, lengths: Tensor | None = None) -> tuple[Tensor, Any]:
        """Read steps: keys (time, batch, 88 or 176) of zeros and ones → hidden (time, batch, hidden), and the state after them.

        The hidden row of a step predicts the next one; before the first, a step of silence is read. state: what an
        earlier call returned; default zeros. lengths: (batch,) steps of each. ShapeError for keys of another form.
        """
        if keys.ndim != 3 or keys.shape[-1] != self.width:
            raise ShapeError(f"MusicModel: `keys` is {tuple(keys.shape)}; expected (time, batch, {self.width})")
        return self.layers(keys, state, lengths=lengths)

    def compose(self, prompt: Piece | str | Path | None = None, *, seed: int | None = None, **options) -> Piece:
        """Compose: `model.compose(length=16, unit="bars", seed=1)`, or continue a MIDI file, `model.compose("a.mid")`.

        prompt: the piece to continue, a Piece or a MIDI file; default a beginning of its own. seed: the same one gives the
        same piece. options: the fields of `CompositionConfig`. Returns a Piece; `.save("new.mid")` writes it.
        """
        from recurra.tasks.music.compose import compose

        return compose(self, prompt, seed, **options)

    def save(self, folder: str | Path) -> None:
        """Write what `load` needs into a folder: config.json, model.safetensors."""
        saved.save(folder, self, SCHEMA, {"model": self.config}, Music(self.form, self.strikes))


def _recurrent_dropout(config: MusicConfig) -> float:
    if config.recurrent_dropout is not None:
        return config.recurrent_dropout
    return config.dropout if cells.get(config.cell).recurrent else 0.0
