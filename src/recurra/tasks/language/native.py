"""A run's model for writing alone: read with NumPy and run by the engine, without PyTorch."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from recurra import cells, generation, tensorfiles
from recurra.backends.cpu.library import Unavailable
from recurra.engine import Engine, LayerParts, ModelParts, library
from recurra.engine.parts import Weight, Whole
from recurra.errors import RunError
from recurra.fitting import cellfacts, folders, learned
from recurra.tasks.language.config import CONFIGS, SCHEMA, TRANSFORMER, LanguageConfig
from recurra.tasks.language.learned import Text
from recurra.training import names


class NativeModel:
    """Writes as a LanguageModel does: `model.generate("Once ")`, `model.stream(...)`; it can be neither trained nor changed."""

    def __init__(self, text: Text, config: LanguageConfig, parts: ModelParts, folder: Path):
        self.vocabulary, self.prelude, self.items = text.vocabulary, text.prelude, text.items
        self.config, self.parts, self.folder = config, parts, folder
        self.stored = "int8" if isinstance(parts.head, Whole) else "float32"
        self._engines: dict[str, Engine] = {}

    def engine(self, precision: str = "float32") -> Engine:
        """The engine in this precision, made at the first question."""
        if precision not in self._engines:
            self._engines[precision] = Engine(self.parts, precision)
        return self._engines[precision]

    def generate(self, prompt: str = "", length: int = 500, **options) -> str | list[str]:
        """As `LanguageModel.generate`."""
        samples = generation.generate(self, self.vocabulary, prompt, **self._options(length, options))
        return samples[0].text if len(samples) == 1 else [sample.text for sample in samples]

    def stream(self, prompt: str = "", length: int = 500, **options) -> Iterator[str]:
        """As `LanguageModel.stream`."""
        pieces = generation.stream(self, self.vocabulary, prompt, **self._options(length, options))
        return (piece.text for piece in pieces)

    def explain(self, precision: str | None = None) -> str:
        """As `LanguageModel.explain`."""
        return str(generation.way(self, precision))

    def _options(self, length: int, options: dict[str, Any]) -> dict[str, Any]:
        return {"length": length, "context": self.config.context, "stop_at_document_end": bool(self.items)} | options


def open(name: str | Path) -> NativeModel:
    """Open a run for writing: `open("runs/book-1").generate("Once ")`. PyTorch is not imported.

    Unavailable if the engine cannot run it; RunError, in one line, for a folder that is missing, damaged or of another task.
    """
    folder = folders.find(name)
    settings, about = folders.read_settings(folder, SCHEMA, CONFIGS)
    config = settings["model"]
    if config.cell == TRANSFORMER:
        raise Unavailable("it runs recurrent layers, and this is a transformer")
    cellfacts.compare(about.get("cell"), settings, folder)
    cell = cells.built_in().get(config.cell) or cells.get(config.cell)
    library.functions()
    step = library.step(cell)
    text = learned.read(Text, about.get("learned", {}), folder)
    if (folder / names.STATE).exists() and not (folder / names.WEIGHTS).exists():
        raise Unavailable("it has no best weights yet")  # the loader for PyTorch raises the error message
    path = folder / names.WEIGHTS
    arrays, _ = tensorfiles.arrays(path, names.SCHEMA[names.WEIGHTS])
    return NativeModel(text, config, _parts(_Weights(arrays, path), config, len(text.vocabulary), step), folder)


class _Weights:
    """The arrays of a file, each taken once with the shape it must have."""

    def __init__(self, arrays: dict[str, np.ndarray], path: Path):
        self.arrays, self.path = dict(arrays), path

    def take(self, name: str, *shape: int) -> np.ndarray:
        if name not in self.arrays:
            raise RunError(f"{self.path}: `{name}` is missing; the file is from a model of another kind")
        array = self.arrays.pop(name)
        if array.shape != shape or array.dtype != np.float32:
            raise RunError(f"{self.path}: `{name}` is {array.shape} {array.dtype}; this model has {shape} float32")
        return array

    def matrix(self, name: str, *shape: int) -> Weight:
        """The same, or a matrix that was written in int8 with its scales."""
        scale, numbers = f"{name}.scale", self.arrays.get(name)
        if scale not in self.arrays or numbers is None or numbers.dtype != np.int8 or numbers.shape != shape:
            return self.take(name, *shape)
        return Whole(self.arrays.pop(name), self.take(scale, shape[0]))

    def end(self) -> None:
        for name in self.arrays:
            raise RunError(f"{self.path}: `{name}` is no part of this model; the file is from a model of another kind")


def _parts(weights: _Weights, config: LanguageConfig, tokens: int, step: library.Step) -> ModelParts:
    cell, x, h = step.cell, step.meta.fields["x_gates"], step.meta.fields["h_gates"]
    size, layers = config.hidden_size, []
    for k in range(config.num_layers):
        end, inputs = f"_l{k}", config.embedding_size if k == 0 else size
        layers.append(
            LayerParts(
                cell=cell,
                w_x=weights.matrix(f"layers.weight_ih{end}", x * size, inputs),
                w_h=weights.matrix(f"layers.weight_hh{end}", h * size, size) if h else None,
                b_x=weights.take(f"layers.bias_ih{end}", x * size),
                b_h=weights.take(f"layers.bias_hh{end}", h * size) if h else None,
                vectors={name: weights.take(f"layers.{name}{end}", size) for name in cell.vectors},
                zone=(config.zoneout,) * len(cell.state_names) if config.zoneout else (),
                residual=bool(config.residual and k),
            )
        )
    embedding = weights.matrix("embedding.weight", tokens, config.embedding_size)
    head = embedding if config.tie_weights else weights.matrix("head.weight", tokens, size)
    parts = ModelParts(embedding, tuple(layers), head, weights.take("head.bias", tokens), config.scale)
    weights.end()
    return parts
