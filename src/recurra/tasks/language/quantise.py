"""A run → a quarter of it: its matrices in int8, in a folder that everything opens."""

import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from recurra import tensorfiles
from recurra.backends.cpu.library import Unavailable
from recurra.data import Corpus, DataConfig, build_corpus
from recurra.data.items import as_setting
from recurra.engine.parts import LayerParts, ModelParts, Whole, quantised
from recurra.errors import ConfigError, RunError, setting
from recurra.fitting import folders, saved
from recurra.tasks.language import native, scoring
from recurra.tasks.language.config import SCHEMA
from recurra.tasks.language.learned import Text
from recurra.training.names import SCHEMA as FORMATS
from recurra.training.names import WEIGHTS

MOST = 0.5
"""Percent by which the loss may rise."""


class Quantised(NamedTuple):
    """A model that was written in int8, and what it costs."""

    folder: Path
    bytes_before: int
    bytes_after: int
    loss_before: float | None
    """Nats a token on held-out text, in float32; None if there was no text to measure on."""
    loss_after: float | None

    @property
    def rise(self) -> float | None:
        """Percent by which the loss rose."""
        return None if self.loss_before is None else 100 * (self.loss_after / self.loss_before - 1)


def quantise(run: str | Path, out: str | Path | None = None, text: Any = None, most: float = MOST) -> Quantised:
    """Write a run's model in int8: `quantise("runs/book-1")` → runs/book-1-int8, a quarter of the size.

    out: the new folder; default the run's name and -int8. text: what to measure the loss on, as in `evaluate`; default the
    validation text in the run's folder. most: percent by which the loss may rise; beyond it nothing is written.
    RunError for a model that the engine cannot run, that is in int8 already, or whose loss would rise by more.
    """
    if not most >= 0:
        raise ConfigError(f"{setting('most')} is {most}; expected a percentage from 0 up, such as 0.5")
    try:
        model = native.open(run)
    except Unavailable as reason:
        raise RunError(f"{run} cannot be quantised, since the engine cannot run it: {reason}") from reason
    if model.stored == "int8":
        raise RunError(f"{model.folder} is in int8 already")
    folder = Path(out) if out is not None else model.folder.with_name(f"{model.folder.name}-int8")
    before, after = _losses(model, text)
    if before is not None and after > before * (1 + most / 100):
        raise RunError(
            f"int8 raises the loss of {model.folder} on held-out text by {100 * (after / before - 1):.2f} % "
            f"({before:.4f} to {after:.4f} nats a token), more than {setting('most', most)} percent; keep float32, try "
            "bfloat16 when it writes, or allow more"
        )
    tensors = tensors_of(quantised(model.parts))
    with folders.saving(folder) as place:
        tensorfiles.write_arrays(place / WEIGHTS, tensors, {"schema": FORMATS[WEIGHTS], "precision": "int8"})
        saved.write(place, SCHEMA, {"model": model.config}, Text(model.vocabulary, model.prelude, model.items))
    sizes = [(where / WEIGHTS).stat().st_size for where in (model.folder, folder)]
    return Quantised(folder, *sizes, before, after)


def _losses(model: native.NativeModel, text: Any) -> tuple[float | None, float | None]:
    ids = _held_out(model, text)
    if ids is None or len(ids) < 2:
        return None, None
    before, after = (
        scoring.measure(model.engine(precision), model.vocabulary, ids, model.vocabulary.eod)["loss"]
        for precision in ("float32", "int8")
    )
    return before, after


def _held_out(model: native.NativeModel, text: Any) -> np.ndarray | None:
    if text is not None:
        with tempfile.TemporaryDirectory() as place:
            return np.array(
                build_corpus(
                    text,
                    Path(place),
                    data=DataConfig(validation=0.0, items=as_setting(model.items)),
                    vocabulary=model.vocabulary,
                ).ids
            )
    return Corpus.open(model.folder).valid if (model.folder / "corpus.json").is_file() else None


def tensors_of(parts: ModelParts) -> dict[str, np.ndarray]:
    """The arrays of a model by the names of a LanguageModel's weights; a matrix in int8 has its scales beside it."""
    named: dict[str, np.ndarray | Whole | None] = {"embedding.weight": parts.embedding, "head.bias": parts.head_bias}
    if parts.head is not parts.embedding:
        named["head.weight"] = parts.head
    for k, layer in enumerate(parts.layers):
        named |= {f"layers.{name}_l{k}": value for name, value in _of_layer(layer).items()}
    found = {}
    for name, value in named.items():
        if isinstance(value, Whole):
            found |= {name: value.numbers, f"{name}.scale": value.scale}
        elif value is not None:
            found[name] = value
    return found


def _of_layer(layer: LayerParts) -> dict[str, np.ndarray | Whole | None]:
    named = {"weight_ih": layer.w_x, "weight_hh": layer.w_h, "bias_ih": layer.b_x, "bias_hh": layer.b_h}
    return named | layer.vectors
