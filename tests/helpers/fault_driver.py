"""Run with file_faults.so preloaded: `python -m helpers.fault_driver FOLDER TASKS MOST`; a JSON line for each fault.

Everything is imported once; each case is a fork of this process (one thread, nothing run before), with the n-th file operation
below its run's folder failing, shortened or killed. Then, in another fork, the old state must load and the same command must
continue to the same end. TASKS has a row for each task: what it trains on, and how. MOST: how many faults of each command;
0: every operation with every kind of fault.
"""

import ctypes
import errno
import functools
import hashlib
import json
import os
import random
import shutil
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

# What training imports on its way; imported here once, not in each fork.
import matplotlib.figure
import matplotlib.font_manager  # noqa: F401
import torch
import torch._dynamo
from helpers import distributed_child
from matplotlib.backends import backend_agg

import recurra
from recurra import tensorfiles
from recurra.fitting import folders, listeners
from recurra.tasks.language import task as language_task
from recurra.training import Interrupted

KINDS = {"kill": -2, "ENOSPC": errno.ENOSPC, "short": -1, "EACCES": errno.EACCES, "EIO": errno.EIO}
TIMES = ("seconds", "tokens_per_second", "left", "learning")
SETTINGS = {"epochs": 3, "save_every": 1e-9, "seed": 1}


def shorten() -> None:
    """Draw nothing and write short samples, in this process from now on: either takes longer than such a run."""
    backend_agg.FigureCanvasAgg.print_png = lambda canvas, file: file.write(b"picture" * 100)
    language_task.SAMPLE["length"] = 8


class Uses(NamedTuple):
    """What is done with a task. out: a folder."""

    train: Callable[..., Any]
    """train(out, listeners=...)"""
    resume: Callable[..., Any]
    """resume(out, listeners=...)"""
    save: Callable[[Any, Path], None]
    """save(fitted, out)"""
    load: Callable[[Path], Any]


TEXT = "The quick brown fox jumps over the lazy dog. "
EXAMPLES = 10
"""Of each task: a step an epoch, and each saves. A run of three can be stopped after its first evaluation."""


def language() -> Uses:
    def train(out, listeners=(), **more):
        return recurra.train(text=TEXT, out=out, preset="tiny", quiet=True, listeners=listeners, **(SETTINGS | more))

    def resume(out, listeners=()):
        return recurra.resume(out, quiet=True, listeners=listeners)

    return Uses(train, resume, lambda model, out: model.save(out), recurra.load)


def estimator(name: str) -> Uses:
    """A task of `distributed_child`, on the first of its examples."""
    made, data = distributed_child.TASKS[name]()
    cls, settings, data = type(made), made.settings, tuple(_first(part) for part in data)

    def train(out, listeners=(), **more):
        model = cls(**(settings | SETTINGS | more))
        return model.fit(*data, out=out, quiet=True, listeners=listeners)

    def resume(out, listeners=()):
        return cls.resume(out, *data, quiet=True, listeners=listeners)

    return Uses(train, resume, lambda model, out: model.save(out), cls.load)


def _first(part: Any) -> Any:
    if hasattr(part, "examples"):  # recordings and their rate
        return part._replace(examples=part.examples[:EXAMPLES])
    return part if hasattr(part, "columns") else part[:EXAMPLES]


TASKS = {"language": language} | {name: functools.partial(estimator, name) for name in distributed_child.TASKS}
"""Task → a function that makes its Uses."""


def forked(work: Callable[[], Any]) -> tuple[int, str]:
    """Do work in a fork: its exit code (0; 1 RecurraError, 2 anything else; -9 killed) and what it returned or said."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        code, words = 0, ""
        try:
            words = str(work())
        except recurra.RecurraError as error:
            code, words = 1, str(error)
        except BaseException:
            code, words = 2, traceback.format_exc()
        with open(writing, "w") as file:
            file.write(words)
        os._exit(code)
    os.close(writing)
    with open(reading) as file:
        words = file.read()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), words


def armed(out: Path, n: int, kind: str, work: Callable[[], Any]) -> Callable[[], str]:
    """Work with a fault at its n-th operation; n = 0: none. Returns the operations, as file_faults.cpp spells them."""
    library = ctypes.CDLL(os.environ["LD_PRELOAD"])
    library.faults_seen.restype = ctypes.c_char_p

    def run():
        library.faults_arm(str(out).encode(), n, KINDS.get(kind, 0))
        try:
            work()
        finally:
            seen = library.faults_seen().decode()
            library.faults_arm(b"", 0, 0)
        return seen

    return run


def contents(out: Path) -> dict[str, str]:
    """Everything that decides a run's future, and its rows, but for times: part → its hash, or its row."""
    parts = {}
    for name, schema in (("state.safetensors", "state/1"), ("model.safetensors", "model/1")):
        tensors, about = tensorfiles.read(out / name, schema)
        for time in ("seconds", "aside"):
            about.get("progress", {}).pop(time, None)
        parts[name] = json.dumps(about, sort_keys=True)
        for key, tensor in tensors.items():
            parts[f"{key} in {name}"] = hashlib.sha256(_bytes(tensor)).hexdigest()
    rows = [{k: v for k, v in row.items() if k not in TIMES} for row in listeners.read_metrics(out)]
    # `stopped` stops at the first evaluation, or a step later. A sample that the signal cuts short has a row without a text.
    early = [row["step"] for row in rows if row["event"] == "evaluate"][:2]
    for row in rows:
        if row["event"] == "sample" and row["step"] in early:
            del row["text"]
    parts |= {f"row {number}": json.dumps(row) for number, row in enumerate(rows)}
    left = sorted(name for name in os.listdir(out) if name.startswith("."))
    assert not left, f"left behind: {left}"
    return parts


