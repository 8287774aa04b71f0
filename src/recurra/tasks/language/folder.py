"""A language model's folder: where it is, and what is in it.

    config.json        the settings of every part, the versions, the sources
    vocabulary.json    what the ids mean                model.safetensors  the best weights
    corpus.bin, .json  the text as ids                  state.safetensors  all that resuming needs
    metrics.jsonl      what was measured, step by step  loss.png           the same as a picture

The last three lines are there after training; a saved model needs only config, vocabulary and weights.
"""

from pathlib import Path
from typing import Any

from recurra.fitting import folders
from recurra.tasks.language.config import CONFIGS
from recurra.tasks.language.model import LanguageModel
from recurra.text import Vocabulary
from recurra.training import runs

SCHEMA = "language/1"


def write_settings(folder: Path, parts: dict[str, Any], sources: list[str]) -> None:
    """Write config.json: the mark that a folder is ready for training."""
    folders.write_settings(folder, SCHEMA, parts, sources=sources)


def read_settings(folder: Path) -> dict[str, Any]:
    """The settings in config.json, by part: all four for a run, "model" alone for a saved model."""
    return folders.read_settings(folder, SCHEMA, CONFIGS)[0]


def save(model: LanguageModel, folder: str | Path) -> None:
    """Write what `load` needs. RunError where the folder holds another run, or cannot be written."""
    with folders.saving(folder) as place:
        folders.write_vocabulary(place, model.vocabulary)
        runs.write_weights(model, place, step=None, loss=None)
        write_settings(place, {"model": model.config}, [])


def load(name: str | Path) -> LanguageModel:
    """Open a model, on the CPU and ready to generate: `load("runs/book-1")`, or `load("book-1")`.

    RunError, in one line, for a folder that is missing, damaged or of another program.
    """
    folder = folders.find(name)
    settings = read_settings(folder)["model"]  # first: it says where a run is of something else
    model = build(folders.read_vocabulary(folder), settings, seed=0)
    runs.load_weights(model, folder)
    model.folder = folder
    return model.eval()


def build(vocabulary: Vocabulary, settings: Any, seed: int) -> LanguageModel:
    """A new model whose weights follow from the seed; the caller's random state goes on undisturbed."""
    return folders.seeded(lambda: LanguageModel(vocabulary, settings), seed)
