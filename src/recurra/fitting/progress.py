"""The live display of a run, on stderr: a bar on a terminal, and lines of evaluations, some seconds apart."""

import contextlib
import math
import sys
from collections.abc import Callable, Iterator
from typing import Any, TextIO

from recurra.terminal import Steady, visible, wrapped

Event = dict[str, Any]

# What is shown of the measures: a short name and the decimals.
MEASURES = {
    "loss": ("loss", 3),
    "nats": ("nats", 3),
    "bits_per_character": ("bits/char", 3),
    "accuracy": ("accuracy", 3),
    "wer": ("WER", 3),
    "copying": ("copying", 5),
    "chrf": ("chrF", 1),
    "nearest_chrf": ("of the nearest pairs", 1),
    "bleu": ("BLEU", 1),
}
_NEWS = ("fall", "interrupt", "end", "break")  # before these, what was measured last is shown
_SMOOTH = 0.9  # decay of the live numbers, per update
_APART = 2.0  # least seconds between two lines of evaluations: a short training has dozens of them
_PACE = 2.0  # seconds of training after which the time it will take is reported
_FEW = 100  # steps of a run, below which it learns little
_NATS = (
    "(nats: how much the model is surprised by a {} that it does not learn from; lower is better, and one less"
    " means 2.7 times fewer candidates)"
)


def display(stream: TextIO | None = None, samples: bool = False) -> Callable[[Event], None]:
    """A listener that shows a run: loss and measures, speed, time left, and samples as they come.

    samples: show those off a terminal too, as in a notebook.
    """
    stream = Steady(stream or sys.stderr)
    return _live(stream) if stream.isatty() else _plain(stream, samples)


