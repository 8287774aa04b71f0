"""Run with file_faults.so preloaded: `python -m helpers.fault_driver FOLDER TASKS STRIDE`; a JSON line for each operation.

Everything is imported once; each case is a fork of this process (one thread, nothing run before), with the n-th file operation
below its run's folder failing, shortened or killed. Then, in another fork, the old state must load and the same command must
continue to the same end. TASKS has a row for each task: what it trains on, and how.
"""

import ctypes
import errno
import hashlib
import json
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

# What training imports on its way; imported here once, not in each fork.
import matplotlib.font_manager  # noqa: F401
import torch
import torch._dynamo
from matplotlib.backends import backend_agg  # noqa: F401

import recurra
from recurra import tensorfiles
from recurra.fitting import folders, listeners
from recurra.tasks.classification import SequenceClassifier
from recurra.tasks.translation import Translator
from recurra.training import Interrupted

FAULTS = ctypes.CDLL(os.environ["LD_PRELOAD"])
KINDS = {"ENOSPC": errno.ENOSPC, "EIO": errno.EIO, "EACCES": errno.EACCES, "short": -1, "kill": -2}
TIMES = ("seconds", "tokens_per_second", "left")
SETTINGS = {"epochs": 2, "save_every": 1e-9, "seed": 1}


class Uses(NamedTuple):
    """What is done with a task. out: a folder."""

    train: Callable[..., Any]
    """train(out, listeners=...)"""
    resume: Callable[..., Any]
    """resume(out, listeners=...)"""
    save: Callable[[Any, Path], None]
    """save(fitted, out)"""
    load: Callable[[Path], Any]


TEXT = "The quick brown fox jumps over the lazy dog. " * 12
PAIRS = [(f"{a} {b}", f"{b}-{a}") for a in "abcdef" for b in "uvwxyz"]
NAMES = [a + b + c for a in "abc" for b in "xyz" for c in "klm"]
LABELS = ["one" if "x" in name else "two" for name in NAMES]
_SMALL = {"hidden_size": 8, "batch_size": 16}


def language_train(out, listeners=(), **more):
    return recurra.train(text=TEXT, out=out, preset="tiny", quiet=True, listeners=listeners, **(SETTINGS | more))


def translation_train(out, listeners=(), **more):
    return Translator(**(SETTINGS | _SMALL | more)).fit(PAIRS, out=out, quiet=True, listeners=listeners)


def classification_train(out, listeners=(), **more):
    made = SequenceClassifier(**(SETTINGS | _SMALL | more))
    return made.fit(NAMES, LABELS, out=out, quiet=True, listeners=listeners)


TASKS = {
    "language": Uses(
        language_train,
        lambda out, listeners=(): recurra.resume(out, quiet=True, listeners=listeners),
        lambda model, out: model.save(out),
        recurra.load,
    ),
    "translation": Uses(
        translation_train,
        lambda out, listeners=(): Translator.resume(out, PAIRS, quiet=True, listeners=listeners),
        lambda model, out: model.save(out),
        Translator.load,
    ),
    "classification": Uses(
        classification_train,
        lambda out, listeners=(): SequenceClassifier.resume(out, NAMES, LABELS, quiet=True, listeners=listeners),
        lambda model, out: model.save(out),
        SequenceClassifier.load,
    ),
}


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


def armed(out: Path, n: int, kind: str, work: Callable[[], Any]) -> Callable[[], int]:
    def run():
        FAULTS.faults_arm(str(out).encode(), n, KINDS.get(kind, 0))
        try:
            work()
        finally:
            count = FAULTS.faults_count()
            FAULTS.faults_arm(b"", 0, 0)
        return count

    return run


def digest(out: Path) -> str:
    """Everything that decides a run's future, and its rows, but for times."""
    total = hashlib.sha256()
    for name, schema in (("state.safetensors", "state/1"), ("model.safetensors", "model/1")):
        tensors, about = tensorfiles.read(out / name, schema)
        about.get("progress", {}).pop("seconds", None)
        total.update(json.dumps(about, sort_keys=True).encode())
        for key in sorted(tensors):
            total.update(key.encode() + tensors[key].contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    rows = [{k: v for k, v in row.items() if k not in TIMES} for row in listeners.read_metrics(out)]
    total.update(json.dumps(rows).encode())
    left = sorted(name for name in os.listdir(out) if name.startswith("."))
    assert not left, f"left behind: {left}"
    return total.hexdigest()


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


def continued(uses: Uses, out: Path, whole: str) -> None:
    """The same command again: a run that is set up is resumed, another one begins."""
    try:
        there = folders.find(out)
    except recurra.RecurraError:
        there = None
    uses.train(out) if there is None else uses.resume(out)
    assert digest(out) == whole, "it ended elsewhere"


def points(count: int, stride: int, shift: int) -> list[int]:
    """Which operations are tried: every `stride`-th, and at least one."""
    stride = min(stride, count)
    return [n for n in range(1, count + 1) if n % stride == 7 * shift % stride]


def must(work: Callable[[], Any]) -> str:
    code, words = forked(work)
    assert code == 0, words
    return words


def commands(uses: Uses, home: Path) -> dict[str, tuple]:
    """For each command: the folder it begins with, the command, and what must hold and work after a fault in it."""
    must(lambda: uses.train(home / "whole"))
    must(lambda: stopped(uses, home / "stopped"))
    must(lambda: uses.save(uses.load(home / "whole"), home / "one"))
    must(lambda: uses.save(uses.load(home / "stopped"), home / "two"))
    whole, one, two = digest(home / "whole"), saved(home / "one"), saved(home / "two")
    assert one != two

    def save(out: Path) -> None:
        uses.save(uses.load(home / "stopped"), out)

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


def faults(home: Path, before: str | None, work: Callable, check: Callable, stride: int, shift: int) -> Iterator[dict]:
    """A row for each operation tried, of each kind of fault."""
    out = home / "out" / "run"
    out.parent.mkdir(exist_ok=True)

    def prepare() -> None:
        shutil.rmtree(out, ignore_errors=True)
        if before:
            shutil.copytree(home / before, out)

    prepare()
    count = int(must(armed(out, 0, "", lambda: work(out))))
    for number, kind in enumerate(KINDS):
        for n in points(count, stride, shift + number):
            prepare()
            code, words = forked(armed(out, n, kind, lambda: work(out)))
            fine = code == -signal.SIGKILL if kind == "kill" else code in (0, 1) and "\n" not in words
            after, why = forked(lambda: check(out))
            row = {"of": count, "n": n, "kind": kind, "code": code, "ok": fine and after == 0}
            yield row if row["ok"] else row | {"words": words[-600:], "after": why[-600:]}


def main(place: Path, names: list[str], stride: int) -> int:
    wrong = 0
    for name in names:
        home = place / name
        home.mkdir(parents=True)
        for shift, (command, (before, work, check)) in enumerate(commands(TASKS[name], home).items()):
            for row in faults(home, before, work, check, stride, shift + len(name)):
                wrong += not row["ok"]
                print(json.dumps({"task": name, "case": command} | row), flush=True)
    return wrong > 0


if __name__ == "__main__":
    torch.set_num_threads(1)
    sys.exit(main(Path(sys.argv[1]), sys.argv[2].split(","), int(sys.argv[3])))
