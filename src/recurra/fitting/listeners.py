"""What is written down while a run goes: metrics.jsonl, TensorBoard's files and the picture of the losses.

A listener is a function of one event, a dict (see `loop.fit`).
"""

import contextlib
import io
import json
import math
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from recurra import files
from recurra.errors import ConfigError, RunError, advice, setting
from recurra.paths import printable

Event = dict[str, Any]
Listener = Callable[[Event], None]

METRICS, PICTURE = "metrics.jsonl", "loss.png"
_WRITTEN = ("train", "evaluate", "sample", "fall", "end")
_PICTURE_EVERY = 30.0  # seconds
_MOST = 1 << 30  # bytes of metrics.jsonl that are read


def metrics_file(folder: Path) -> Listener:
    """One JSON object a line in `metrics.jsonl`, for each row of numbers, evaluation, sample, fall back and end.

    Where a run resumes, or falls back, the lines of what will come again are dropped: of later steps, and what is owed.
    """
    path = folder / METRICS

    def listen(event: Event) -> None:
        if event["event"] in ("start", "fall"):
            files.write(path, "".join(line for line, row in _rows(path) if not comes_again(row, event)))
        if event["event"] in _WRITTEN:
            line = files.to_json({name: _json_number(value) for name, value in event.items()})
            with _adding(path) as file:
                file.write(f"{line}\n".encode())
        if event["event"] == "saving":
            # Rows reach the disk before the state that follows them: a power cut leaves none out.
            with _adding(path) as file:
                os.fsync(file.fileno())

    return listen


def comes_again(row: Event, event: Event) -> bool:
    """Whether a row is written once more after a start or a fall back: what lies beyond its step, is owed there, or an end."""
    owed = row["step"] == event["step"] and row["event"] in event.get("owed", ())
    return row["step"] > event["step"] or row["event"] == "end" or owed


@contextlib.contextmanager
def _adding(path: Path) -> Iterator[BinaryIO]:
    try:
        with files.appending(path) as file:
            yield file
    except OSError as error:
        raise RunError(
            f"{path} could not be written: {error.strerror}. The run's last saved state is intact. {advice(error)}."
        ) from error


def read_metrics(folder: Path) -> list[Event]:
    """The rows of a run's `metrics.jsonl`; a last line that was cut off is left out."""
    return [row for _, row in _rows(folder / METRICS)]


def evaluations(folder: Path) -> list[Event]:
    """The evaluations of a run so far."""
    return [row for row in read_metrics(folder) if row["event"] == "evaluate"]


def _rows(path: Path) -> Iterator[tuple[str, Event]]:
    try:
        file = files.opened(path, _MOST)
    except FileNotFoundError:
        return
    with io.TextIOWrapper(file, "utf-8", errors="replace") as lines:
        for line in lines:
            with contextlib.suppress(ValueError, RecursionError):
                row = json.loads(line)
                if (
                    isinstance(row, dict)
                    and "event" in row
                    and isinstance(row.get("step"), int)
                    and line.endswith("\n")
                ):
                    yield line, row


def _json_number(value: Any) -> Any:
    # JSON has no infinity and no NaN.
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def require_tensorboard() -> type:
    """TensorBoard's writer. ConfigError if the package is missing."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise ConfigError(
            f"{setting('tensorboard')} is on, but the package is missing. Install it: pip install 'recurra[tensorboard]'"
        ) from error
    return SummaryWriter


def tensorboard(folder: Path) -> Listener:
    """TensorBoard event files in `<folder>/tensorboard`. ConfigError if the package is missing."""
    SummaryWriter, writers = require_tensorboard(), []

    def listen(event: Event) -> None:
        kind, step = event["event"], event.get("step")
        if kind == "start":
            # Whatever an earlier part of the run wrote after this step is hidden.
            writers.append(SummaryWriter(str(folder / "tensorboard"), purge_step=step + 1 if step else None))
        elif kind in ("train", "evaluate"):
            for name, value in event.items():
                if isinstance(value, float) and name not in ("epoch", "seconds"):
                    writers[-1].add_scalar(f"{kind}/{name}", value, step)
        elif kind == "sample" and event["text"]:
            writers[-1].add_text("sample", event["text"], step)
        elif kind in ("save", "end", "break"):
            for writer in writers:
                writer.flush() if kind == "save" else writer.close()

    return listen


def picture(folder: Path) -> Listener:
    """`loss.png`, drawn at the end, and on the way at most twice a minute."""
    last = [time.monotonic()]

    def listen(event: Event) -> None:
        due = event["event"] == "evaluate" and time.monotonic() - last[0] >= _PICTURE_EVERY
        if due or event["event"] in ("end", "interrupt"):
            draw(folder)
            last[0] = time.monotonic()

    return listen


def draw(folder: Path) -> Path | None:
    """Draw a run's training and validation loss against its steps, from `metrics.jsonl`: returns loss.png's path."""
    rows = read_metrics(folder)
    series = {
        "training": [(row["step"], row.get("loss")) for row in rows if row["event"] == "train"],
        "validation": [(row["step"], row["validation_loss"]) for row in rows if "validation_loss" in row],
    }
    if not series["training"]:
        return None
    # Not pyplot: its state, and the choice of a window system, are the user's.
    from io import BytesIO

    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), dpi=120, layout="constrained")
    axes = figure.add_subplot(xlabel="step", ylabel="loss (nats a token)")
    axes.set_title(printable(folder.name), parse_math=False)  # a name may have dollars in it
    for (name, points), style in zip(series.items(), ({"alpha": 0.6}, {"marker": "o", "markersize": 3}), strict=True):
        points = [(step, loss) for step, loss in points if isinstance(loss, float)]
        if points:
            axes.plot(*zip(*points, strict=True), label=name, **style)
    axes.grid(alpha=0.3)
    axes.legend()
    content = BytesIO()
    FigureCanvasAgg(figure).print_png(content)
    files.write(folder / PICTURE, content.getvalue())
    return folder / PICTURE