@contextlib.contextmanager
def share(title: str, quiet: bool = False) -> Iterator[Callable[[float], None] | None]:
    """A bar for what comes before training: `with share("reading") as report: report(0.5)`; None off a terminal."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(file=Steady(sys.stderr)), transient=True) as bar:
        task = bar.add_task(title, total=1.0)
        yield lambda done: bar.update(task, completed=done)


def say(note: str) -> None:
    """A line before or beside the display."""
    print(wrapped(note, sys.stderr), file=Steady(sys.stderr), flush=True)


def _plain(stream: TextIO, samples: bool = False) -> Callable[[Event], None]:
    lines = _Lines()

    def listen(event: Event) -> None:
        if samples and event["event"] == "sample" and event["text"]:
            print(
                f"after {_counted(event['step'], 'step')}:\n{visible(_shortened(event['text']))}",
                file=stream,
                flush=True,
            )
        for line in lines.of(event):
            print(line, file=stream, flush=True)

    return listen


def _live(stream: TextIO) -> Callable[[Event], None]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn
    from rich.table import Column
    from rich.text import Text

    console, lines, smooth = Console(file=stream, highlight=False), _Lines(), {}
    # What is cut off last on a narrow terminal comes first, and has a width of its own.
    first = TextColumn("{task.description}", table_column=Column(no_wrap=True, min_width=len("1:00:00 left")))
    bars = BarColumn(bar_width=20, table_column=Column(min_width=10))
    columns = first, bars, TextColumn("{task.fields[more]}")
    bar = Progress(*columns, console=console, transient=True, refresh_per_second=5)

    def listen(event: Event) -> None:
        kind, about = event["event"], lines.about | event
        if kind == "start":
            bar.add_task("starting", total=1.0, completed=0.0, more="")
            bar.start()
        elif kind == "progress":
            for name in MEASURES.keys() & event.keys():
                smooth[name] = _SMOOTH * smooth.get(name, event[name]) + (1 - _SMOOTH) * event[name]
            epochs = f"epoch {event['epoch']:.1f}/{_number(event['steps'] / about['steps_per_epoch'])}"
            more = f"{epochs}  {_measures(smooth)}  {_speed(about)}"
            left = f"{duration(event['left'])} left"
            bar.update(bar.task_ids[0], completed=event["done"], description=left, more=more)
        elif kind == "sample" and event["text"]:
            console.print(Text(f"after {_counted(event['step'], 'step')}:", style="dim italic"))
            console.print(Text(visible(_shortened(event["text"])), style="dim"))
        for line in lines.of(event):
            console.print(Text(line, style="bold" if event.get("better") else ""))
        if kind in ("end", "break"):
            bar.stop()

    return listen


class _Lines:
    """What an event is worth in lines: the start, the expected time, evaluations, falls and the end."""

    def __init__(self):
        self.about: Event = {}
        self._began: float | None = None
        self._explained, self._fresh = False, False
        self._shown, self._waiting = -math.inf, ""

    def of(self, event: Event) -> Iterator[str]:
        self.about.update(event)
        about, kind, step = self.about, event["event"], event.get("step")
        if kind == "start":
            self._began, self._fresh = event["seconds"], event["resumed"]
            yield from _started(event)
        if kind == "progress" and self._began is not None and event["seconds"] - self._began >= _PACE:
            self._began = None
            yield from _pace(event, about)
        self._fresh = self._fresh and kind in ("start", "end")
        if kind == "evaluate":
            self._waiting = _evaluated(event, about)
        if self._waiting and (kind in _NEWS or about["seconds"] - self._shown >= _APART):
            yield self._waiting
            self._shown, self._waiting = about["seconds"], ""
        if kind == "evaluate" and "nats" in event and not self._explained:
            self._explained = True
            yield _NATS.format("step of music" if about["unit"] == "steps" else "character of text")
        if kind == "fall":
            yield (
                f"step {event['fell_at']:,}: the loss became infinite or NaN; back to step {step:,}"
                f" with {event['scale']:g} of the learning rate"
            )
        if kind == "end" and self._fresh:
            yield "this run is finished; --epochs or --more-minutes, for Python epochs= or more_minutes=, trains it longer"
        elif kind == "end":
            yield _ended(event, about)


def _started(event: Event) -> Iterator[str]:
    # By the clock a run takes as many of them as are fastest.
    most = "up to " if event["minutes"] and event["threads"] > 1 else ""
    where = f"{event['device']}, {most}{_counted(event['threads'], 'thread')}"
    if event["processes"] > 1:
        where = f"{event['processes']} processes on {where}"
    minutes, resumed = event["minutes"], event["resumed"] and not event["longer"]
    length = _counted(event["steps"] - event["first"], "step") if event["steps"] else _long(60 * minutes)
    if event["longer"]:
        yield (
            "training a finished run longer: another cycle, from half the learning rate of the last one on; it is not what one"
            " longer run would have given"
        )
    so_far = "" if event["steps"] else f", after {duration(event['seconds'])}"
    verb = f"resumed at step {event['step']:,}{so_far} of" if resumed else "training for"
    yield f"{verb} {length}: {event['parameters']:,} parameters on {where}"


def _pace(event: Event, about: Event) -> Iterator[str]:
    steps = event["steps"] - about["first"]
    if about["minutes"] is None:
        yield f"about {_long(event['left'])} to go, at {_speed(about)}"
    elif steps < _FEW:
        yield (
            f"only about {_counted(steps, 'step')} in that time, too few to learn much: give it more time, or a smaller model"
        )


def _evaluated(event: Event, about: Event) -> str:
    held_out = "validation_loss" in event
    measures = [_measures(event), _training(event)] if held_out else [f"training {_measures(event)}"]
    return "  ".join([f"epoch {_number(event['epoch'])}", *measures, _speed(about), *["best"] * event["better"]])


def _training(event: Event) -> str:
    # The loss of a token, in the measure that the line has.
    per_token = event["nats"] / event["loss"] if event.get("nats") and event["loss"] else 1.0
    return f"training {event['training_loss'] * per_token:.{_digits('loss', 3, event)}f}"


def _ended(event: Event, about: Event) -> str:
    epoch = about.get("steps_per_epoch") or 1
    if event["reason"] == "patience":
        loss = "validation loss" if "validation_loss" in about else "the loss"
        start = f"stopped at epoch {_number(event['step'] / epoch)}: {loss} has not improved since epoch"
        return f"{start} {_number(event['best_step'] / epoch)}; best weights kept; {duration(event['seconds'])} in all"
    start = {"finished": "finished after", "learned": "nothing is left to learn: stopped after"}.get(
        event["reason"], "stopped on request after"
    )
    line = f"{start} {duration(event['seconds'])}"
    if about.get("minutes"):
        line += f", {event['learning']:.0%} of it learning"
    return line if event["best"] is None else f"{line}: best {_best(event, about)} at step {event['best_step']:,}"


def _best(event: Event, about: Event) -> str:
    per_token = about["nats"] / about["loss"] if about.get("nats") and about.get("loss") else 1.0
    return f"{event['best'] * per_token:.4f}"


def _digits(name: str, digits: int, event: Event) -> int:
    """Decimals: a squared error of pixels is shown with as many as the one of copies that it is compared with."""
    return MEASURES["copying"][1] if name == "loss" and "copying" in event else digits


def _measures(event: Event) -> str:
    # Where the task has nats, they are what its loss is.
    shown = {
        name: form for name, form in MEASURES.items() if name in event and not (name == "loss" and "nats" in event)
    }
    parts = [f"{short} {event[name]:.{_digits(name, digits, event)}f}" for name, (short, digits) in shown.items()]
    if parts and "characters" in event:
        parts[0] += f" on {event['characters']:,} characters"
    return "  ".join(parts)


def _number(value: float) -> str:
    """Three digits, and all those before the point: 0.125, 12.5, 1480."""
    return f"{value:.3g}" if value < 999.5 else f"{value:.0f}"


def _speed(about: Event) -> str:
    return f"{about['tokens_per_second'] * about['units_per_token']:,.0f} {about['unit']}/s"


def _shortened(text: str, lines: int = 6, length: int = 400) -> str:
    return "\n".join(text[:length].splitlines()[:lines])


def _counted(n: int, what: str) -> str:
    return f"{n:,} {what}" + "s" * (n != 1)


def _long(seconds: float) -> str:
    """A time in words: "40 seconds", "1.5 minutes", "3 hours"."""
    for unit, size in (("hour", 3600), ("minute", 60)):
        if seconds >= size:
            n = round(seconds / size, 1)
            return f"{n:g} {unit}" + "s" * (n != 1)
    return _counted(round(seconds), "second")


def duration(seconds: float) -> str:
    """Seconds as a clock has them: 75 → "1:15", 3675 → "1:01:15"."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
