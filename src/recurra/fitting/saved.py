"""A model in a folder: what `load` needs, written whole."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from recurra import files
from recurra.fitting import cellfacts, folders, learned

if TYPE_CHECKING:
    from torch import nn


def save(
    folder: str | Path, model: "nn.Module", schema: str, parts: dict[str, Any], knowledge: Any, **about: Any
) -> None:
    """Write a model's weights, its settings, and what was learned beside them (an object of the task's `Learned`).

    about: anything else for config.json, which gets what is not empty.
    RunError if the folder holds a run or is not writable.
    """
    from recurra.training import runs  # here, not above: a quantised model is written without PyTorch

    with folders.saving(Path(folder)) as place:
        runs.write_weights(model, place, step=None, loss=None)
        write(place, schema, parts, knowledge, **about)


def learned_again(folder: Path, knowledge: Any) -> None:
    """Write what was learned into a run's config.json again, all else as it was."""
    about = files.read_json(folder / folders.CONFIG)
    content = about | {"learned": learned.write(knowledge, folder)}
    files.write(folder / folders.CONFIG, files.to_json(content, indent=2) + "\n")


def write(folder: Path, schema: str, parts: dict[str, Any], knowledge: Any, **about: Any) -> None:
    """The same but the weights; config.json, which may hold more about the run, comes last."""
    about |= {"learned": learned.write(knowledge, folder), "cell": cellfacts.described(parts)}
    folders.write_settings(folder, schema, parts, **{name: value for name, value in about.items() if value})
