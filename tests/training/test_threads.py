"""Threads of a run: by the clock as many as are fastest, and one where the machine is busy; of a small model one."""

import pytest
import torch
from helpers.training_toy import ToyTask

from recurra.training import TrainingConfig, fit, threads


def ran(cost, most, budget, first=0.0):
    """The threads of each step of a run, where a step takes cost(threads, seconds so far), and the first one `first` more."""
    used, counts, passed = [], [], 0.0
    chosen = threads.Threads(budget, most, used.append)
    while passed < budget:
        counts.append(used[-1])
        seconds = cost(used[-1], passed) + (0.0 if passed else first)
        passed += seconds
        chosen.took(seconds)
    return counts


@pytest.mark.parametrize("most", [2, 6, 8])
def test_on_a_free_machine_all_are_used(most):
    counts = ran(lambda count, _: 0.1 / count**0.7, most, 60.0, first=5.0)
    assert counts.count(most) > 0.9 * len(counts)
    assert set(counts) >= {1, 2, most}


def test_on_a_busy_machine_a_second_one_is_tried_once():
    counts = ran(lambda count, _: 0.1 if count == 1 else 5.0, 16, 60.0)
    assert counts.count(1) == len(counts) - 1 > 500


def test_four_of_eight_where_four_processors_are_free():
    counts = ran(lambda count, _: 0.1 / count if count <= 4 else 0.2, 8, 60.0)
    assert counts.count(4) > 0.9 * len(counts)


def test_what_has_changed_is_noticed():
    counts = ran(lambda count, passed: 0.1 / count if passed > 200 or count == 1 else 1.0, 2, 600.0)
    assert counts[:100].count(1) > 90
    assert set(counts[-100:]) == {2}
    counts = ran(lambda count, passed: 0.1 / count if passed < 200 or count == 1 else 1.0, 2, 600.0)
    assert set(counts[200:1000]) == {2}
    assert set(counts[-100:]) == {1}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "small", "seen"),
    [({"epochs": 2}, 0, {2}), ({"epochs": 2}, 9999, {1}), ({"minutes": 0.02, "epochs": 0}, 9999, {1, 2})],
)
def test_a_run_by_steps_keeps_its_number_and_each_gives_it_back(tmp_path, monkeypatch, settings, small, seen):
    monkeypatch.setattr(threads, "SMALL", small)
    used, events, before = set(), [], torch.get_num_threads()

    class Watched(ToyTask):
        def loss(self, *arguments):
            used.add(torch.get_num_threads())
            return super().loss(*arguments)

    torch.set_num_threads(2)
    try:
        fit(Watched(), TrainingConfig(**settings), tmp_path, listeners=[events.append])
        assert torch.get_num_threads() == 2
        assert used == seen
        assert events[0]["threads"] == max(seen)
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("units", "minutes", "counts"), [(8, None, [1]), (8, 0.001, [2]), (threads.SMALL, None, [2])], ids=str
)
def test_a_run_by_steps_of_a_small_model_has_one_thread(units, minutes, counts):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with threads.one_if_small(torch.nn.Linear(1, units), minutes):
            assert [torch.get_num_threads()] == counts
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
