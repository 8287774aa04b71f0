"""A run's folder, whatever its task: where it is, and the settings it was made with.

    config.json        the task's name and version, the settings of every part, where the data came from
    model.safetensors  the best weights
    state.safetensors  all that resuming needs            metrics.jsonl, loss.png  what was measured

A task adds what else its model needs (a vocabulary, the names of classes). The last line is there after training.
"""

import contextlib
import dataclasses
import itertools
import os
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import recurra
from recurra import config, files, locks
from recurra.errors import ConfigError, RunError, advice, setting
from recurra.paths import expanded
from recurra.text import Vocabulary, vocabulary_from_json
from recurra.training.names import STATE

if TYPE_CHECKING:
    from torch import nn

CONFIG = "config.json"
VOCABULARY = "vocabulary.json"
RUNS = Path("runs")


@contextlib.contextmanager
def setting_up(out: str | Path | None, name: str = "run") -> Iterator[tuple[Path, Path]]:
    """Set a run up, whole or not at all: `folder` is the run's, `place` is where its first files are written.

        with folders.setting_up(out, "book") as (folder, place):
            folders.write_vocabulary(place, vocabulary)
            folders.write_settings(place, ...)      # at any time before the end
        ...                                         # from here on the files are in `folder`; train there

    out: the run's folder, new or empty; None = the next free one of runs/<name>-1, runs/<name>-2 ...
    Where the block fails, or the process is killed, nothing is left, or a folder that the next call takes up again; paths in
    `place` are gone after the block. Under torchrun the first process alone calls it.
    RunError if the folder is in use or not writable.
    """
    choices = (RUNS / f"{name}-{number}" for number in itertools.count(1)) if out is None else [expanded(out)]
    for folder in choices:
        new, held, keep = [], contextlib.ExitStack(), False
        try:
            new = _make(folder)
            if out is None and not new and not _abandoned(folder):
                continue
            try:
                held.enter_context(locks.held(folder, "setting it up"))
            except locks.Busy:
                if out is None:
                    continue
                raise
            with held:
                files.sweep(folder)
                _refuse_used(folder)
                with files.together(folder, CONFIG) as place:
                    yield folder, place
                keep = True
                return
        finally:
            keep = keep or files.is_unfinished(folder)
            for made in [] if keep else reversed(new):
                # Somebody may have put a file there by now.
                with contextlib.suppress(OSError):
                    made.rmdir()


@contextlib.contextmanager
def saving(folder: str | Path) -> Iterator[Path]:
    """A place to write the files of a saved model, which then take the place of an older one's together.

    with folders.saving(folder) as place:
        folders.write_settings(place, ...)

    RunError if the folder already holds a training run, another process is writing to it, or creating it fails.
    """
    folder = expanded(folder)
    refuse_a_run(folder)
    _make(folder)
    with locks.held(folder, "saving a model"):
        files.sweep(folder)
        with files.together(folder, CONFIG) as place:
            yield place


def settle(folder: Path) -> None:
    """Finish what a killed process had begun to put in place. RunError if the folder is not writable."""
    if files.is_unfinished(folder):
        with locks.held(folder, "putting files in place", wait=10):
            try:
                files.finish(folder, CONFIG)
            except OSError as error:
                raise RunError(
                    f"{folder} was interrupted while its files were put in place, which cannot be finished now:"
                    f" {error.strerror}. {advice(error)}."
                ) from error


def _make(folder: Path) -> list[Path]:
    try:
        return files.make_folder(folder)
    except OSError as error:
        raise RunError(f"the folder {folder} cannot be made: {error.strerror}. {advice(error)}.") from error


def _abandoned(folder: Path) -> bool:
    """Whether there is nothing in a folder but what a set-up that was killed has left."""
    names = os.listdir(folder)
    return bool(names) and all(map(files.leftover, names))


def _refuse_used(folder: Path) -> None:
    used = [name for name in os.listdir(folder) if not files.leftover(name)]
    if used:
        resumable = CONFIG in used or files.WHOLE in used
        hint = "continue it by resuming" if resumable else "it has files in it"
        raise RunError(f"the folder {folder} is in use ({hint}); choose a new one with {setting('out')}")


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
            raise RunError(
                f"the folder {folder} cannot be made: {error.strerror}; name another with {setting('out')}"
            ) from error
        else:
            return folder


def name_of(source: str | Path) -> str:
    """A run's name, from what it learns from: "book" from "texts/book.txt", "text" from standard input."""
    stem = Path(source).stem
    return stem if stem not in ("", "-") else "text"


def claim(folder: str | Path) -> Path:
    """Make a folder for a new run, or take an empty one. RunError if it has files in it."""
    folder = expanded(folder)
    make(folder)
    _refuse_used(folder)
    return folder


def make(folder: Path) -> None:
    """Make a folder that may exist."""
    _make(folder)
    if not folder.is_dir():
        raise RunError(f"{folder} is a file; choose another folder")


