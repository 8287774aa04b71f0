"""A run that ends by the clock: its schedule, its looks, how a look is stopped; a finished run trained longer."""

import signal
import time

import pytest
import torch
from helpers.training_toy import ToyTask, config, of, run, weights

from recurra.errors import ConfigError, RunError
from recurra.training import Interrupted, Longer, clock, fit, loop, runs
from recurra.training import look as looking
from recurra.training.look import Look


@pytest.fixture
def now(monkeypatch):
    """A clock of our own: a list with the time in seconds; nothing takes any."""
    at = [1000.0]
    for module in (clock, loop, looking):
        monkeypatch.setattr(module.time, "monotonic", lambda: at[0])
    return at


class Slow(ToyTask):
    """A step, an evaluation and a sample take so many seconds of the clock."""

    def __init__(self, now, step, evaluation, sample=0.0, **options):
        super().__init__(**options)
        self.now, self.times = now, (step, evaluation, sample)

    def loss(self, *arguments):
        self.now[0] += self.times[0]
        return super().loss(*arguments)

    def evaluate(self, model):
        self.now[0] += self.times[1]
        return super().evaluate(model)

    def sample(self, model, seed):
        self.now[0] += self.times[2]
        return "a sample"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seconds", "step", "evaluation", "sample", "learning"),
    [
        (60, 0.1, 0.3, 0.1, 0.9),
        (60, 0.1, 1.5, 0.2, 0.9),
        (60, 2.0, 0.3, 0.1, 0.9),
        (10, 0.01, 0.1, 0.1, 0.7),
        (10, 0.5, 1.0, 0.2, 0.7),
    ],
)
def test_the_time_goes_into_steps(tmp_path, now, seconds, step, evaluation, sample, learning):
    task = Slow(now, step, evaluation, sample)
    _, events, outcome = run(tmp_path, task, epochs=0, minutes=seconds / 60)
    assert outcome["reason"] == "finished"
    assert outcome["seconds"] <= seconds + step + evaluation + sample + 1e-6
    assert outcome["step"] * step >= learning * seconds
    assert outcome["learning"] >= learning
    assert of(events, "evaluate")[-1]["step"] == outcome["step"]
    assert of(events, "start")[0]["minutes"] == seconds / 60
    assert of(events, "start")[0]["steps"] is None


def test_the_rate_follows_the_clock(tmp_path, now):
    """Half of the time is over where the machine was slow: the rate is what one half of the run has."""
    task = Slow(now, 0.1, 0.0)
    real, slow = task.loss, [False]

    def loss(*arguments):
        if task.calls == 100 and not slow[0]:
            slow[0] = True
            now[0] += 20.0
        return real(*arguments)

    task.loss = loss
    _, events, outcome = run(tmp_path, task, epochs=0, minutes=1, schedule="linear", warmup=0.0, lr=1.0, average=0.0)
    assert outcome["step"] == pytest.approx(400, abs=2)
    rows = of(events, "train")
    for row in rows:
        began = (row["step"] - 1) * 0.1 + (20.0 if row["step"] > 101 else 0.0)
        assert row["lr"] == pytest.approx(1 - began / 60, abs=0.002)
    assert len(rows) > 100
    done = [event["done"] for event in of(events, "evaluate")]
    assert (done[0], done[-1], len(done)) == (pytest.approx(1 / 8, abs=0.01), 1.0, 6), (
        "two of the eighths were slept through"
    )


@pytest.mark.slow
def test_a_run_by_the_clock_is_resumed_with_the_time_that_is_left(tmp_path, now):
    task = Slow(now, 0.1, 0.0)
    stop = iter(range(10**6))
    _, _, outcome = run(tmp_path, task, epochs=0, minutes=1, stop=lambda: now[0] > 1020.0 and next(stop) >= 0)
    assert outcome["reason"] == "stopped"
    saved = {name: tensor.clone() for name, tensor in weights(tmp_path).items()}
    now[0] += 5000.0  # a night
    again, seen = Slow(now, 0.1, 0.0), []

    def at_start(event):
        if event["event"] == "start":
            seen.append({f"model.{name}": tensor.clone() for name, tensor in again.model.state_dict().items()})

    outcome = fit(again, config(epochs=0, minutes=1), tmp_path, listeners=[at_start])
    assert all(torch.equal(tensor, saved[name]) for name, tensor in seen[0].items())
    assert outcome["step"] == pytest.approx(600, abs=3)
    assert outcome["seconds"] == pytest.approx(60, abs=0.5)


def test_samples_come_early_noise_letters_words(tmp_path):
    _, events, _ = run(tmp_path, epochs=40)
    steps = {event["step"] for event in of(events, "sample")}
    assert {1, 10, 30, 100, 300} <= steps


