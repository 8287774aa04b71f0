"""A recogniser's folder.

config.json         the settings of every part    vocabulary.json    what the scores stand for
model.safetensors   the best weights              sounds.i16, .json  the recordings (a run's only)
"""

from pathlib import Path
from typing import Any

from recurra.fitting import folders
from recurra.tasks.speech.config import CONFIGS, SpeechConfig
from recurra.tasks.speech.model import SpeechModel
from recurra.text import Vocabulary
from recurra.training import runs

SCHEMA = "speech/1"


def write_settings(folder: Path, parts: dict[str, Any], sources: list[str]) -> None:
    """Write config.json: the mark that a folder is ready for training."""
    folders.write_settings(folder, SCHEMA, parts, sources=sources)


def read_settings(folder: Path) -> dict[str, Any]:
    """The settings in config.json, by part: all of them for a run, "model" alone for a saved model."""
    return folders.read_settings(folder, SCHEMA, CONFIGS)[0]


def save(model: SpeechModel, vocabulary: Vocabulary, folder: Path) -> None:
    """Write what `load` needs. RunError where the folder holds a training run, or cannot be written."""
    folders.refuse_a_run(folder)
    folders.make(folder)
    folders.write_vocabulary(folder, vocabulary)
    runs.write_weights(model, folder, step=None, loss=None)
    write_settings(folder, {"model": model.config}, [])


def load(folder: Path) -> tuple[SpeechModel, Vocabulary]:
    """A fitted model, on the CPU, and its vocabulary. RunError, in one line, for a damaged or foreign folder."""
    settings = read_settings(folder)["model"]  # first: it says where a run is of something else
    vocabulary = folders.read_vocabulary(folder)
    model = build(vocabulary, settings, seed=0)
    runs.load_weights(model, folder)
    return model.eval(), vocabulary


def build(vocabulary: Vocabulary, config: SpeechConfig, seed: int) -> SpeechModel:
    """A new model whose weights follow from the seed."""
    return folders.seeded(lambda: SpeechModel(len(vocabulary), config), seed)
