"""`recurra runs`: what was trained here, on which data, and how good it is."""

import contextlib
import time
from pathlib import Path
from typing import Any

import click

from recurra.cli.frame import Command
from recurra.cli.shown import CONFIG, RUNS, json_option, table, to_json
from recurra.errors import RunError
from recurra.terminal import number

_FIRST = ("nats", "accuracy", "r2", "loss")
"""What the score is, where the weights were not chosen by another measure."""


@click.command(
    "runs",
    cls=Command,
    examples={"what there is": "recurra runs", "of another folder, for a program": "recurra runs ../models --json"},
)
@click.argument("folder", required=False, type=click.Path(exists=True, file_okay=False, path_type=Path))
@json_option
def command(folder, as_json):
    """List the runs of all tasks, the newest first.

    FOLDER is where they are; without it, runs/. The score is that of the weights that are kept, on what was held out.
    """
    rows = sorted(found(folder or RUNS), key=lambda row: row["trained"], reverse=True)
    if as_json:
        click.echo(to_json(rows))
        return
    if not rows:
        click.echo(f"no runs in {folder or RUNS}/ yet; train one: recurra train book.txt", err=True)
        return
    lines = [
        [
            row["run"],
            row["task"],
            _short(", ".join(row["data"])),
            row["state"],
            time.strftime("%Y-%m-%d %H:%M", time.localtime(row["trained"])),
            "" if row["score"] is None else f"{row['measure']} {number(row['score'])}",
        ]
        for row in rows
    ]
    click.echo(table(["run", "task", "data", "state", "trained", "score"], lines, left=6))


def found(folder: Path) -> list[dict[str, Any]]:
    """The runs in a folder: name, task, data, state, seconds since 1970 of the last change, measure and score, if any."""
    rows = []
    for path in folder.glob("*/" + CONFIG):
        with contextlib.suppress(RunError, OSError):  # a folder of another program, or one that is gone by now
            rows.append(_row(path.parent))
    return [row for row in rows if row]


def _row(folder: Path) -> dict[str, Any] | None:
    from recurra.files import read_json
    from recurra.fitting.listeners import read_metrics
    from recurra.training.config import DONE

    about = read_json(folder / CONFIG)
    if not isinstance(about, dict) or "schema" not in about:
        return None
    events = read_metrics(folder)
    best = next((event for event in reversed(events) if event.get("better")), {})
    chose = about.get("settings", {}).get("training", {}).get("monitor")
    measure = next((name for name in (chose, *_FIRST) if isinstance(best.get(name), float)), "loss")
    reason = next((event["reason"] for event in reversed(events) if event["event"] == "end"), "")
    saved = not (folder / "state.safetensors").exists()
    times = [(folder / name).stat().st_mtime for name in (CONFIG, "model.safetensors") if (folder / name).exists()]
    return {
        "run": folder.name,
        "task": str(about["schema"]).split("/")[0],
        "data": _data(folder, about),
        "state": "saved" if saved else "finished" if reason in DONE else reason or "not finished",
        "trained": max(times),
        "measure": measure,
        "score": best.get(measure),
    }


def _data(folder: Path, about: dict[str, Any]) -> list[str]:
    from recurra.files import read_json

    if (folder / "corpus.json").exists():
        corpus = read_json(folder / "corpus.json")
        return [str(name) for name in corpus.get("sources", [])] if isinstance(corpus, dict) else []
    sources = about.get("sources", {})
    return [Path(str(path)).name for path in sources.get("paths", [])] if isinstance(sources, dict) else []


def _short(text: str, length: int = 30) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
