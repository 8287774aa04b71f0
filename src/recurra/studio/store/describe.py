"""A run's folder as the page shows it: read from its settings, its weights' headers and what was measured."""

from datetime import UTC, datetime
from math import prod
from pathlib import Path
from typing import Any

from recurra import files
from recurra.config import options
from recurra.errors import RunError
from recurra.fitting.folders import CONFIG, VOCABULARY, read_settings
from recurra.fitting.listeners import METRICS, read_metrics
from recurra.paths import printable
from recurra.studio.settings import MINUTES
from recurra.studio.shapes import Run
from recurra.studio.store import history
from recurra.tasks.language.config import CONFIGS, SCHEMA
from recurra.tensorfiles import header
from recurra.training.config import DONE
from recurra.training.runs import STATE, WEIGHTS

RECORD = "studio.json"
SOURCES = (CONFIG, RECORD, VOCABULARY, STATE, WEIGHTS, METRICS, "corpus.json")
"""What a run's description is made of: while none of these changes, neither does that."""


def describe(folder: Path) -> dict[str, Any]:
    """A run's folder as the page shows it; an `error` in place of what is damaged."""
    try:
        return Run.model_validate(_describe(folder)).model_dump()
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        # A folder that was copied in may hold anything.
        words = f"its files are damaged: {' '.join(str(error).split())[:300]}"
        record = {"title": folder.name, "created": _written(folder), "settings": {}}
        return draft(folder.name, record, {"state": "failed", "error": words})


def _describe(folder: Path) -> dict[str, Any]:
    record, error = read_json(folder / RECORD), None
    try:
        read, about = read_settings(folder, SCHEMA, CONFIGS) if (folder / CONFIG).exists() else ({}, {})
        parts = {name: vars(part) for name, part in read.items()}
        state, weights = (header(folder / name) if (folder / name).exists() else None for name in (STATE, WEIGHTS))
    except RunError as problem:
        parts, about, state, weights, error = {}, {}, None, None, str(problem)
    rows = history.clean(read_metrics(folder))
    corpus, vocabulary = read_json(folder / "corpus.json"), read_json(folder / VOCABULARY)
    progress = state[1].get("progress", {}) if state else {}
    shapes = weights[0] if weights else {n: s for n, s in (state[0] if state else {}).items() if n.startswith("model.")}
    parameters = sum(map(prod, shapes.values()))
    model = parts.get("model", {})
    settings = {name: value for part in parts.values() for name, value in part.items()} or record.get("settings", {})
    step, steps, seconds = progress.get("step", 0), progress.get("steps", 0), progress.get("seconds", 0.0)
    until = progress.get("until", 0.0)  # a run by the clock has no number of steps
    done = step / steps if steps else min(1.0, seconds / until) if until else 0.0
    steps = steps or (round(step / done) if done else 0)
    last = next((row for row in reversed(rows) if row["step"]), None)
    epoch_steps = last["step"] / last["epoch"] if last and last.get("epoch") else None
    error = error or record.get("error")
    return {
        "id": folder.name,
        "title": record.get("title") or folder.name,
        "state": _state(progress, state, weights, error),
        "error": error,
        "cell": model.get("cell") or settings.get("cell", ""),
        "layers": model.get("num_layers") or settings.get("num_layers", 0),
        "units": model.get("hidden_size") or settings.get("hidden_size", 0),
        "parameters": parameters or None,
        "bytes": _size(folder / WEIGHTS) or None,
        "seed": settings.get("seed"),
        "settings": settings,
        "changed": _changed(parts, about.get("open", {}), {"minutes": MINUTES} if "given" in record else {}),
        "recipe": about.get("recipe", ""),
        "text": {
            "id": record.get("text"),
            "corpus": record.get("corpus"),
            "name": record.get("text_name")
            or ", ".join(printable(Path(str(name)).name) for name in corpus.get("sources", [])[:3]),
            "characters": corpus.get("characters") or record.get("characters"),
        },
        "created": record.get("created") or _written(folder),
        "seconds": seconds,
        "step": step,
        "steps": steps,
        "progress": done,
        "epoch": step / epoch_steps if epoch_steps else 0.0,
        "epochs": steps / epoch_steps if epoch_steps else None,
        **history.best(rows),
        "left": None,
        "parent": record.get("parent"),
        "group": record.get("group"),
        "vocabulary": {"unit": vocabulary.get("unit"), "size": len(vocabulary.get("symbols", [])) or None},
    }


def _changed(parts: dict[str, dict[str, Any]], settled: dict[str, Any], studio: dict[str, Any]) -> dict[str, Any]:
    """Settings that differ from their defaults without having been settled by the data. studio: defaults of its own."""
    return {
        option.name: value
        for part, cls in CONFIGS.items()
        for option in options(cls)
        if part in parts and option.name not in settled
        if (value := parts[part][option.name]) not in (option.default, studio.get(option.name, option.default))
    }


def _state(progress, state, weights, error) -> str:
    if state is None:
        return "model" if weights and not error else "failed" if error else "stopped"
    if progress.get("reason") in DONE:
        return "finished"
    return "failed" if error else "stopped"


def draft(run: str, record: dict[str, Any], facts: dict[str, Any]) -> dict[str, Any]:
    """A run whose folder is not there yet. record: what studio.json is to hold. facts: what is known beyond that."""
    settings = record["settings"]
    found = {name: record.get(name) for name in ("title", "created", "parent", "group")}
    found |= {
        "id": run,
        "state": "waiting",
        "cell": settings.get("cell", ""),
        "layers": settings.get("num_layers", 0),
        "units": settings.get("hidden_size", 0),
        "seed": settings.get("seed"),
        "settings": settings,
        "text": {name: record.get(key) for name, key in _TEXT.items()},
        "vocabulary": {"unit": settings.get("unit"), "size": None},
    }
    return Run.model_validate(found).model_dump() | facts


_TEXT = {"id": "text", "corpus": "corpus", "name": "text_name", "characters": "characters"}


def _written(folder: Path) -> str:
    path = folder / CONFIG if (folder / CONFIG).exists() else folder
    return datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat(timespec="seconds")


def read_json(path: Path) -> dict[str, Any]:
    """An object from a JSON file; empty if there is none, or something else."""
    try:
        found = files.read_json(path)
    except RunError:
        return {}
    return found if isinstance(found, dict) else {}


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
