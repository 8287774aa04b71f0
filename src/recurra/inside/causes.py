"""Which earlier letters mattered for one prediction: the size of its gradient with respect to each of them.

    ‖∂ log p(x_t) / ∂ e_k‖  for k < t     e_k: what the letter at k stands for; relative to the largest

As in Madsen 2019, "Visualizing memorization in RNNs", Distill, doi:10.23915/distill.00016, which shows it over a whole text.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional as F

from recurra.errors import ConfigError
from recurra.generation.session import evaluating
from recurra.inside.reading import embedded, encode, recurrent
from recurra.tasks.language.model import LanguageModel

REACH = 300
"""Letters back to which the gradient is followed."""


@dataclass(frozen=True, eq=False)
class Influence:
    """What one prediction depended on."""

    at: int
    """The token that was predicted, from 0."""
    first: int
    """The first token that was looked at: those before it gave only the state."""
    norms: np.ndarray
    """(at - first,) float64, from 0 to 1: how much each token from `first` on mattered, relative to the largest."""


def influence(model: LanguageModel, text: str, at: int, *, reach: int = REACH) -> Influence:
    """Which tokens mattered when the one at `at` was predicted: `influence(model, text, 120).norms`.

    at: the predicted token, from 1. reach: how many tokens back to look, from 1 on; those before give the state.
    ConfigError for a place that is not there, DataError for an empty text, VocabularyError for an unknown symbol.
    """
    ids = encode(model, text)
    if not 1 <= at < len(ids):
        raise ConfigError(f"`at` is {at}; expected 1 to {len(ids) - 1}: the first token follows from nothing")
    if reach < 1:
        raise ConfigError(f"`reach` is {reach}; expected at least 1")
    context = model.config.context
    first = max(0, at - (min(reach, context) if context else reach))
    layers = recurrent(model)
    steps = torch.from_numpy(ids[: at + 1]).to(model.device)
    with torch.enable_grad(), evaluating(model):
        state = None
        if first and not context:
            with torch.no_grad():
                _, state = layers(steps[:first], embedding=embedded(model))
        start = max(0, at - context) if context else first
        x = embedded(model).detach()[steps[start:at]].requires_grad_()
        y, _ = layers(x, state)
        surprise = F.cross_entropy(model.head(y[-1:]), steps[at:])
        (gradient,) = torch.autograd.grad(surprise, x)
    norms = gradient.double().norm(dim=-1).cpu().numpy()[first - start :]
    most = norms.max()
    return Influence(at, first, norms / most if most > 0 else norms)
