"""How far back the loss reaches: the norm of its gradient with respect to the input k steps before.

    ‖∂ loss_t / ∂ e_{t-k}‖     e: what the token stands for; mean over positions t, relative to k = 0

Where it is zero, nothing is learned from that far back: Hochreiter 1991; Bengio, Simard & Frasconi 1994; Pascanu,
Mikolov & Bengio 2013, arXiv:1211.5063.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from recurra.errors import ConfigError, DataError, setting
from recurra.generation.session import evaluating
from recurra.inside.reading import embedded, encode
from recurra.tasks.language.model import LanguageModel

# Positions whose gradients are computed side by side: it bounds the memory.
_ROWS = 64
LAGS = 100


@dataclass(frozen=True, eq=False)
class Memory:
    """How the gradient fades with the distance."""

    norms: np.ndarray
    """(lags + 1,) float64: mean norm of the gradient at each lag, relative to lag 0, the token before the one predicted."""
    scale: float
    """The mean norm at lag 0 itself."""
    positions: int
    """Positions of the text that the mean is over."""

    def reach(self, share: float = 0.01) -> int | None:
        """The last lag at which the norm is at least a fraction of that at lag 0; None if that is the last one measured."""
        last = int(np.flatnonzero(self.norms >= share).max())
        return None if last == len(self.norms) - 1 else last

    def words(self) -> list[str]:
        """What the numbers say, in sentences."""
        last = len(self.norms) - 1
        lines = []
        for share in (0.1, 0.01):
            reach = self.reach(share)
            far = f"is still above {share:.0%} at lag {last}, the last one measured"
            lines.append(f"The gradient {far}." if reach is None else f"Past lag {reach} it is below {share:.0%}.")
        return [f"Mean over {self.positions} positions; lag 0, the token before the predicted one, is 100%.", *lines]


def memory(model: LanguageModel, text: str, lags: int | None = None, *, positions: int = 256) -> Memory:
    """Measure how far back a model's loss reaches: `memory(model, text).norms[50]` is what is left after 50 steps.

    lags: how far to look, in tokens; default 100, or as far as the text goes.
    positions: at how many places of the text, evenly spaced, the gradient is taken; fewer where there are not so many.

    The states before each stretch come from reading the whole text. A model with a bounded `context` sees nothing
    beyond it, and the norm there is 0. DataError for a text that is too short, VocabularyError for an unknown symbol,
    ConfigError for invalid numbers.
    """
    ids = encode(model, text)
    context = model.config.context
    longest = len(ids) - 2  # one token to predict, one at lag 0
    lags = min(LAGS, max(longest, 1)) if lags is None else lags
    if lags < 1 or positions < 1:
        raise ConfigError(f"{setting('lags')} is {lags} and `positions` {positions}; expected at least 1 of each")
    first = max(lags, context - 1)  # where a whole stretch has been read
    if first > longest:
        hint = f"; the model reads {context} at a time" if context > lags else ""
        raise DataError(f"the text has {len(ids)} tokens; {setting('lags', lags)} takes at least {first + 2}{hint}")
    # Positions of the token before the predicted one.
    ends = np.unique(np.linspace(first, longest, min(positions, longest - first + 1)).astype(np.int64))
    with torch.enable_grad(), evaluating(model):
        states = None if context else _states(model, ids)
        parts = [_norms(model, ids, ends[at : at + _ROWS], lags, states) for at in range(0, len(ends), _ROWS)]
    means = np.concatenate(parts).mean(0)
    if not means[0] > 0:
        raise DataError(
            "the loss does not depend on the token before: the gradient at lag 0 is 0 all through this text"
        )
    return Memory(means / means[0], float(means[0]), len(ends))


def _states(model: LanguageModel, ids: np.ndarray) -> dict[str, Tensor]:
    """The states before each step, by name: (layers, steps, units)."""
    with torch.no_grad():
        steps = torch.from_numpy(ids).to(model.device)
        _, _, trace = model.layers(steps, embedding=embedded(model), return_states=True)
        return {name: F.pad(kept, (0, 0, 1, 0)) for name, kept in trace.states.items()}


def _norms(model: LanguageModel, ids: np.ndarray, ends: np.ndarray, lags: int, states: dict | None) -> np.ndarray:
    """(rows, lags + 1) norms of the gradient at each position in `ends`, nearest first."""
    if states is None:
        length, state = model.config.context, None
    else:
        length, rows = lags + 1, torch.from_numpy(ends - lags).to(model.device)
        state = tuple(kept[:, rows] for kept in states.values())
        state = state if len(state) > 1 else state[0]
    steps = ids[ends[:, None] + np.arange(1 - length, 2)]  # (rows, length + 1), the last of each is the predicted one
    steps = torch.from_numpy(steps).to(model.device)
    x = embedded(model).detach()[steps[:, :-1].t()].requires_grad_()
    y, _ = model.layers(x, state)
    loss = F.cross_entropy(model.head(y[-1]), steps[:, -1], reduction="sum")  # the rows do not meet
    (gradient,) = torch.autograd.grad(loss, x)
    norms = gradient.double().norm(dim=-1).flip(0).t().cpu().numpy()
    return np.pad(norms[:, : lags + 1], ((0, 0), (0, max(0, lags + 1 - length))))
