"""Heads: the loss is least at the truth, and quantiles are those of the tables."""

import sys

import pytest
import torch

from recurra.errors import ConfigError
from recurra.tasks.forecasting.config import ForecastConfig
from recurra.tasks.forecasting.heads import HEADS


def head_of(name, **settings):
    return HEADS[name](ForecastConfig(head=name, **settings))


@pytest.mark.parametrize("name", ["gaussian", "student-t", "negative-binomial", "quantiles"])
def test_a_heads_loss_is_least_at_the_truth_and_its_draws_have_its_quantiles(name):
    head, unit = head_of(name, samples=20000), torch.full((1,), 4.0)
    raw = (
        torch.tensor([[0.3, 0.8, 0.4]])[:, : len(head.start)]
        if name != "quantiles"
        else torch.tensor([[-1.0, 0.2, 2.0]])
    )
    base = torch.tensor([1.5])
    found = head.read(raw, base, unit)
    levels = torch.tensor([0.2, 0.5, 0.8])
    many = head.read(raw.expand(20000, -1), base.expand(20000), unit)
    drawn = head.sample(many)
    want = drawn.quantile(levels)
    assert torch.allclose(head.quantiles(found, levels)[0], want, atol=0.12 if name != "negative-binomial" else 0.26)
    raw = raw.expand(20000, -1)
    best = head.loss(head.read(raw, base, unit), drawn).mean()
    for k in range(len(head.start)):
        for step in (-0.7, 0.7):
            off = raw.clone()
            off[:, k] += step
            assert head.loss(head.read(off, base, unit), drawn).mean() > best, (k, step)


def test_quantiles_of_students_t_are_those_of_the_tables():
    """Four degrees of freedom: 1.5332 at 0.9, 2.7764 at 0.975."""
    levels = torch.tensor([0.025, 0.5, 0.9, 0.975])
    found = head_of("student-t").quantiles((torch.tensor([5.0]), torch.tensor([2.0]), torch.tensor([4.0])), levels)
    assert found[0].tolist() == pytest.approx([5 - 2 * 2.7764, 5, 5 + 2 * 1.5332, 5 + 2 * 2.7764], abs=1e-3)


def test_a_head_that_lacks_its_package_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy", None)
    with pytest.raises(ConfigError, match=r"quantiles of this `head` need SciPy: pip install 'recurra\[forecast\]'"):
        head_of("student-t")


def test_a_quantile_of_counts_is_the_least_that_has_the_chance():
    head, unit = head_of("negative-binomial"), torch.tensor([1.0, 1.0, 4.0, 1.0])
    found = torch.tensor([0.4, 50.0, 300.0, 0.0]), torch.tensor([1.0, 0.2, 0.01, 0.5]), unit
    levels = torch.tensor([0.1, 0.5, 0.9])
    counts = (head.quantiles(found, levels) * unit[:, None]).round()
    chances = head.distribution(tuple(part[:, None] for part in found)).log_prob(torch.arange(600.0)).double().exp()
    for k in range(3):
        want = (chances[:3].cumsum(1) < levels[k]).sum(1)
        assert counts[:3, k].tolist() == want.tolist()
    assert counts[3].tolist() == [0, 0, 0]


def test_quantiles_that_cross_are_sorted_and_go_on_straight_between():
    head = head_of("quantiles", quantiles=(0.2, 0.4))
    found = head.read(torch.tensor([[3.0, 1.0, 2.0]]), torch.tensor([10.0]), torch.ones(1))
    assert head.levels.tolist() == pytest.approx([0.2, 0.4, 0.5])
    got = head.quantiles(found, torch.tensor([0.2, 0.3, 0.4, 0.5, 0.6]))[0]
    assert got.tolist() == pytest.approx([11, 11.5, 12, 13, 14], abs=1e-4)
