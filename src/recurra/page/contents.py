"""A run's model as the files that a page holds, and nothing of where it was learned."""

import tempfile
from pathlib import Path

from recurra import tensorfiles
from recurra.backends.cpu.library import Unavailable
from recurra.cells.base import Cell
from recurra.engine.parts import quantised
from recurra.errors import RunError
from recurra.fitting import folders, saved
from recurra.tasks.language import native
from recurra.tasks.language.config import SCHEMA
from recurra.tasks.language.learned import Text
from recurra.tasks.language.quantise import tensors_of
from recurra.training.names import SCHEMA as FORMATS
from recurra.training.names import WEIGHTS


def contents(run: str | Path, precision: str = "float32") -> tuple[dict[str, bytes], str, Cell]:
    """The files by name, the name of the run's cell, and the cell. RunError, in one line, for a run that no page can run.

    precision: of the matrices, "float32" or "int8", a quarter of the size.
    """
    try:
        model = native.open(run)
    except Unavailable as reason:
        raise RunError(f"no page can run {run}: {reason}") from reason
    if reason := objection(model):
        raise RunError(f"no page can run {model.folder}: {reason}")
    parts = quantised(model.parts) if precision == "int8" else model.parts
    about = {"schema": FORMATS[WEIGHTS]}
    about |= {"precision": "int8"} if precision == "int8" or model.stored == "int8" else {"step": None, "loss": None}
    with tempfile.TemporaryDirectory(prefix="recurra-page-") as name:
        place = Path(name)
        tensorfiles.write_arrays(place / WEIGHTS, tensors_of(parts), about)
        saved.write(place, SCHEMA, {"model": model.config}, Text(model.vocabulary, model.prelude, model.items))
        files = {file: (place / file).read_bytes() for file in (folders.CONFIG, "vocabulary.json", WEIGHTS)}
    return files, model.config.cell, model.parts.layers[0].cell


def objection(model: native.NativeModel) -> str:
    """Why a page cannot run a model; "" where it can. static/files.js has the same rules for files that come to a page."""
    config, vocabulary = model.config, model.vocabulary
    if vocabulary.unit != "character" or any(
        one is not None for one in (vocabulary.spelled, vocabulary.unk, vocabulary.eod)
    ):
        return f"it writes {vocabulary.unit}s with marks of their own, and a page plain characters"
    for name, words in {
        "tie_weights": "it shares one matrix between embedding and softmax",
        "zoneout": "it has zoneout",
        "context": f"it reads {config.context} characters again for each it writes",
    }.items():
        if getattr(config, name):
            return words
    return ""
