"""The live display of a run, on stderr: a bar on a terminal, a line an evaluation anywhere else."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import Any, TextIO

from recurra.terminal import Steady

Event = dict[str, Any]

# What is shown of the measures: a short name and the decimals.
_SHOWN = {
    "loss": ("loss", 3),
    "nats": ("nats", 3),
    "bits_per_character": ("bits/char", 3),
    "accuracy": ("accuracy", 3),
    "wer": ("WER", 3),
}
_REASONS = {
    "finished": "finished after",
    "patience": "stopped early, as the loss fell no more, after",
    "stopped": "stopped on request after",
}
_SMOOTH = 0.9  # memory of the live numbers, per update


def display(stream: TextIO | None = None) -> Callable[[Event], None]:
    """A listener that shows a run: loss and measures, speed, time left, and samples as they come."""
    stream = Steady(stream or sys.stderr)
    return _live(stream) if stream.isatty() else _plain(stream)


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
    print(note, file=Steady(sys.stderr), flush=True)


def _plain(stream: TextIO) -> Callable[[Event], None]:
    about: Event = {}

    def listen(event: Event) -> None:
        about.update(event)
        line = _line(event, about)
        if line:
            print(line, file=stream, flush=True)

    return listen


def _live(stream: TextIO) -> Callable[[Event], None]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn
    from rich.text import Text

    console, about, smooth = Console(file=stream, highlight=False), {}, {}
    columns = TextColumn("{task.description}"), BarColumn(bar_width=20), TextColumn("{task.fields[told]}")
    bar = Progress(*columns, console=console, transient=True, refresh_per_second=5)

    def listen(event: Event) -> None:
        about.update(event)
        kind = event["event"]
        if kind == "start":
            bar.add_task("starting", total=event["steps"], completed=event["step"], told="")
            bar.start()
        elif kind == "progress":
            for name in _SHOWN.keys() & event.keys():
                smooth[name] = _SMOOTH * smooth.get(name, event[name]) + (1 - _SMOOTH) * event[name]
            epochs = about["steps"] / about["steps_per_epoch"]
            told = f"{_measures(smooth)}  {_speed(about)}  {duration(event['left'])} left"
            title = f"epoch {event['epoch']:.1f}/{_number(epochs)}"
            bar.update(bar.task_ids[0], completed=event["step"], description=title, told=told)
        elif kind == "sample" and event["text"]:
            console.print(Text(_shortened(event["text"]), style="dim"))
        line = _line(event, about)
        if line:
            console.print(Text(line, style="bold" if event.get("better") else ""))
        if kind in ("end", "break"):
            bar.stop()

    return listen


def _line(event: Event, about: Event) -> str:
    """What an event is worth a line of: the start, evaluations, falls and the end."""
    kind, step = event["event"], event.get("step")
    if kind == "start":
        verb = f"going on from step {step:,} of" if event["resumed"] else "training for"
        where = f"{event['device']}, {_counted(event['threads'], 'thread')}"
        if event["processes"] > 1:
            where = f"{event['processes']} processes on {where}"
        return f"{verb} {event['steps']:,} steps: {event['parameters']:,} parameters on {where}"
    if kind == "evaluate":
        parts = [f"epoch {_number(event['epoch'])}", _measures(event), f"training {event['training_loss']:.3f}"]
        return "  ".join([*parts, _speed(about), *["best"] * event["better"]])
    if kind == "fall":
        return (
            f"step {event['fell_at']:,}: the loss became infinite or NaN; back to step {step:,}"
            f" with {event['scale']:g} of the learning rate"
        )
    if kind == "end":
        best = f"best {event['best']:.4f} at step {event['best_step']:,}"
        return f"{_REASONS[event['reason']]} {duration(event['seconds'])}: {best}"
    return ""


def _measures(event: Event) -> str:
    # Where the task has nats, they are what its loss is.
    shown = {name: form for name, form in _SHOWN.items() if name in event and not (name == "loss" and "nats" in event)}
    return "  ".join(f"{short} {event[name]:.{digits}f}" for name, (short, digits) in shown.items())


def _number(value: float) -> str:
    """Three digits, and all those before the point: 0.125, 12.5, 1480."""
    return f"{value:.3g}" if value < 999.5 else f"{value:.0f}"


def _speed(about: Event) -> str:
    return f"{about['tokens_per_second'] * about['units_per_token']:,.0f} {about['unit']}/s"


def _shortened(text: str, lines: int = 6, length: int = 400) -> str:
    return "\n".join(text[:length].splitlines()[:lines])


def _counted(n: int, what: str) -> str:
    return f"{n} {what}" + "s" * (n != 1)


def duration(seconds: float) -> str:
    """Seconds as a clock has them: 75 → "1:15", 3675 → "1:01:15"."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