@pytest.mark.parametrize("where", ["evaluation", "sample", "last evaluation"])
def test_a_signal_is_heeded_in_a_look(tmp_path, where):
    """The look calls the model for ever; the signal comes at its third call."""
    task = ToyTask()

    def endless(model, *_):
        if (task.calls == 30) != (where == "last evaluation"):
            return {"loss": 1.0} if not _ else "a sample"
        for call in range(10**9):
            if call == 3:
                signal.raise_signal(signal.SIGTERM)
            time.sleep(0.02)
            model(torch.zeros(1, 1, dtype=torch.int64))

    if where == "sample":
        task.sample = endless
    else:
        task.evaluate = endless
    with pytest.raises(Interrupted) as raised:
        fit(task, config(), tmp_path)
    assert raised.value.exit_code == 143
    assert (tmp_path / runs.WEIGHTS).exists()
    outcome = fit(ToyTask(), config(), tmp_path)
    assert (outcome["reason"], outcome["step"]) == ("finished", 30)


def test_a_stop_is_heeded_in_an_evaluation(tmp_path):
    task, stopped = ToyTask(), []

    def endless(model):
        for call in range(10**9):
            if call == 3:
                stopped.append(True)
            time.sleep(0.02)
            model(torch.zeros(1, 1, dtype=torch.int64))

    task.evaluate = endless
    outcome = fit(task, config(), tmp_path, stop=lambda: bool(stopped))
    assert outcome["reason"] == "stopped"
    assert (tmp_path / runs.WEIGHTS).exists()


def test_a_look_reads_as_much_each_time():
    assert list(Look().over(range(5))) == list(range(5))
    look = Look(seconds=0.05)
    first = [time.sleep(0.02) or batch for batch in look.over(range(1000))]
    assert 1 <= len(first) < 10
    assert look.batches == len(first)
    assert list(look.over(range(1000))) == first
    assert list(Look(seconds=0.0).over(range(1000))) == [0]


# A finished run trained longer


def test_a_finished_run_is_trained_longer_as_a_lower_cycle(tmp_path):
    task, events, outcome = run(tmp_path, epochs=2, lr=0.02)
    first = [row["lr"] for row in of(events, "train")]
    events = []
    longer = fit(task, config(epochs=2, lr=0.02), tmp_path, listeners=[events.append], longer=Longer(5))
    rows = [row["lr"] for row in of(events, "train")]
    assert (outcome["step"], longer["step"], longer["reason"]) == (20, 50, "finished")
    assert max(rows) == pytest.approx(max(first) / 2, rel=0.05)
    assert rows[-1] < 0.1 * max(rows)
    assert rows[0] < max(rows)
    assert (of(events, "start")[0]["first"], of(events, "start")[0]["longer"]["epochs"]) == (20, 5)
    assert longer["best"] <= outcome["best"]


def test_a_longer_run_is_resumed_as_any_other(tmp_path):
    def cut(folder, stop):
        folder.mkdir()
        run(folder, epochs=1)
        events = []
        fit(ToyTask(), config(epochs=1), folder, longer=Longer(3), stop=stop, listeners=[events.append])
        return events

    cut(tmp_path / "whole", None)
    asked = iter([False] * 8 + [True] * 100)
    assert cut(tmp_path / "cut", lambda: next(asked))[-1]["reason"] == "stopped"
    outcome = fit(ToyTask(), config(epochs=1), tmp_path / "cut")
    assert (outcome["reason"], outcome["step"]) == ("finished", 30)
    whole, resumed = (weights(tmp_path / name) for name in ("whole", "cut"))
    assert all(torch.equal(whole[name], resumed[name]) for name in whole if name.startswith(("model", "optimizer")))


def test_minutes_may_be_added_to_a_run_by_epochs(tmp_path, now):
    run(tmp_path, Slow(now, 0.1, 0.0), epochs=1)
    outcome = fit(Slow(now, 0.1, 0.0), config(epochs=1), tmp_path, longer=Longer(more_minutes=0.5))
    assert outcome["step"] == pytest.approx(10 + 300, abs=3)


def test_what_cannot_be_trained_longer_says_so(tmp_path):
    asked = iter([False] * 3 + [True] * 100)
    (tmp_path / "a").mkdir()
    run(tmp_path / "a", stop=lambda: next(asked))
    with pytest.raises(RunError, match=r"a is not finished: at step \d+ of 30\. Resume it without"):
        fit(ToyTask(), config(), tmp_path / "a", longer=Longer(9))
    (tmp_path / "b").mkdir()
    run(tmp_path / "b", epochs=3)
    with pytest.raises(ConfigError, match=r"`epochs` is 3, but .*b has had 3; name more of them"):
        fit(ToyTask(), config(), tmp_path / "b", longer=Longer(3))
    with pytest.raises(ConfigError, match="give either `epochs` or `more_minutes`"):
        Longer(3, 1.0)
