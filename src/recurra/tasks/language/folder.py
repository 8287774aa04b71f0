"""A language model's folder: where it is, and what is in it.

    config.json        the settings of every part, the versions, the sources
    vocabulary.json    what the ids mean                model.safetensors  the best weights
    corpus.bin, .json  the text as ids                  state.safetensors  all that resuming needs
    metrics.jsonl      what was measured, step by step  loss.png           the same as a picture

The last three lines are there after training; a saved model needs only config, vocabulary and weights.
"""

import dataclasses
import json
from pathlib import Path
from typing import Any

import torch

import recurra
from recurra import config
from recurra.errors import ConfigError, RunError
from recurra.tasks.language.config import CONFIGS
from recurra.tasks.language.model import LanguageModel
from recurra.text import Vocabulary, vocabulary_from_json
from recurra.training import files, runs

SCHEMA = "language/1"
CONFIG, VOCABULARY = "config.json", "vocabulary.json"
RUNS = Path("runs")


def new(name: str) -> Path:
    """Make the next free folder for a run: `new("book")` → runs/book-1, runs/book-2 ..."""
    number = 1
    while True:
        folder = RUNS / f"{name}-{number}"
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            number += 1
        except OSError as error:
            raise RunError(f"the folder {folder} cannot be made: {error.strerror}; name another with `out`") from error
        else:
            return folder


def find(name: str | Path) -> Path:
    """The folder of a run, from its path or its name under runs/. RunError, with the nearest name, where there is none."""
    for folder in (Path(name), RUNS / name):
        if (folder / CONFIG).is_file():
            return folder
    if Path(name).exists():
        raise RunError(
            f"{name} is not the folder of a finished set-up: it has no {CONFIG}. If its training never began, start it again"
        )
    known = sorted(path.parent.name for path in RUNS.glob(f"*/{CONFIG}"))
    hint = config.nearest(str(name), known) if known else f"there are no runs in {RUNS.absolute()} yet"
    raise RunError(f"there is no run {str(name)!r}; {hint}")


def write_settings(folder: Path, parts: dict[str, Any], sources: list[str]) -> None:
    """Write config.json: the mark that a folder is ready for training."""
    about = {"schema": SCHEMA, "recurra": recurra.__version__, "sources": sources}
    about |= {part: dataclasses.asdict(settings) for part, settings in parts.items()}
    files.write(folder / CONFIG, json.dumps(about, indent=2, ensure_ascii=False) + "\n")


def read_settings(folder: Path) -> dict[str, Any]:
    """The settings in config.json, by part: all four for a run, "model" alone for a saved model."""
    path = folder / CONFIG
    try:
        about = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"{path} is damaged: {error}. Restore it from a copy, or train again") from error
    if not isinstance(about, dict) or about.get("schema") != SCHEMA:
        schema = about.get("schema") if isinstance(about, dict) else None
        raise RunError(f"{path} has the format {schema!r}; this version of Recurra reads {SCHEMA!r}")
    try:
        return {part: config.make(cls, about[part]) for part, cls in CONFIGS.items() if part in about}
    except (ConfigError, TypeError) as error:
        written = about.get("recurra", "?")
        raise RunError(
            f"{path}, written by Recurra {written}, does not fit version {recurra.__version__}: {error}"
        ) from error


def read_vocabulary(folder: Path) -> Vocabulary:
    path = folder / VOCABULARY
    try:
        return vocabulary_from_json(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise RunError(f"{path} cannot be read: {error}. Restore it from a copy, or train again") from error
    except RunError as error:
        raise RunError(f"{path}: {error}") from error


def save(model: LanguageModel, folder: str | Path) -> None:
    """Write what `load` needs. RunError where the folder holds another run, or cannot be written."""
    folder = Path(folder)
    if (folder / runs.STATE).exists():
        raise RunError(f"{folder} holds a training run, which saving a model would break; choose another folder")
    make(folder)
    files.write(folder / VOCABULARY, model.vocabulary.to_json())
    runs.write_weights(model, folder, step=None, loss=None)
    write_settings(folder, {"model": model.config}, [])


def load(name: str | Path) -> LanguageModel:
    """Open a model, on the CPU and ready to generate: `load("runs/book-1")`, or `load("book-1")`.

    RunError, in one line, for a folder that is missing, damaged or of another program.
    """
    folder = find(name)
    parts = read_settings(folder)
    if "model" not in parts:
        raise RunError(f"{folder / CONFIG} describes no model; restore it from a copy, or train again")
    model = build(read_vocabulary(folder), parts["model"], seed=0)
    runs.load_weights(model, folder)
    model.folder = folder
    return model.eval()


def build(vocabulary: Vocabulary, settings: Any, seed: int) -> LanguageModel:
    """A new model whose weights follow from the seed; the caller's random state goes on undisturbed."""
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        return LanguageModel(vocabulary, settings)


def make(folder: Path) -> None:
    """Make a folder that may exist."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"the folder {folder} cannot be made: {error.strerror}; choose another") from error
