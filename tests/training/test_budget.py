"""Minutes become a number of steps, once, with the evaluations counted in."""

import pytest
import torch
from helpers.training_toy import ToyTask, config

from recurra.training import budget, clock, fit, runs


def test_minutes_fix_the_number_of_steps_once(tmp_path):
    task = ToyTask()
    before = {name: tensor.clone() for name, tensor in task.model.state_dict().items()}
    events = []

    def at_start(event):
        events.append(event)
        if event["event"] == "start":
            same = (torch.equal(before[name], tensor) for name, tensor in task.model.state_dict().items())
            assert all(same), "measuring the speed updated the weights"
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(task, config(minutes=0.01), tmp_path, listeners=[at_start])
    outcome = fit(ToyTask(), config(minutes=0.01), tmp_path)
    assert outcome["step"] == outcome["steps"] == events[0]["steps"]


def test_minutes_are_divided_among_steps_and_evaluations(tmp_path, monkeypatch):
    """On a clock of our own: a step takes 0.1 s, the first five times as much, an evaluation 2 s."""
    now, steps = [0.0], []
    monkeypatch.setattr(budget.time, "monotonic", lambda: now[0])
    task = ToyTask()
    run = runs.new(task.model, config(minutes=2), tmp_path, steps=0)
    runs.save(run)

    def step():
        steps.append(1)
        now[0] += 0.1 if len(steps) > 1 else 0.5

    def look():
        now[0] += 2.0

    count = budget.steps_in(120.0, 100, run, step, look)
    spent = 0.5 + 0.1 * (len(steps) - 1) + 2
    evaluations = count / 100
    assert 5 <= len(steps) <= 50
    assert spent + 0.1 * count + 2.0 * evaluations == pytest.approx(120, abs=0.5)
    assert run.progress.steps == 0


@pytest.mark.parametrize(("a_look", "steps"), [(0.001, 149), (1.0, 75), (6.0, 2), (20.0, 1)])
def test_slow_evaluations_are_counted_as_often_as_they_come(a_look, steps):
    """There are at least eight in a run, so that few steps have many of them."""
    count = budget.fitting(15.0, 0.1, a_look, lambda steps: clock.period(0, 10**6, steps))
    assert count == pytest.approx(steps, abs=1)
    assert count == 1 or count * 0.1 + count // clock.period(0, 10**6, count) * a_look <= 15
