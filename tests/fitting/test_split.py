"""What is held out, and the fingerprint of data."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from recurra.fitting.split import fingerprint, held_out


@pytest.mark.parametrize(
    ("count", "validation", "held"),
    [(10, 0.1, 1), (10, 0.01, 1), (10, 0.0, 0), (1, 0.5, 0), (10, 3, 3), (10, 10, 9), (10, 99, 9), (2, 0.9, 1)],
)
def test_a_fraction_or_a_number_is_held_out_and_one_is_always_learned_from(count, validation, held):
    train, valid = held_out(count, validation, seed=1)
    assert len(valid) == held
    assert sorted([*train, *valid]) == list(range(count))
    assert (np.diff(train) > 0).all()
    assert (np.diff(valid) > 0).all()


def test_the_seed_decides():
    one, two, other = (held_out(100, 0.2, seed)[1].tolist() for seed in (1, 1, 2))
    assert one == two != other


@pytest.mark.parametrize(("validation", "held"), [(0.25, [5, 2, 0]), (7, [5, 2, 0]), (0.5, [10, 4, 0]), (0, [0, 0, 0])])
def test_of_each_kind_the_same_fraction_never_all(validation, held):
    kinds = np.repeat([0, 1, 2], [20, 8, 1])
    train, valid = held_out(29, validation, 1, kinds)
    assert np.bincount(kinds[valid], minlength=3).tolist() == held
    assert sorted([*train, *valid]) == list(range(29))


@dataclass
class Pair:
    a: object
    b: object


VALUES = [
    1, 1.0, "1", b"1", None, True, [1], [[1]], [1, 1], ["ab", "c"], ["a", "bc"], {"a": 1}, {"a": "1"}, Pair(1, 2), Pair(2, 1),
    np.array([1]), np.array([1.0]), np.array([[1]]), np.array([1], np.int32), np.zeros(2), np.zeros((2, 0)), "\ud800", [],
]  # fmt: skip


def test_different_data_has_different_fingerprints():
    marks = [fingerprint(value) for value in VALUES]
    assert len(set(marks)) == len(VALUES)
    assert fingerprint(1, 2) not in marks


def test_the_same_data_in_another_form_has_the_same():
    assert fingerprint((1, "a")) == fingerprint([1, "a"])
    assert fingerprint(torch.ones(2)) == fingerprint(np.ones(2, np.float32))
    assert fingerprint(np.ones((4, 2))[::2]) == fingerprint(np.ones((2, 2)))
    assert fingerprint(np.array(["a", None], object)) == fingerprint(["a", None])
    assert fingerprint(np.float64(0.5)) == fingerprint(0.5)
