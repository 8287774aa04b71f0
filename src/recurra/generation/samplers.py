"""Scores → the token: temperature, filters, draw. Pure functions on float64 rows over the vocabulary.

    logits + bias ─ penalties ─ softmax(· / temperature) ─ top_k ─ top_p ─ min_p ─ draw at u

Every function takes (..., V) and treats each row alone. Ties go to the lower id, sums run in the order of the
ids, and all arithmetic is in doubles, so that another language draws the same token from the same scores.

Top-k: Fan, Lewis & Dauphin 2018; top-p: Holtzman et al. 2020; min-p: Nguyen et al. 2024; penalty: Keskar et
al. 2019.
"""

import numpy as np


def softmax(logits: np.ndarray, temperature: np.ndarray | float = 1.0) -> np.ndarray:
    """Scores (..., V) → probabilities (..., V). temperature: a number or (..., 1); 0 = all on the highest."""
    below = logits - logits.max(-1, keepdims=True)
    temperature = np.asarray(temperature, np.float64)
    # A tiny temperature sends every score but the highest to minus infinity: that is its limit, not an
    # accident.
    with np.errstate(over="ignore"):
        weights = np.exp(below / np.where(temperature > 0, temperature, 1.0))
    if (temperature == 0).any():
        weights = np.where(temperature > 0, weights, _one_hot(below))
    return weights / weights.sum(-1, keepdims=True)


def penalise(logits: np.ndarray, recent: np.ndarray, penalty: float) -> np.ndarray:
    """The scores (V,) with those of the tokens `recent` divided by the penalty; negative ones multiplied."""
    logits, recent = logits.copy(), np.unique(recent)
    scores = logits[recent]
    logits[recent] = np.where(scores > 0, scores / penalty, scores * penalty)
    return logits


def discourage(logits: np.ndarray, counts: np.ndarray, presence: float, frequency: float) -> np.ndarray:
    """The scores (..., V) less `presence` for every token drawn, and `frequency` for each time; counts (..., V)."""
    return logits - np.where(counts > 0, presence + frequency * counts, 0.0)


def top_k(probabilities: np.ndarray, k: int) -> np.ndarray:
    """Keep the k most likely tokens; 0 keeps all."""
    return _keep(probabilities, _ranks(probabilities) < k) if k else probabilities


def top_p(probabilities: np.ndarray, share: float) -> np.ndarray:
    """Keep the fewest most likely tokens that together reach `top_p`; 1 keeps all."""
    if share >= 1:
        return probabilities
    order = np.argsort(-probabilities, axis=-1, kind="stable")
    ordered = np.take_along_axis(probabilities, order, -1)
    before = np.cumsum(ordered, -1) - ordered
    kept = np.empty(probabilities.shape, bool)
    # The most likely token stays whatever the rounding.
    np.put_along_axis(kept, order, (before < share) | (np.arange(ordered.shape[-1]) == 0), -1)
    return _keep(probabilities, kept)


def min_p(probabilities: np.ndarray, share: float) -> np.ndarray:
    """Keep the tokens at least `share` times as likely as the most likely one; 0 keeps all."""
    return (
        _keep(probabilities, probabilities >= share * probabilities.max(-1, keepdims=True)) if share else probabilities
    )


# The filters in the order they act; each is a setting of the same name.
FILTERS = {"top_k": top_k, "top_p": top_p, "min_p": min_p}


def draw(probabilities: np.ndarray, uniform: np.ndarray) -> np.ndarray:
    """The token (...) where the running sum of probabilities (..., V) first exceeds uniform (...)."""
    running = np.cumsum(probabilities, -1)
    return (running <= np.asarray(uniform)[..., None] * running[..., -1:]).sum(-1)


def _keep(probabilities, kept):
    rest = np.where(kept, probabilities, 0.0)
    return rest / rest.sum(-1, keepdims=True)


def _ranks(probabilities):
    order = np.argsort(-probabilities, axis=-1, kind="stable")
    return np.argsort(order, axis=-1, kind="stable")


def _one_hot(scores):
    return (np.arange(scores.shape[-1]) == scores.argmax(-1)[..., None]).astype(np.float64)
