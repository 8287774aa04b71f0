"""Conformal calibration: how wide intervals have to be, by steps that training did not see, and how wide they are made.

    factor of an interval = the quantile of (distance of a value from the median / distance of its side's quantile)

So an interval of 80 % holds 80 % of those steps, and of new ones, as long as the future resembles them (Vovk, Gammerman &
Shafer 2005; for quantiles Romano, Patterson & Candès 2019, arXiv:1905.03222). All series and steps ahead share the factor, and
so do both sides of an interval: windows that overlap are off together, and what a few of them say of one side or of one step
is chance (decision 14).
"""

import numpy as np
import torch

from recurra.tasks.forecasting.model import Ensemble
from recurra.tasks.forecasting.predicting import inference
from recurra.tasks.forecasting.series.windows import SeriesWindows

LEAST = 5
"""Errors below which intervals are left as they are."""
FEW = 10
"""Horizons, one after another, below which no interval is made narrower: so few may be easy ones."""
_THIN = 1e-3  # least distance of a quantile from the median, in the unit of its window
_CHUNK = 512


def fits(model: Ensemble) -> bool:
    """Whether a model's quantiles can be moved: of a distribution of counts they are whole, and paths have none."""
    return model.direct and model.config.head not in ("mean", "negative-binomial")


def widths(model: Ensemble, windows: SeriesWindows, series: np.ndarray, cuts: np.ndarray) -> tuple[float, ...] | None:
    """(quantiles,) how many times as far from the median each quantile has to be; None where there are too few errors.

    series, cuts: (n,) the windows that training did not see, those of a series one after another.
    """
    off = errors(model, windows, series, cuts)
    return factors(off, model.config.quantiles, horizons(series, cuts, model.config.horizon))


def horizons(series: np.ndarray, cuts: np.ndarray, horizon: int) -> float:
    """How many horizons follow one another in the steps that these windows forecast."""
    _, first, windows = np.unique(series, return_index=True, return_counts=True)
    last = first + windows - 1
    return float((cuts[last] - cuts[first] + horizon).sum() / horizon)


def errors(model: Ensemble, windows: SeriesWindows, series: np.ndarray, cuts: np.ndarray) -> np.ndarray:
    """(n, H, 1 + quantiles) values less the median and the quantiles, in the windows' units; NaN where nothing was measured."""
    config, found = model.config, []
    levels = torch.tensor((0.5, *config.quantiles))
    with inference():
        for at in range(0, len(series), _CHUNK):
            batch = windows.batch(series[at : at + _CHUNK], cuts[at : at + _CHUNK], config.horizon, model.device)
            off = batch.target[..., None] - model.quantiles(batch, levels.to(batch.target))
            off = torch.where(batch.weight[..., None] > 0, off, torch.nan)
            found.append(off.transpose(0, 1).double().cpu().numpy())
    return np.concatenate(found) if found else np.zeros((0, config.horizon, len(levels)))


def factors(off: np.ndarray, levels: tuple[float, ...], count: float) -> tuple[float, ...] | None:
    """(quantiles,) the factor of each level. off: from `errors`. levels: rising. count: from `horizons`.

    Two levels that are as far from 0.5 are the ends of an interval, and share a factor; one that is alone has its own.
    """
    off = off.reshape(-1, off.shape[-1])
    off = off[np.isfinite(off).all(-1)]
    if len(off) < LEAST:
        return None
    # Where a value lies on the way from the median to each quantile: above 1 it is beyond.
    sides = np.sign(np.asarray(levels) - 0.5)
    beyond = off[:, :1] * sides / np.maximum((off[:, :1] - off[:, 1:]) * sides, _THIN)
    found = []
    for level in levels:
        ends = [k for k, other in enumerate(levels) if np.isclose(abs(other - 0.5), abs(level - 0.5))]
        inside = abs(2 * level - 1) if len(ends) == 2 else max(level, 1 - level)
        needed = np.quantile(beyond[:, ends].max(1), inside, method="higher")
        found.append(1.0 if level == 0.5 else max(float(needed), 1.0 if count < FEW else 0.0))
    return tuple(found)
