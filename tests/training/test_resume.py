"""Stopped at any moment, in any way, a run goes on to the same bits."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from helpers import training_child
from helpers.soak import chance, count
from helpers.training_toy import ToyTask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recurra import files, tensorfiles
from recurra.fitting import listeners
from recurra.training import Interrupted, TrainingConfig, clock, fit, runs

TESTS = Path(__file__).parents[1]
TIMES = ("seconds", "tokens_per_second", "left", "learning")


def same_runs(one: Path, two: Path) -> None:
    """Every tensor of the state and of the best weights, and every row of numbers but for times."""
    for name, schema in ((runs.STATE, "state/1"), (runs.WEIGHTS, "model/1")):
        (a, about_a), (b, about_b) = (tensorfiles.read(folder / name, schema) for folder in (one, two))
        assert a.keys() == b.keys()
        different = [key for key in a if not torch.equal(a[key], b[key])]
        assert not different, f"{name} differs in {different}"
        for progress in (about_a.get("progress", {}), about_b.get("progress", {})):
            for times in ("seconds", "aside"):
                progress.pop(times, None)
        assert about_a == about_b
    rows = [
        [{k: v for k, v in row.items() if k not in TIMES} for row in listeners.read_metrics(folder)]
        for folder in (one, two)
    ]
    assert rows[0] == rows[1]


def test_the_comparison_can_fail(tmp_path):
    for name, seed in (("a", 1), ("b", 2)):
        (tmp_path / name).mkdir()
        fit(ToyTask(), TrainingConfig(epochs=1, seed=seed), tmp_path / name)
    with pytest.raises(AssertionError, match="differs in"):
        same_runs(tmp_path / "a", tmp_path / "b")


class Crash(BaseException):
    """The process is gone: nothing catches this, nothing is tidied up."""


def config(**changes):
    return TrainingConfig(**{"epochs": 3, "lr": 3e-2, "evaluate_every": 7, "save_every": 1e-9} | changes)


def train(folder, crash_at=None, when="step", **changes):
    """Train the toy; crash in the given step, or just before or after the given write takes its place."""
    task, count, replace = ToyTask(), iter(range(10_000)), os.replace

    def crashing(real):
        def call(*arguments):
            number = next(count)
            if number == crash_at and when != "after":
                raise Crash
            result = real(*arguments)
            if number == crash_at:
                raise Crash
            return result

        return call

    if when == "step":
        task.loss = crashing(task.loss)
    else:
        files.os.replace = crashing(replace)
    try:
        return fit(task, config(**changes), folder, listeners=[listeners.metrics_file(folder)])
    finally:
        files.os.replace = replace


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch):
    """What a power cut would need is not what these tests look at, and it takes most of their time."""
    monkeypatch.setattr(files.os, "fsync", lambda handle: None)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Folders of uninterrupted runs, by their settings."""
    folders = {}

    def get(**changes):
        key = tuple(changes.items())
        if key not in folders:
            folders[key] = tmp_path_factory.mktemp("whole")
            train(folders[key], **changes)
        return folders[key]

    return get


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [{}, {"average": 0.8, "patience": 2}, {"optimizer": "sgd", "schedule": "linear"}],
    ids=lambda changes: "-".join(changes) or "plain",
)
@given(crashes=st.lists(st.integers(0, 25), min_size=1, max_size=2), when=st.sampled_from(["step", "before", "after"]))
@settings(max_examples=count(8, 160), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_run_that_crashed_anywhere_goes_on_to_the_same_bits(whole, tmp_path_factory, changes, crashes, when):
    folder = tmp_path_factory.mktemp("crashed")
    for crash in crashes:
        try:
            train(folder, crash, when, **changes)
        except Crash:
            continue
    train(folder, **changes)
    same_runs(whole(**changes), folder)


def test_a_run_with_a_fall_goes_on_to_the_same_bits(tmp_path):
    """The halved rate, too, is part of what is saved."""
    for name in "ab":
        (tmp_path / name).mkdir()
    quiet = {"save_every": 1e9, "evaluate_every": 5}
    fit(ToyTask(break_at=[8]), config(**quiet), tmp_path / "a", listeners=[listeners.metrics_file(tmp_path / "a")])
    task = ToyTask(break_at=[8])
    real = task.loss
    task.loss = lambda *a: real(*a) if task.calls < 20 else (_ for _ in ()).throw(Crash)
    with pytest.raises(Crash):
        fit(task, config(**quiet), tmp_path / "b", listeners=[listeners.metrics_file(tmp_path / "b")])
    fit(ToyTask(), config(**quiet), tmp_path / "b", listeners=[listeners.metrics_file(tmp_path / "b")])
    same_runs(tmp_path / "a", tmp_path / "b")


def test_after_ctrl_c_a_run_goes_on_to_the_same_bits(whole, tmp_path):
    for step in (3, 11, 12):
        task = ToyTask()
        real = task.loss

        def loss(*arguments, task=task, step=step, real=real):
            if task.calls == step:
                signal.raise_signal(signal.SIGINT)
            return real(*arguments)

        task.loss = loss
        with pytest.raises(Interrupted):
            fit(task, config(), tmp_path, listeners=[listeners.metrics_file(tmp_path)])
    train(tmp_path)
    same_runs(whole(), tmp_path)


@pytest.mark.parametrize("step", [14, 30])  # in the middle, and the last one
def test_an_evaluation_that_is_owed_has_one_row_also_after_a_crash(whole, tmp_path, monkeypatch, step):
    monkeypatch.setattr(clock, "TICK", 0.0)  # a signal ends the evaluation at once
    task = ToyTask()
    real = task.evaluate

    def evaluate(model):
        if task.calls == step:
            signal.raise_signal(signal.SIGINT)
        return real(model)

    def crash(event):
        if event["event"] == "evaluate":
            raise Crash

    task.evaluate = evaluate
    with pytest.raises(Interrupted):
        fit(task, config(), tmp_path, listeners=[listeners.metrics_file(tmp_path)])
    with pytest.raises(Crash):
        fit(ToyTask(), config(), tmp_path, listeners=[listeners.metrics_file(tmp_path), crash])
    train(tmp_path)
    same_runs(whole(), tmp_path)


def start(folder, pause):
    command = [sys.executable, "-m", "helpers.training_child", str(folder), str(pause)]
    return subprocess.Popen(command, cwd=TESTS, stdout=subprocess.PIPE, text=True)


@pytest.mark.slow
@pytest.mark.sampled
@pytest.mark.skipif(os.name != "posix", reason="kill -9 is POSIX")
def test_killed_at_random_moments_a_run_goes_on_to_the_same_bits(tmp_path):
    """The real thing: processes of their own, killed with SIGKILL while they train and save."""
    random, whole = chance(), tmp_path / "whole"
    whole.mkdir()
    fit(ToyTask(), training_child.CONFIG, whole)
    for number in range(count(1, 50)):
        folder, killed = tmp_path / f"killed-{number}", 0
        folder.mkdir()
        for _ in range(2):
            with start(folder, 0.004) as child:
                for _ in range(random.randrange(3, 80)):
                    child.stdout.readline()
                child.send_signal(signal.SIGKILL)
                killed += child.wait() == -signal.SIGKILL
        assert killed == 2
        outcome = fit(ToyTask(), training_child.CONFIG, folder)
        assert outcome["reason"] == "finished"
        same_runs(whole, folder)
