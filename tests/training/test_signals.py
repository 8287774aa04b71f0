"""A signal ends a run after the step; a second one at once; elsewhere than in the main thread none is caught."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch
from helpers import training_child
from helpers.processes import started
from helpers.training_toy import ToyTask, config, run, weights

from recurra.errors import RunError
from recurra.training import Interrupted, clock, fit, runs, signals

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_after_the_step_with_everything_saved(tmp_path, number, code):
    task, before = ToyTask(), signal.getsignal(number)
    real = task.loss

    def loss(*arguments):
        if task.calls == 6:
            signal.raise_signal(number)
        return real(*arguments)

    task.loss = loss
    events = []
    with pytest.raises(Interrupted, match=f"stopped at step 7 of 30; everything is saved in {tmp_path}") as raised:
        fit(task, config(), tmp_path, listeners=[events.append])
    assert isinstance(raised.value, KeyboardInterrupt | RunError)
    assert raised.value.exit_code == code
    assert signal.getsignal(number) is before
    assert [event["event"] for event in events[-3:]] == ["save", "interrupt", "break"]


def test_a_second_ctrl_c_interrupts_at_once(tmp_path):
    task = ToyTask()

    def loss(*arguments):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    task.loss = loss
    with pytest.raises(KeyboardInterrupt) as raised:
        fit(task, config(), tmp_path)
    assert not isinstance(raised.value, Interrupted)


def test_a_step_that_never_ends_is_broken_off(tmp_path, monkeypatch):
    monkeypatch.setattr(signals, "PATIENCE", 0.05)
    task, real = ToyTask(), ToyTask.loss
    slow = iter([False, False, True])

    def loss(*arguments):
        if next(slow):
            signal.raise_signal(signal.SIGTERM)
            while True:  # of many short operations, as a step is
                torch.ones(3).sum()
        return real(task, *arguments)

    task.loss = loss
    with pytest.raises(
        Interrupted, match=r"in the middle of a step, which took more than 0.05 s; what was saved"
    ) as raised:
        fit(task, config(), tmp_path)
    assert raised.value.exit_code == 143
    assert run(tmp_path)[2]["reason"] == "finished"


def test_what_is_saved_is_not_broken_off(tmp_path, monkeypatch):
    monkeypatch.setattr(signals, "PATIENCE", 0.01)
    task, real, save = ToyTask(), ToyTask.loss, runs.save

    def loss(*arguments):
        if task.calls == 6:
            signal.raise_signal(signal.SIGTERM)
        return real(task, *arguments)

    def slowly(run):
        until = time.monotonic() + 0.1
        while time.monotonic() < until:
            torch.ones(3).sum()
        save(run)

    task.loss = loss
    monkeypatch.setattr(runs, "save", slowly)
    with pytest.raises(Interrupted, match="stopped at step 7 of 30; everything is saved"):
        fit(task, config(), tmp_path)


def test_it_runs_outside_the_main_thread(tmp_path):
    outcomes = []
    thread = threading.Thread(target=lambda: outcomes.append(run(tmp_path, epochs=1)[2]))
    thread.start()
    thread.join()
    assert outcomes[0]["reason"] == "finished"


# In processes of their own


@contextlib.contextmanager
def child(folder, pause=0.004, **options):
    command = [sys.executable, "-m", "helpers.training_child", str(folder), str(pause)]
    tests = Path(__file__).parents[1]
    with started(command, cwd=tests, stdout=subprocess.PIPE, text=True, **options) as process:
        yield process
        process.kill()


def wait_for(process, word):
    """Read until an event of this name."""
    assert any(line.startswith(word) for line in process.stdout), f"no event {word}"


posix = pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")


@posix
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.soak] * (name in ("SIGUSR2", "SIGXCPU"))) for name in signals.CAUGHT],
)
def test_each_signal_saves_and_ends_with_its_own_code(tmp_path, name):
    number = getattr(signal, name)
    with child(tmp_path) as process:
        wait_for(process, "save ")
        process.send_signal(number)
        last = process.stdout.read().splitlines()[-1]
        assert process.wait() == 128 + number
    assert last.startswith("stopped at step ")
    assert last.endswith(f"everything is saved in {tmp_path}")
    assert fit(ToyTask(), training_child.CONFIG, tmp_path)["reason"] == "finished"


@posix
def test_what_was_ignored_at_the_start_stays_ignored(tmp_path):
    """As `nohup` starts a program."""
    ignore = lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)  # noqa: E731
    with child(tmp_path, 0.0, preexec_fn=ignore) as process:
        wait_for(process, "save ")
        process.send_signal(signal.SIGHUP)
        wait_for(process, "end ")
        assert process.wait() == 0


def test_many_signals_are_one(tmp_path):
    """SIGXCPU comes every second once the limit is reached; only a second Ctrl-C interrupts at once."""
    task, calls = ToyTask(), []
    real = task.loss

    def loss(*arguments):
        calls.append(1)
        if len(calls) == 3:
            for name in ("SIGTERM", "SIGTERM", "SIGINT"):
                signal.raise_signal(getattr(signal, name))
        return real(*arguments)

    task.loss = loss
    with pytest.raises(Interrupted) as raised:
        fit(task, config(), tmp_path)
    assert raised.value.exit_code == 143


def test_an_evaluation_that_was_cut_short_is_done_when_the_run_is_resumed(tmp_path, monkeypatch):
    """Else its row is missing, and its weights may have been the best."""
    monkeypatch.setattr(clock, "TICK", 0.0)  # a stop is heeded at each call of the model
    rows = {}
    for folder in ("whole", "cut"):
        (tmp_path / folder).mkdir()
        task, events, real = ToyTask(), [], ToyTask.evaluate

        def evaluate(model, task=task, folder=folder, events=events, real=real):
            if folder == "cut" and any(event["event"] == "evaluate" for event in events):
                signal.raise_signal(signal.SIGTERM)
            return real(task, model)

        task.evaluate = evaluate
        if folder == "cut":
            with pytest.raises(Interrupted):
                fit(task, config(evaluate_every=10), tmp_path / folder, listeners=[events.append])
            task = ToyTask()
            assert [event["step"] for event in events if event["event"] == "interrupt"] == [20]
        fit(task, config(evaluate_every=10), tmp_path / folder, listeners=[events.append])
        kept = [event for event in events if event["event"] in ("evaluate", "sample")]
        times = ("seconds", "tokens_per_second")
        rows[folder] = [{name: value for name, value in event.items() if name not in times} for event in kept]
    assert rows["cut"] == rows["whole"]
    for name in (runs.STATE, runs.WEIGHTS):
        one, two = (weights(tmp_path / folder, name) for folder in ("whole", "cut"))
        assert all(torch.equal(one[key], two[key]) for key in one)


def test_a_stop_before_the_first_evaluation_leaves_weights(tmp_path):
    (tmp_path / "whole").mkdir()
    (tmp_path / "cut").mkdir()
    fit(ToyTask(), config(evaluate_every=20, average=0.0), tmp_path / "whole")
    task = ToyTask()
    real = task.loss

    def loss(*arguments):
        signal.raise_signal(signal.SIGTERM)
        return real(*arguments)

    task.loss = loss
    words = (
        "stopped at step 1 of 30, before the first evaluation; the weights so far may be used, and everything is saved"
    )
    with pytest.raises(Interrupted, match=words):
        fit(task, config(evaluate_every=20, average=0.0), tmp_path / "cut")
    left = weights(tmp_path / "cut", runs.WEIGHTS)
    assert all(torch.equal(left[name], tensor) for name, tensor in task.model.state_dict().items())
    fit(ToyTask(), config(evaluate_every=20, average=0.0), tmp_path / "cut")
    for name in (runs.STATE, runs.WEIGHTS):
        one, two = (weights(tmp_path / folder, name) for folder in ("whole", "cut"))
        assert all(torch.equal(one[key], two[key]) for key in one)
