"""The mixture density head against its formula, its draws against its density; and the handwriting that uses it."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from recurra.errors import ConfigError, ShapeError
from recurra.nn.mixture import MixtureDensity

sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))
import handwriting


def head(output_size=2, components=3, correlated=True, scale=0.8):
    made = MixtureDensity(5, output_size, components, correlated).double()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.normal_(0, scale)
    return made


@pytest.mark.parametrize("correlated", [True, False])
@pytest.mark.parametrize("size", [1, 2, 4])
def test_nats_follow_the_formula(size, correlated):
    """Means, covariances and weights from the raw numbers, then the textbook's density, in numpy."""
    made, K = head(size, 3, correlated), 3
    hidden, target = torch.randn(6, 5, dtype=torch.float64), torch.randn(6, size, dtype=torch.float64)
    got = made.nats(hidden, target).detach().numpy()
    for row, y, nats in zip(made.linear(hidden).detach().numpy(), target.numpy(), got, strict=True):
        means = row[K : K + K * size].reshape(K, size)
        logs = row[K + K * size : K + 2 * K * size].reshape(K, size)
        below = row[K + 2 * K * size :].reshape(K, -1)
        weights = np.exp(row[:K]) / np.exp(row[:K]).sum()
        density = 0.0
        for k in range(K):
            A = np.diag(np.exp(7 * np.tanh(logs[k] / 7)))
            if correlated:
                A[np.tril_indices(size, -1)] = below[k]
            covariance = np.linalg.inv(A.T @ A)
            error = y - means[k]
            exponent = -error @ np.linalg.inv(covariance) @ error / 2
            density += weights[k] * np.exp(exponent) / np.sqrt((2 * np.pi) ** size * np.linalg.det(covariance))
        assert nats == pytest.approx(-np.log(density), rel=1e-9)


def test_the_density_sums_to_one():
    made = head(2, 4, scale=0.25)
    line = torch.linspace(-20, 20, 601, dtype=torch.float64)
    grid = torch.cartesian_prod(line, line)
    with torch.no_grad():
        density = torch.exp(-made.nats(torch.randn(5, dtype=torch.float64).expand(len(grid), -1), grid))
    assert float(density.sum() * (line[1] - line[0]) ** 2) == pytest.approx(1, abs=1e-3)


def test_draws_have_the_densitys_mean_and_covariance():
    made, hidden = head(2, 3, scale=0.5), torch.randn(5, dtype=torch.float64)
    with torch.no_grad():
        log_weights, means, factors = made(hidden)
        drawn = made.sample(hidden.expand(60_000, -1), generator=torch.Generator().manual_seed(1))
    weights = log_weights.exp()[:, None]
    mean = (weights * means).sum(0)
    within = torch.linalg.inv(factors.mT @ factors)
    between = (means - mean)[:, :, None] * (means - mean)[:, None]
    covariance = (weights[..., None] * (within + between)).sum(0)
    assert float((drawn.mean(0) - mean).abs().max()) < 0.03 * float(covariance.diagonal().max().sqrt())
    assert float((torch.cov(drawn.T) - covariance).abs().max()) < 0.04 * float(covariance.abs().max())


def test_bias_makes_draws_narrower_and_a_seed_repeats_them():
    made, hidden = head(2, 1), torch.randn(5, dtype=torch.float64).expand(4000, -1)
    with torch.no_grad():
        wide, same, narrow = (
            made.sample(hidden, bias, torch.Generator().manual_seed(1)).std(0) for bias in (0.0, 0.0, 1.5)
        )
    assert torch.equal(wide, same)
    assert torch.allclose(narrow, wide * np.exp(-1.5))


@pytest.mark.parametrize("bias", [-1, float("nan"), float("inf")])
def test_a_bias_that_cannot_be_is_told(bias):
    with pytest.raises(ConfigError, match=f"`bias` is {bias}; expected a number from 0 up"):
        MixtureDensity(3, 2).sample(torch.zeros(1, 3), bias)


def test_the_largest_bias_gives_the_likeliest_mean():
    head, hidden = MixtureDensity(3, 2), torch.randn(4, 3)
    log_weights, means, _ = head(hidden)
    likeliest = means[torch.arange(4), log_weights.argmax(-1)]
    assert torch.equal(head.sample(hidden, 1e6), likeliest)


