"""Settings that suit the number, the length and the scales of sequences of numbers, known before training. Why:
docs/decisions/0015."""

import math
from typing import Any

import numpy as np

from recurra.errors import ConfigError, setting
from recurra.tasks.standard import moments
from recurra.training.loop import STEPS

LEAST = 8
"""Steps of the median sequence from which on convolutions come before the recurrence."""
CHANNELS, LEFT, EPOCHS = 64, 50, 60
"""Of the convolutions; steps that are left for the recurrence, about; passes over the examples, where these are few."""
FEW, BATCH = 100, 8
"""Sequences below which a batch has so many: else there would be too few updates."""
FAR, LOOKED_AT = 100, 1000
"""How many times as large the scales of loud sequences are from which on quiet ones are flat to a network that reads all at one
scale; sequences that are looked at for it."""


def recipe(X: Any, mine: dict[str, Any], strided: bool) -> tuple[dict[str, Any], str]:
    """Settings by name, and the line that says which and why. X: checked sequences. mine: the settings as the user has them.
    strided: steps may become fewer."""
    if not strided and (mine["stride"] or 1) > 1:
        raise ConfigError(
            f"{setting('stride')} is {mine['stride']}; here each step has its own label, so that none can go"
        )
    if not len(X) or isinstance(X[0], str | list) or not mine["bidirectional"] or mine["convolutions"] == 0:
        return {}, ""
    median = int(np.median([len(row) for row in X]))
    if mine["convolutions"] is None and median < LEAST:
        return {"convolutions": 0, "stride": 1}, ""
    stride = mine["stride"] or (max(1, round(median / LEFT)) if strided else 1)
    found = {"convolutions": mine["convolutions"] or CHANNELS, "stride": stride}
    words = f"{len(X):,} sequences of about {median:,} steps: convolutions before the recurrence"
    words += f", {stride} steps become one" if stride > 1 else ""
    if mine["standardise"] is None and far_apart(X):
        found["standardise"] = "both"
        words += ", each also at its own scale, as scales are far apart"
    batch = BATCH if len(X) < FEW else mine["batch_size"]
    # Of many sequences that would take hours; they have the usual length, which ends where nothing gets better.
    if not mine["epochs"] and not mine["minutes"] and EPOCHS * math.ceil(len(X) / batch) <= STEPS:
        found["epochs"] = EPOCHS
        words += f", {EPOCHS} epochs"
    if len(X) < FEW:
        found["batch_size"] = BATCH
        words += f", batches of {BATCH}"
    return found, words


def far_apart(X: Any) -> bool:
    """Whether the standard deviations of sequences lie a factor of FAR apart, or more: the upper tenth of them and the lower,
    in the median feature. What is constant in a sequence has none."""
    own = np.stack([moments([row])[1] for row in X[:: 1 + len(X) // LOOKED_AT]])
    features = [np.quantile(of_one[of_one > 0], (0.1, 0.9)) for of_one in own.T if of_one.any()]
    return bool(features) and float(np.median([high / low for low, high in features])) >= FAR
