"""Random numbers that are the same on every machine."""

import numpy as np

from recurra.generation.random import Random, fresh_seed, mix


def test_random_is_splitmix64():
    # The first outputs of SplitMix64 for seed 0 and seed 1234567, as published with the algorithm.
    assert Random(0).bits() == 0xE220A8397B1DCDAF
    stream = Random(1234567)
    assert [stream.bits() for _ in range(3)] == [6457827717110365317, 3203168211198807973, 9817491932198370423]


def test_random_streams_are_apart_and_even():
    draws = np.array([[Random(seed, sample).uniform() for sample in range(200)] for seed in range(5)])
    assert len(np.unique(draws)) == draws.size
    stream = Random(7, 3)
    many = np.array([stream.uniform() for _ in range(20_000)])
    assert ((many >= 0) & (many < 1)).all()
    assert np.abs(np.histogram(many, 10, (0, 1))[0] - 2000).max() < 200
    assert abs(np.corrcoef(many[:-1], many[1:])[0, 1]) < 0.03


def test_random_numbers_fit_a_double_exactly():
    assert mix(0) == 0
    stream = Random(2**64 - 1, 5)
    assert all((stream.uniform() * 2**53).is_integer() for _ in range(100))
    assert 0 <= fresh_seed() < 2**32
