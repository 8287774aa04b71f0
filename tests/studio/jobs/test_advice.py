"""What a comparison allows to be said: nothing that chance explains as well."""

import math
import statistics

import numpy as np
import pytest

from recurra.studio.jobs import advice


def row(cell, bits, speed=(100.0,), units=8):
    """A cell with a finished training for each number of `bits`."""
    speeds = list(speed) * (len(bits) // len(speed))
    trainings = [
        {"run": f"{cell}-{k}", "state": "finished", "parameters": 9, "nats": one, "bits": one, "speed": fast}
        | {"seconds": 60.0, "steps": 7}
        for k, (one, fast) in enumerate(zip(bits, speeds, strict=True))
    ]
    return advice.summary(cell, units, trainings)


def test_the_noise_is_pooled_within_cells():
    groups = [[2.0, 2.2], [3.0, 3.1, 3.2], [9.0]]
    found = advice.noise(groups)
    assert found.degrees == 3
    assert found.deviation == pytest.approx(math.sqrt((0.02 + 0.02) / 3))
    assert advice.noise([[1.0], [2.0], []]) is None
    limit = advice.Noise(0.1, 3).limit(2, 2)
    assert limit == pytest.approx(3.18 * 0.1)


def test_chance_alone_is_seldom_taken_for_a_difference():
    """Two cells that are equally good, trained twice each with noise: in about 19 of 20 comparisons nothing is preferred."""
    draws, taken = np.random.default_rng(0), 0
    for _ in range(1000):
        rows = [row(cell, draws.normal(2.0, 0.01, 2).tolist()) for cell in ("lstm", "gru", "rnn")][:2]
        taken += len(advice.best(rows)) == 1
    assert 30 <= taken <= 75


def test_only_what_is_beyond_the_noise_is_advice():
    rows = [
        row("rnn", [2.50, 2.52], (300.0, 310.0)),
        row("lstm", [2.00, 2.01]),
        row("gru", [2.01, 2.02], (120.0, 80.0)),
    ]
    assert advice.best(rows) == ["lstm", "gru"]
    words = advice.sentences(rows)
    assert words[0] == "LSTM learned most: 2.005 bits a character in 60 seconds."
    assert words[1].startswith("Trainings of one cell that differ in their seed alone lie 0.010 bits apart")
    assert words[2].startswith("GRU: within 0.032 bits of it, which chance alone explains.")
    assert words[3] == "Elman RNN: 2.510 bits, 25.2 % more, which is beyond chance."
    # The GRU's speeds differ as much among themselves; the RNN's do not.
    assert words[4:] == [
        "Elman RNN read 3.0 times as many characters a second as LSTM: pick it where speed counts more than 25.2 %."
    ]


def test_a_faster_cell_within_the_noise_is_free():
    rows = [row("lstm", [2.00, 2.01]), row("gru", [2.005, 2.02], (200.0, 202.0))]
    assert advice.sentences(rows)[-1] == "GRU read 2.0 times as many characters a second as LSTM: that is free here."


def test_without_repetition_no_advice_follows():
    rows = [row("lstm", [2.0]), row("rnn", [2.5], (300.0,))]
    assert advice.best(rows) == []
    assert len(advice.sentences(rows)) == 2
    assert advice.sentences(rows)[1].endswith("is not known, and no advice follows.")
    assert advice.sentences(rows[:1]) == []


def test_a_row_is_the_mean_of_what_is_done():
    found = row("lstm", [2.0, 2.4], (100.0, 300.0))
    assert (found["bits"], found["speed"], found["done"]) == (pytest.approx(2.2), 200.0, 2)
    assert found["bits"] == statistics.fmean(found["each"])
    going = [
        {
            "run": "a",
            "state": "finished",
            "parameters": 9,
            "nats": 1.0,
            "bits": 2.0,
            "speed": 5.0,
            "seconds": 1.0,
            "steps": 3,
        }
    ]
    going.append(going[0] | {"run": "b", "state": "training", "bits": 4.0})
    found = advice.summary("lstm", 8, going)
    assert (found["bits"], found["state"], found["runs"]) == (2.0, "training", ["a", "b"])
    none = advice.summary("lstm", 8, [going[0] | {"state": "waiting", "bits": None, "speed": None}])
    assert (none["bits"], none["speed"], none["state"]) == (None, None, "waiting")