def test_bias_makes_likely_components_likelier():
    made = MixtureDensity(1, 1, components=2)
    with torch.no_grad():
        made.linear.weight.zero_()
        made.linear.bias.copy_(torch.tensor([np.log(0.7), np.log(0.3), 5.0, -5.0, 0.0, 0.0]))  # weights, means, spreads
        drawn = made.sample(torch.ones(20_000, 1), bias=1.0, generator=torch.Generator().manual_seed(1))
    assert float((drawn > 0).double().mean()) == pytest.approx(0.49 / (0.49 + 0.09), abs=0.01)


@pytest.mark.parametrize("scale", [0.0, 1e-3, 30.0, 1e4])
@pytest.mark.parametrize("far", [0.0, 1e3])
def test_nats_and_gradients_stay_finite(scale, far):
    """Components that would shrink to a point or spread without end, and targets far outside, in float32."""
    made = head(2, 5, scale=scale).float()
    hidden = torch.randn(8, 5, requires_grad=True)
    target = torch.full((8, 2), far)
    nats = made.nats(hidden, target)
    gradients = torch.autograd.grad(nats.sum(), [hidden, *made.parameters()])
    assert torch.isfinite(nats).all()
    assert all(torch.isfinite(gradient).all() for gradient in gradients)


def test_shapes_and_slips_are_told():
    made = MixtureDensity(5, 2, components=3)
    assert made.nats(torch.randn(4, 7, 5), torch.randn(4, 7, 2)).shape == (4, 7)
    assert made.sample(torch.randn(4, 7, 5)).shape == (4, 7, 2)
    assert made.sample(torch.randn(5)).shape == (2,)
    with pytest.raises(ShapeError, match=r"`hidden` is \(4, 6\); expected \(..., 5\)"):
        made(torch.randn(4, 6))
    with pytest.raises(ShapeError, match=r"`target` is \(4, 3\); expected \(4, 2\), as `hidden` is \(4, 5\)"):
        made.nats(torch.randn(4, 5), torch.randn(4, 3))
    for wrong in (0, 2.5, True, "2"):
        with pytest.raises(ConfigError, match=f"`components` is {wrong!r}; expected a whole number, 1 or more"):
            MixtureDensity(5, 2, components=wrong)


def test_two_answers_to_one_question_are_learned():
    """Where y is 1 or -1 by chance, a mean would say 0; the mixture says both."""
    torch.manual_seed(0)
    made, x = MixtureDensity(1, 1, components=2), torch.ones(256, 1)
    y = torch.where(torch.rand(256, 1) < 0.5, 1.0, -1.0) + 0.05 * torch.randn(256, 1)
    optimizer = torch.optim.Adam(made.parameters(), 0.05)
    for _ in range(150):
        optimizer.zero_grad()
        made.nats(x, y).mean().backward()
        optimizer.step()
    with torch.no_grad():
        drawn = made.sample(torch.ones(500, 1))
        assert float(((drawn.abs() - 1).abs() < 0.2).float().mean()) > 0.95
        assert 0.3 < float((drawn > 0).float().mean()) < 0.7


def test_handwriting_is_made_learned_and_drawn(tmp_path):
    random = np.random.default_rng(0)
    points = handwriting.word(random)
    assert points.shape[1] == 3
    assert points[:, 2].sum() == 2, "two words, each ended by a lifted pen"
    model, outcome = handwriting.train(words=60, epochs=3, hidden_size=32, components=4)
    assert outcome["best"] < 3.0
    written = model.write(40, seed=1, bias=0.5)
    assert written.shape == (40, 3)
    assert np.array_equal(written, model.write(40, seed=1, bias=0.5))
    handwriting.draw({"a": points, "b": written}, tmp_path / "strokes.png")
    assert (tmp_path / "strokes.png").stat().st_size > 3000


def test_half_precision_stops_at_the_products(monkeypatch):
    made = head().float()
    hidden, target = torch.randn(6, 5), 9 * torch.randn(6, 2)
    with torch.autocast("cpu", torch.bfloat16):
        nats, drawn, numbers = made.nats(hidden, target), made.sample(hidden), made.linear(hidden)
    monkeypatch.setattr(made.linear, "forward", lambda hidden: numbers)
    assert torch.allclose(nats, made.nats(hidden, target), rtol=1e-6)
    assert (numbers.dtype, nats.dtype, drawn.dtype) == (torch.bfloat16, torch.float32, torch.float32)
    made = head().bfloat16()
    assert made.sample(hidden.bfloat16()).dtype == torch.bfloat16
