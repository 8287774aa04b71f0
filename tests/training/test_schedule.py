"""Learning rates over a run: where they begin, peak and end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recurra.training import TrainingConfig, rate
from recurra.training.schedule import SCHEDULES


@given(st.sampled_from(list(SCHEDULES)), st.floats(0, 1), st.integers(1, 1000), st.data(), st.floats(1e-6, 10))
def test_a_rate_is_positive_and_never_above_lr(schedule, warmup, steps, data, lr):
    config = TrainingConfig(schedule=schedule, warmup=warmup, lr=lr)
    step = data.draw(st.integers(0, steps - 1))
    assert 0 < rate(config, (step + 0.5) / steps) <= lr * (1 + 1e-9)


@pytest.mark.parametrize(
    ("schedule", "first", "last"),
    [("one-cycle", 1 / 25, 0.0), ("cosine", 0.0, 0.1), ("linear", 0.0, 0.0), ("constant", 0.0, 1.0)],
)
def test_where_schedules_begin_peak_and_end(schedule, first, last):
    config = TrainingConfig(schedule=schedule, warmup=0.25, lr=1.0)
    rates = [rate(config, (step + 0.5) / 10_000) for step in range(10_000)]
    assert rates[0] == pytest.approx(first, abs=1e-3)
    assert rates[2500] == pytest.approx(1, abs=1e-3)
    assert rates[-1] == pytest.approx(last, abs=1e-3)
    assert max(abs(a - b) for a, b in zip(rates, rates[1:], strict=False)) < 1e-3  # no jump
    assert rates[:2500] == sorted(rates[:2500])
    assert rates[2500:] == sorted(rates[2500:], reverse=True)