def find(name: str | Path) -> Path:
    """The folder of a run, from its path or its name under runs/. RunError, with the nearest name, if there is none."""
    name = expanded(name)
    for folder in (name, RUNS / name):
        settle(folder)
        if (folder / CONFIG).is_file():
            return folder
    if (there := next((folder for folder in (name, RUNS / name) if folder.exists()), None)) is not None:
        raise RunError(
            f"{there} is not the folder of a finished set-up: it has no {CONFIG}. If its training never began, start it again"
        )
    known = sorted(path.parent.name for path in RUNS.glob(f"*/{CONFIG}"))
    hint = config.nearest(str(name), known) if known else f"there are no runs in {RUNS.absolute()} yet"
    raise RunError(f"there is no run {str(name)!r}; {hint}")


def refuse_a_run(folder: Path) -> None:
    """Raise RunError if saving a model would break a training run."""
    if (folder / STATE).exists():
        raise RunError(f"{folder} holds a training run, which saving a model would break; choose another folder")


def write_settings(folder: Path, schema: str, parts: dict[str, Any], **about: Any) -> None:
    """Write config.json, the mark that a folder is ready for training.

    schema: the task and the version of its format, "language/1". parts: settings objects by name. about: anything else
    that JSON holds, such as sources, columns or classes; `read_settings` gives it back.
    """
    content = {"schema": schema, "recurra": recurra.__version__, **about}
    content["settings"] = {part: dataclasses.asdict(settings) for part, settings in parts.items()}
    files.write(folder / CONFIG, files.to_json(content, indent=2) + "\n")


def read_settings(
    folder: Path, schema: str, classes: dict[str, type], *, need: Collection[str] = ("model",)
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The settings in config.json by part, and all else it says: `parts, about = read_settings(folder, ...)`.

    classes: the settings class of each part. need: the parts that must be there; others may be missing, as a saved model's
    are. RunError if the file is damaged, of another task or version.
    """
    path = folder / CONFIG
    about = files.read_json(path)
    found = about.get("schema") if isinstance(about, dict) else None
    if found != schema:
        raise RunError(
            f"{path} has the format {found!r}; this version of Recurra reads {schema!r}{_whose(found, schema)}"
        )
    try:
        written = about.pop("settings")
        parts = {part: config.make(cls, written[part]) for part, cls in classes.items() if part in written}
    except (ConfigError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise RunError(
            f"{path}, written by Recurra {about.get('recurra', '?')}, does not fit version {recurra.__version__}: {error}"
        ) from error
    if missing := set(need) - parts.keys():
        raise RunError(f"{path} says nothing of {', '.join(sorted(missing))}; restore it from a copy")
    return parts, {name: value for name, value in about.items() if name not in ("schema", "recurra")}


def as_set(parts: dict[str, Any], left: Any, folder: Path) -> dict[str, Any]:
    """Settings by name as the user set them. parts: as they are in force. left: those of them that the data settled.

    RunError if `left`, as config.json has it, is damaged.
    """
    values = {field: value for part in parts.values() for field, value in vars(part).items()}
    try:
        if unknown := left.keys() - values.keys():
            raise ConfigError(f"{min(unknown)!r} is not a setting")
        user = [
            dataclasses.replace(part, **{field: left[field] for field in vars(part).keys() & left.keys()})
            for part in parts.values()
        ]
    except (ConfigError, TypeError, AttributeError) as error:
        raise RunError(f"{folder / CONFIG} is damaged: {error}. Restore it from a copy, or train again") from error
    return {name: value for part in user for name, value in vars(part).items()}


def write_vocabulary(folder: Path, vocabulary: Vocabulary, name: str = VOCABULARY) -> None:
    files.write(folder / name, vocabulary.to_json())


def read_vocabulary(folder: Path, name: str = VOCABULARY) -> Vocabulary:
    """What `write_vocabulary` wrote. RunError if the file is missing or damaged."""
    path = folder / name
    text = files.read_text(path)
    try:
        return vocabulary_from_json(text)
    except RunError as error:
        raise RunError(f"{path}: {error}") from error


def _whose(found: Any, schema: str) -> str:
    task = str(found).split("/")[0]
    return f", and this run is of {task}" if found and task != schema.split("/")[0] else ""


def seeded(make_model: Callable[[], "nn.Module"], seed: int) -> "nn.Module":
    """A new model of float32 on the CPU whose weights follow from the seed; the caller's random state and defaults stay."""
    import torch  # here, not above: a run is read where there is no PyTorch too

    before = torch.get_default_dtype()
    with torch.random.fork_rng([]), torch.device("cpu"):
        torch.manual_seed(seed)
        torch.set_default_dtype(torch.float32)
        try:
            return make_model()
        finally:
            torch.set_default_dtype(before)
