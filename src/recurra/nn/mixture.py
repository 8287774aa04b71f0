"""A mixture density head: the next point of a continuous sequence as a mixture of Gaussians (Bishop 1994).

    p(y | h) = Σ_k π_k N(y; μ_k, Σ_k)        Σ_k⁻¹ = A_kᵀ A_k, A_k lower triangular with a positive diagonal

All of π, μ and A are linear in h, apart from a softmax and the exponential of the diagonal. With A, the factor of the
inverse (Williams 1996), -log N = ½ |A (y - μ)|² - Σ log diag A + D/2 log 2π: nothing is inverted or divided by, and
numbers of any kind go with each other, as in the pen's two directions in handwriting (Graves 2013, arXiv:1308.0850).
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from recurra.config import whole
from recurra.errors import ConfigError, ShapeError

# The logarithm of a standard deviation stays within ±this, so that a component cannot shrink onto a single point.
_LOG_LIMIT = 7.0


class Mixture(NamedTuple):
    """A mixture's parameters: log_weights (..., K), means (..., K, D), factors (..., K, D, D), A in the text above."""

    log_weights: Tensor
    means: Tensor
    factors: Tensor


class MixtureDensity(nn.Module):
    """What comes next, as a density: `head = MixtureDensity(hidden_size, 2, components=20)`.

        head.nats(hidden, target)       (...), hidden (..., hidden_size), target (..., output_size)
        head.sample(hidden)             (..., output_size)

    input_size: features of what it reads. output_size: D, numbers per point; best scaled to a standard deviation of about 1.
    components: K, Gaussians. correlated: whether the numbers of a point depend on each other within a component;
    default True. Deviations stay between e⁻⁷ and e⁷. ConfigError for sizes that are not whole numbers from 1 up.
    """

    def __init__(self, input_size: int, output_size: int, components: int = 10, correlated: bool = True):
        super().__init__()
        for name, size in {"input_size": input_size, "output_size": output_size, "components": components}.items():
            whole(name, size, of="MixtureDensity")
        self.output_size, self.components, self.correlated = output_size, components, correlated
        below = output_size * (output_size - 1) // 2 if correlated else 0
        self.linear = nn.Linear(input_size, components * (1 + 2 * output_size + below))
        nn.init.xavier_uniform_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)
        with torch.no_grad():  # components that start alike would stay alike
            self.linear.bias[components : components * (1 + output_size)].normal_()

    def forward(self, hidden: Tensor) -> Mixture:
        """The mixture after hidden (..., input_size)."""
        if hidden.shape[-1:] != (self.linear.in_features,):
            raise ShapeError(
                f"MixtureDensity: `hidden` is {tuple(hidden.shape)}; expected (..., {self.linear.in_features})"
            )
        K, D = self.components, self.output_size
        numbers = self.linear(hidden)
        numbers = (
            numbers if numbers.dtype == torch.float64 else numbers.float()
        )  # a density needs more than half a float
        weights, means, logs, below = numbers.split([K, K * D, K * D, self._below * K], -1)
        factors = torch.diag_embed((_LOG_LIMIT * torch.tanh(logs / _LOG_LIMIT)).exp().unflatten(-1, (K, D)))
        if self._below:
            rows, columns = torch.tril_indices(D, D, -1, device=hidden.device)
            factors[..., rows, columns] = below.unflatten(-1, (K, self._below))
        return Mixture(weights.log_softmax(-1), means.unflatten(-1, (K, D)), factors)

    @property
    def _below(self) -> int:
        """Numbers below the diagonal of one factor."""
        return self.output_size * (self.output_size - 1) // 2 if self.correlated else 0

    def nats(self, hidden: Tensor, target: Tensor) -> Tensor:
        """Minus the log-density of target (..., D) after hidden (..., input_size): (...). ShapeError if they differ."""
        if target.shape != (*hidden.shape[:-1], self.output_size):
            raise ShapeError(
                f"MixtureDensity: `target` is {tuple(target.shape)}; expected"
                f" {(*hidden.shape[:-1], self.output_size)}, as `hidden` is {tuple(hidden.shape)}"
            )
        log_weights, means, factors = self(hidden)
        errors = (factors * (target[..., None, :] - means)[..., None, :]).sum(
            -1
        )  # no product that autocast would round
        spread = factors.diagonal(dim1=-2, dim2=-1).log().sum(-1) - self.output_size / 2 * math.log(2 * math.pi)
        return -torch.logsumexp(log_weights + spread - errors.square().sum(-1) / 2, -1)

    def sample(self, hidden: Tensor, bias: float = 0.0, generator: torch.Generator | None = None) -> Tensor:
        """Draw a point (..., D) after hidden (..., input_size).

        bias: 0 draws as the density is; above, standard deviations shrink by e⁻ᵇ and likely components become likelier, which
        makes neater writing (Graves 2013, section 5.4). ConfigError for a bias below 0 or without end.
        """
        if not 0 <= bias < math.inf:
            raise ConfigError(f"MixtureDensity: `bias` is {bias!r}; expected a number from 0 up, such as 0.5")
        log_weights, means, factors = self(hidden)
        weights = (log_weights * (1 + bias)).softmax(-1)
        drawn = torch.multinomial(weights.reshape(-1, self.components), 1, generator=generator)
        chosen = drawn.view(*weights.shape[:-1], 1, 1)
        mean = means.take_along_dim(chosen, -2)[..., 0, :]
        factor = factors.take_along_dim(chosen[..., None], -3)[..., 0, :, :]
        noise = torch.randn(mean.shape, dtype=mean.dtype, device=mean.device, generator=generator)
        spread = torch.linalg.solve_triangular(factor, noise[..., None], upper=False)[..., 0]
        return (mean + spread * math.exp(-bias)).to(hidden.dtype)
