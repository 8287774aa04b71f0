"""Several cells on one text, at equal parameters and equal time: what each one learns."""

import dataclasses
from io import BytesIO
from itertools import chain
from pathlib import Path
from typing import Any

import torch

from recurra import cells
from recurra.data import Documents
from recurra.errors import ConfigError, setting
from recurra.files import write
from recurra.fitting.listeners import read_metrics
from recurra.tasks.language.api import train
from recurra.tasks.language.config import TRANSFORMER, LanguageConfig
from recurra.tasks.language.model import LanguageModel
from recurra.text import build_vocabulary

PICTURE = "compare.png"


def sizes(names: list[str], documents: Documents, budget: int, parts: dict[str, Any]) -> dict[str, int]:
    """The hidden size of each cell at which its model has `budget` parameters on these texts: {"lstm": 131, ...}.

    parts: the four parts' settings. CellError for an unknown name, ConfigError for a budget that is too small.
    """
    for name in names:
        if name != TRANSFORMER:
            cells.get(name)
            cells.require_inputs_alone(name, "cells")
    chunks = chain.from_iterable(document.chunks() for document in documents)
    vocabulary = build_vocabulary(chunks, parts["text"], len(documents) > 1)
    model = parts["model"]
    if not model.context:  # what a transformer would have to read again
        model = dataclasses.replace(model, context=parts["data"].window)
    return {name: hidden_size(model, name, vocabulary, budget) for name in names}


def hidden_size(model: LanguageConfig, cell: str, vocabulary, budget: int) -> int:
    """The hidden size whose model comes nearest to a number of parameters. ConfigError if even one unit is too many."""
    # Units of a transformer come in whole heads.
    unit = 16 if cell == TRANSFORMER else 1
    if parameters(model, cell, vocabulary, unit) > budget:
        raise ConfigError(
            f"{setting('parameters')} is {budget:,}, but the embedding and softmax of "
            f"{len(vocabulary)} tokens leave nothing for "
            f"{cell}; give more, or a smaller {setting('embedding_size')}"
        )
    low, high = 1, 2
    while parameters(model, cell, vocabulary, high * unit) <= budget:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        fits = parameters(model, cell, vocabulary, middle * unit) <= budget
        low, high = (middle, high) if fits else (low, middle)
    return unit * min(low, high, key=lambda units: abs(parameters(model, cell, vocabulary, units * unit) - budget))


def parameters(model: LanguageConfig, cell: str, vocabulary, size: int) -> int:
    """The parameters of a model with this cell and hidden size. vocabulary: anything of its length."""
    # Nothing is computed on the meta device, so that even a huge model can be counted.
    with torch.device("meta"):
        made = LanguageModel(vocabulary, dataclasses.replace(model, cell=cell, hidden_size=size))
    return sum(parameter.numel() for parameter in made.parameters())


def train_one(documents: Documents, folder: Path, preset: str, values: dict[str, Any], quiet: bool) -> dict[str, Any]:
    """Train one model in a folder of its own: what it has learned, and how, as `row` gives it."""
    model = train(documents, folder, preset, quiet=quiet, **values)
    return row(folder, values["cell"], values["hidden_size"], sum(p.numel() for p in model.parameters()))


def row(folder: Path, cell: str, size: int, count: int) -> dict[str, Any]:
    """A trained model as a row of the comparison: its best loss in nats and bits a character, whether on held-out text,
    speed, time and steps."""
    curve = [event for event in read_metrics(folder) if event["event"] == "evaluate"]
    best = min(curve, key=lambda event: event["loss"])
    per_token = best["nats"] / best["loss"] if best["loss"] else 1.0
    return {
        "cell": cell,
        "hidden_size": size,
        "parameters": count,
        "nats": best["nats"],
        "bits_per_character": best["bits_per_character"],
        "held_out": "validation_loss" in best,
        "characters_per_second": curve[-1]["tokens_per_second"] / per_token,
        "seconds": curve[-1]["seconds"],
        "steps": curve[-1]["step"],
        "folder": str(folder),
        "curve": curve,
    }


def draw(folder: Path, rows: list[dict[str, Any]]) -> Path:
    """Two panels, as `compare.png` in the folder: bits per character against time, and against steps."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.5), dpi=120, layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    for axes, key, label in zip(panels, ("seconds", "step"), ("time (seconds)", "step"), strict=True):
        for one in rows:
            points = [(point[key], point["bits_per_character"]) for point in one["curve"]]
            axes.plot(*zip(*points, strict=True), marker="o", markersize=3, label=one["cell"])
        axes.set_xlabel(label)
        axes.grid(alpha=0.3)
    panels[0].set_ylabel(f"bits per character, {'held-out' if rows[0]['held_out'] else 'training'} text")
    figure.legend(
        *panels[0].get_legend_handles_labels(),
        title=f"about {rows[0]['parameters']:,}\nparameters",
        loc="outside right upper",  # within a panel it hides somebody's curve
    )
    content = BytesIO()
    FigureCanvasAgg(figure).print_png(content)
    write(folder / PICTURE, content.getvalue())
    return folder / PICTURE
