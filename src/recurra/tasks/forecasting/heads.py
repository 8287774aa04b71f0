"""What is forecast for a step: quantiles, or the parameters of a distribution. All on the scale of the window.

A head reads raw numbers of each step, as many as `start` has, with a base, the value to start from, and the size of the
window's scale, and makes parameters of them. The raw numbers begin at `start`: a spread of about a third of the scale.
"""

from types import ModuleType
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.distributions import NegativeBinomial, StudentT

from recurra.errors import ConfigError, setting
from recurra.tasks.forecasting.config import ForecastConfig


class Mean:
    """The mean alone: squared error."""

    def __init__(self, config: ForecastConfig):
        self.start = torch.zeros(1)

    def read(self, raw: Tensor, base: Tensor, size: Tensor) -> Any:
        return raw[..., 0] + base

    def loss(self, mean: Tensor, target: Tensor) -> Tensor:
        return (mean - target) ** 2

    def quantiles(self, mean: Tensor, levels: Tensor) -> Tensor:
        return mean[..., None].expand(*mean.shape, len(levels))

    def sample(self, mean: Tensor) -> Tensor:
        return mean


class Quantiles:
    """Values that the truth falls below with given chances: pinball loss (Koenker & Bassett 1978)."""

    def __init__(self, config: ForecastConfig):
        self.levels = torch.tensor(sorted({*config.quantiles, 0.5}))
        self.start = 0.3 * torch.special.ndtri(self.levels)

    def read(self, raw: Tensor, base: Tensor, size: Tensor) -> Any:
        return raw + base[..., None]

    def loss(self, found: Tensor, target: Tensor) -> Tensor:
        off, levels = target[..., None] - found, self.levels.to(found)
        return 2 * torch.maximum(levels * off, (levels - 1) * off).mean(-1)

    def quantiles(self, found: Tensor, levels: Tensor) -> Tensor:
        """Between and beyond the levels of the head, along straight lines; crossed ones sorted (Chernozhukov 2010)."""
        found, own = found.sort(-1).values, self.levels.to(found)
        if len(self.levels) == 1:
            return found.expand(*found.shape[:-1], len(levels))
        right = torch.searchsorted(own, levels.to(own)).clamp(1, len(own) - 1)
        low, high = own[right - 1], own[right]
        return torch.lerp(found[..., right - 1], found[..., right], (levels.to(own) - low) / (high - low))

    def sample(self, found: Tensor) -> Tensor:
        if len(self.levels) == 1:
            return found[..., 0]
        found, own = found.sort(-1).values, self.levels.to(found)
        chance = torch.rand(found.shape[:-1], device="cpu")
        right = torch.searchsorted(own, chance).clamp(1, len(own) - 1)
        share = (chance - own[right - 1]) / (own[right] - own[right - 1])
        low, high = (found.gather(-1, at[..., None])[..., 0] for at in (right - 1, right))
        return torch.lerp(low, high, share)


class Gaussian:
    """Mean and standard deviation of a normal distribution."""

    def __init__(self, config: ForecastConfig):
        self.start = torch.tensor([0.0, -1.0])

    def read(self, raw: Tensor, base: Tensor, size: Tensor) -> Any:
        return raw[..., 0] + base, _positive(raw[..., 1])

    def loss(self, found: Any, target: Tensor) -> Tensor:
        mean, deviation = found
        return 0.5 * ((target - mean) / deviation) ** 2 + deviation.log() + 0.9189385332

    def quantiles(self, found: Any, levels: Tensor) -> Tensor:
        mean, deviation = found
        return mean[..., None] + deviation[..., None] * torch.special.ndtri(levels.to(mean))

    def sample(self, found: Any) -> Tensor:
        return torch.normal(*found)


class _Distribution:
    """A distribution of torch.distributions, whose quantiles, which those have not, are SciPy's."""

    def __init__(self, config: ForecastConfig):
        _stats()  # raises now, not after the training

    def loss(self, found: Any, target: Tensor) -> Tensor:
        return -self.distribution(found).log_prob(target)

    def sample(self, found: Any) -> Tensor:
        return self.distribution(found).sample()

    def quantiles(self, found: Any, levels: Tensor) -> Tensor:
        parameters = [part[..., None].double().cpu().numpy() for part in found]
        return torch.from_numpy(self.exact(levels.double().cpu().numpy(), *parameters)).to(found[0])


class Student(_Distribution):
    """Student's t: a normal distribution with heavier tails; more than two degrees of freedom, so that it has a variance."""

    start = torch.tensor([0.0, -1.0, 0.0])

    def read(self, raw: Tensor, base: Tensor, size: Tensor) -> Any:
        return raw[..., 0] + base, _positive(raw[..., 1]), 2.0 + F.softplus(raw[..., 2] + 2.0)

    def distribution(self, found: Any) -> StudentT:
        centre, scale, freedom = found
        return StudentT(freedom, centre, scale, validate_args=False)

    def exact(self, levels, centre, scale, freedom):
        return _stats().t.ppf(levels, freedom, centre, scale)


class Counts(_Distribution):
    """Negative binomial: counts whose variance is mean + dispersion * mean² (Salinas et al. 2020, arXiv:1704.04110)."""

    start = torch.tensor([0.0, -2.0])

    def read(self, raw: Tensor, base: Tensor, size: Tensor) -> Any:
        return size * F.softplus(raw[..., 0] + base), _positive(raw[..., 1]), size.expand_as(base)

    def distribution(self, found: Any) -> NegativeBinomial:
        mean, dispersion, _ = found
        return NegativeBinomial(1 / dispersion, logits=(mean * dispersion).log(), validate_args=False)

    def loss(self, found: Any, target: Tensor) -> Tensor:
        return super().loss(found, (target * found[2]).round())

    def exact(self, levels, mean, dispersion, size):
        return _stats().nbinom.ppf(levels, 1 / dispersion, 1 / (1 + mean * dispersion)) / size

    def sample(self, found: Any) -> Tensor:
        return super().sample(found) / found[2]

    def mean(self, found: Any) -> Tensor:
        """On the window's scale, as everything else."""
        return found[0] / found[2]


HEADS = {"quantiles": Quantiles, "gaussian": Gaussian, "student-t": Student, "negative-binomial": Counts, "mean": Mean}


def _stats() -> ModuleType:
    try:
        from scipy import stats
    except ImportError as error:
        raise ConfigError(f"quantiles of this {setting('head')} need SciPy: pip install 'recurra[forecast]'") from error
    return stats


def _positive(raw: Tensor) -> Tensor:
    return F.softplus(raw) + 1e-3
