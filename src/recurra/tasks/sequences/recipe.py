"""Settings that suit the number and the length of sequences of numbers, known before training. Why: docs/decisions/0015."""

from typing import Any

import numpy as np

from recurra.errors import ConfigError, setting

LEAST = 20
"""Steps of the median sequence from which on convolutions come before the recurrence."""
CHANNELS, LEFT, EPOCHS = 64, 50, 60
"""Of the convolutions; steps that are left for the recurrence, about; passes over the examples."""
FEW, BATCH = 100, 8
"""Sequences below which a batch has so many: else there would be too few updates."""


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
    if not mine["epochs"] and not mine["minutes"]:
        found["epochs"] = EPOCHS
        words += f", {EPOCHS} epochs"
    if len(X) < FEW:
        found["batch_size"] = BATCH
        words += f", batches of {BATCH}"
    return found, words