def _bytes(tensor: torch.Tensor) -> bytes:
    return tensor.contiguous().view(-1).view(torch.uint8).numpy().tobytes()


def saved(out: Path) -> str:
    """What a saved model is: each of its files."""
    names = sorted(name for name in os.listdir(out) if not name.startswith("."))
    return " ".join(name + hashlib.sha256((out / name).read_bytes()).hexdigest()[:16] for name in names)


def stop_early(event: dict) -> None:
    if event["event"] == "evaluate":
        signal.raise_signal(signal.SIGTERM)


def stopped(uses: Uses, out: Path) -> None:
    try:
        uses.train(out, listeners=[stop_early])
    except Interrupted:
        return
    raise AssertionError("it was not stopped")


def continue_run(uses: Uses, out: Path) -> None:
    """The same command again: a run that is set up is resumed, another one begins."""
    try:
        there = folders.find(out)
    except recurra.RecurraError:
        there = None
    uses.train(out) if there is None else uses.resume(out)


def continued(uses: Uses, out: Path, whole: dict[str, str]) -> None:
    """Continue a run to its end, which must be that of the whole one."""
    continue_run(uses, out)
    ended = contents(out)
    others = [part for part in whole | ended if whole.get(part) != ended.get(part)]
    assert not others, f"it ended elsewhere: {others[:3]}, such as {ended.get(others[0])} for {whole.get(others[0])}"


def points(operations: str, most: int, name: str) -> list[tuple[int, str]]:
    """Which operations are tried, each with a kind of fault: all, or `most` that follow from the name, kind after kind."""

    def fitting(kind: str) -> list[tuple[int, str]]:
        return [(n, kind) for n, letter in enumerate(operations, 1) if kind != "short" or letter == "w"]

    if not most:
        return [point for kind in KINDS for point in fitting(kind)]
    draw, kinds = random.Random(name), list(KINDS)
    first = draw.randrange(len(kinds))
    return [draw.choice(fitting(kinds[(first + k) % len(kinds)])) for k in range(most)]


def must(work: Callable[[], Any]) -> str:
    code, words = forked(work)
    assert code == 0, words
    return words


def commands(uses: Uses, home: Path) -> dict[str, tuple]:
    """For each command: the folder it begins with, the command, and what must hold and work after a fault in it."""
    must(lambda: uses.train(home / "whole"))
    must(lambda: stopped(uses, home / "stopped"))
    must(lambda: uses.train(home / "other", seed=2))
    must(lambda: uses.save(uses.load(home / "whole"), home / "one"))
    must(lambda: uses.save(uses.load(home / "other"), home / "two"))
    whole, one, two = contents(home / "whole"), saved(home / "one"), saved(home / "two")
    assert one != two

    def save(out: Path) -> None:
        uses.save(uses.load(home / "other"), out)

    def check_save(out: Path) -> None:
        uses.load(out)
        assert saved(out) in (one, two), "a mixture"
        save(out)
        assert saved(out) == two

    def check_run(out: Path) -> None:
        continued(uses, out, whole)

    return {
        "train": (None, uses.train, check_run),
        "resume": ("stopped", uses.resume, check_run),
        "save": ("one", save, check_save),
    }


def faults(home: Path, before: str | None, work: Callable, check: Callable, most: int, name: str) -> Iterator[dict]:
    """A row for each fault tried."""
    out = home / "out" / "run"
    out.parent.mkdir(exist_ok=True)

    def prepare() -> None:
        shutil.rmtree(out, ignore_errors=True)
        if before:
            shutil.copytree(home / before, out)

    prepare()
    operations = must(armed(out, 0, "", lambda: work(out)))
    for n, kind in points(operations, most, name):
        prepare()
        code, words = forked(armed(out, n, kind, lambda: work(out)))
        fine = code == -signal.SIGKILL if kind == "kill" else code in (0, 1) and "\n" not in words
        after, why = forked(lambda: check(out))
        row = {"of": len(operations), "n": n, "kind": kind, "code": code, "ok": fine and after == 0}
        yield row if row["ok"] else row | {"words": words[-600:], "after": why[-600:]}


def main(place: Path, names: list[str], most: int) -> int:
    wrong = 0
    for name in names:
        home = place / name
        home.mkdir(parents=True)
        for command, (before, work, check) in commands(TASKS[name](), home).items():
            for row in faults(home, before, work, check, most, f"{name} {command}"):
                wrong += not row["ok"]
                print(json.dumps({"task": name, "case": command} | row), flush=True)
    return wrong > 0


if __name__ == "__main__":
    torch.set_num_threads(1)
    shorten()
    sys.exit(main(Path(sys.argv[1]), sys.argv[2].split(","), int(sys.argv[3])))
