"""Settings that suit the number, the length and the kind of the series, known before training.

Chosen on the half CHOOSE of benchmarks/bench_forecasts.py and reported on the other: docs/decisions/0014.
"""

from typing import Any

import numpy as np

from recurra.tasks.forecasting.series.panel import Panel

FEW = 2_000
"""Windows to learn from, below which a panel is learned by heart in the usual number of steps."""
SHORT = {"epochs": 30, "dropout": 0.3, "batch_size": 16}
ZEROS = 0.4
"""Part of the values that are 0, from which on counts are intermittent."""


def recipe(panel: Panel, windows: int, held: int) -> tuple[dict[str, Any], str]:
    """Settings by name, and the line that says which and why. windows: to learn from. held: steps held out."""
    found, lines = {}, []
    if not held and windows < FEW:
        found |= SHORT
        lines.append(f"{windows:,} windows to learn from are few: {SHORT['epochs']} epochs, dropout {SHORT['dropout']}")
    values = panel.y[panel.seen]
    if intermittent(values):
        found["head"] = "negative-binomial"
        zeros = float((values == 0).mean())
        lines.append(f"{zeros:.0%} of the values are 0, all whole: counts, forecast by their mean (negative binomial)")
    return found, "; ".join(lines)


def intermittent(values: np.ndarray) -> bool:
    """Whether these are counts, many of them 0."""
    if not len(values) or values.min() < 0 or values.max() == 0 or (values != np.floor(values)).any():
        return False
    return float((values == 0).mean()) >= ZEROS


def seasonal(panel: Panel, held: int, horizon: int, season: int) -> bool:
    """Whether the value a season before is the better first guess than the last one, on the steps to learn from.

    By the mean over the series of log(error of the seasonal guess / error of the last value), over all steps of a horizon.
    """
    ratios = []
    for s in range(len(panel.ids)):
        a, b = panel.offsets[s : s + 2]
        y = np.where(panel.seen[a:b], panel.y[a:b], np.nan)[: max(b - a - held, 0)]
        if len(y) <= horizon + season:
            continue
        cuts = np.unique(np.linspace(season, len(y) - horizon, 100).astype(np.int64))
        ahead = np.arange(horizon)
        truth = y[cuts[:, None] + ahead]
        back = y[cuts[:, None] + ahead % season - season]
        errors = [
            np.nanmean(np.abs(truth - guess)) for guess in (back, y[cuts - 1][:, None]) if np.isfinite(truth).any()
        ]
        if len(errors) == 2 and np.isfinite(errors).all() and min(errors) > 0:
            ratios.append(np.log(errors[0] / errors[1]))
    return not ratios or float(np.mean(ratios)) <= 0
