"""What held-out sequences show of a classifier's probabilities: one temperature for all, and sets that hold the right label.

    temperature(scores, y, weights)    what scores are divided by before the softmax (Guo et al. 2017, arXiv:1706.04599)
    likelier(p)                        of each label the probability of all that are likelier
    bound(held, coverage)              how much of that a label of a set may have

A set takes the likeliest labels, one after the other, until those before have more than the bound: adaptive prediction sets
(Romano, Sesia & Candès 2020, arXiv:2006.02544), without their random last label, so that a set is never empty and always the
same. The bound is a quantile of what the right labels of held-out sequences had before them; so a set holds the right label at
least as often as it promises, whatever the network is like, where new sequences are like those (Vovk, Gammerman & Shafer 2005).
"""

import math

import numpy as np
import torch

from recurra.errors import ConfigError, DataError, setting

TEMPERATURES = np.geomspace(0.25, 4.0, 41)
"""What is tried: steps of 7 %."""
LEAST = 20
"""Held-out sequences below which there is no temperature but 1."""
FOLDS = 5


def temperature(scores: np.ndarray, y: np.ndarray, weights: np.ndarray) -> float:
    """What to divide scores by, chosen by held-out sequences: `temperature(scores, y, weights)` → 1.2.

    scores: (n, classes). y: (n,) numbers of the right classes. weights: (n,) how much each counts.
    It is the one with the lowest loss, in which one sequence more is counted whose label may be any: else scores that are all
    right would be made ever larger. 1.0 where that does not lower the loss of sequences which it was not chosen by, in five
    folds, and where there are fewer than LEAST.
    """
    count = len(y)
    if count < LEAST or not weights.any():
        return 1.0
    logs = [torch.as_tensor(scores / one, device="cpu").log_softmax(1).numpy() for one in TEMPERATURES]
    losses = weights * -np.array([one[np.arange(count), y] for one in logs])  # (temperatures, n)
    any_label = weights.mean() * -np.array([one.mean() for one in logs])
    folds = np.arange(count) % FOLDS

    def best(part: np.ndarray) -> int:
        return int((losses[:, part].sum(1) + any_label).argmin())

    unseen = sum(losses[best(folds != fold)][folds == fold].sum() for fold in range(FOLDS))
    plain = losses[np.abs(TEMPERATURES - 1).argmin()].sum()
    return float(TEMPERATURES[best(folds >= 0)]) if unseen < plain else 1.0


def likelier(p: np.ndarray) -> np.ndarray:
    """(n, classes): of each label the probability of all that are likelier, 0 of the likeliest. p: (n, classes)."""
    order = np.argsort(-p, 1, kind="stable")
    falling = np.take_along_axis(p, order, 1)
    found = np.empty_like(p)
    np.put_along_axis(found, order, falling.cumsum(1) - falling, 1)
    return found


def bound(held: np.ndarray | None, coverage: float) -> float:
    """The most that labels of a set may have before them. held: (n,) what the right ones of held-out sequences had.

    ConfigError for a coverage that is no fraction, DataError if nothing, or too little, was held out for it.
    """
    if isinstance(coverage, bool) or not isinstance(coverage, int | float | np.number) or not 0 < coverage < 1:
        raise ConfigError(f"{setting('coverage')} is {coverage!r}; expected a fraction between 0 and 1, such as 0.9")
    more = f"fit with a larger {setting('validation')}"
    if held is None or not len(held):
        raise DataError(f"nothing was held out, so that no {setting('coverage')} can be promised; {more}")
    # The finite-sample term: one more than there are, as the new sequence is one of them.
    place = math.ceil((len(held) + 1) * coverage - 1e-9)
    if place > len(held):
        need = math.ceil(coverage / (1 - coverage) - 1e-9)
        raise DataError(
            f"{setting('coverage', coverage)} needs {need} held-out sequences, and this model had {len(held)}; {more}, or take"
            f" {math.floor(100 * len(held) / (len(held) + 1)) / 100:g} at most"
        )
    return float(np.sort(held)[place - 1])
