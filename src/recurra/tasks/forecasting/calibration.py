"""Conformal calibration: how far each quantile was off on steps that training did not see, and is moved by from then on.

    shift of level q at step h = the q-th quantile of (value - forecast quantile), in the unit of its window

So the part of new values below a quantile is about its level, whatever the network is like, as long as the future resembles the
steps that were held out (Vovk, Gammerman & Shafer 2005; by quantiles Romano, Patterson & Candès 2019, arXiv:1905.03222).
"""

import numpy as np
import torch

from recurra.tasks.forecasting.model import Ensemble
from recurra.tasks.forecasting.predicting import inference
from recurra.tasks.forecasting.series.windows import SeriesWindows

LEAST = 5
"""Errors below which a quantile is left as it is."""
BY_STEP = 200
"""Windows from which on each step ahead has its own shift."""
_CHUNK = 512


def fits(model: Ensemble) -> bool:
    """Whether a model's quantiles can be moved: of a distribution of counts they are whole, and paths have none."""
    return model.direct and model.config.head not in ("mean", "negative-binomial")


def errors(model: Ensemble, windows: SeriesWindows, series: np.ndarray, cuts: np.ndarray) -> np.ndarray:
    """(n, H, quantiles) values less quantiles, in the windows' units; NaN where nothing was measured."""
    config, found = model.config, []
    levels = torch.tensor(config.quantiles)
    with inference():
        for at in range(0, len(series), _CHUNK):
            batch = windows.batch(series[at : at + _CHUNK], cuts[at : at + _CHUNK], config.horizon, model.device)
            off = batch.target[..., None] - model.quantiles(batch, levels.to(batch.target))
            off = torch.where(batch.weight[..., None] > 0, off, torch.nan)
            found.append(off.transpose(0, 1).double().cpu().numpy())
    return np.concatenate(found) if found else np.zeros((0, config.horizon, len(config.quantiles)))


def shifts(off: np.ndarray, levels: tuple[float, ...]) -> np.ndarray | None:
    """(H, quantiles) what to add to each quantile, in the windows' units; None if there are too few errors.

    off: from `errors`. The median stays: it is the forecast. A level is taken a little further out than the errors say, as many
    errors as there are allow (the finite-sample term of conformal prediction).
    """
    steps = off.shape[1]
    off = off[np.isfinite(off).all(-1).any(-1)]
    together = len(off) < BY_STEP
    groups = [off.reshape(-1, off.shape[-1])] if together else [off[:, h] for h in range(steps)]
    rows = []
    for group in groups:
        group = group[np.isfinite(group).all(-1)]
        if len(group) < LEAST:
            return None
        row = []
        for k, level in enumerate(levels):
            further = np.ceil if level > 0.5 else np.floor
            place = int(np.clip(further((len(group) + 1) * level), 1, len(group))) - 1
            row.append(0.0 if level == 0.5 else float(np.sort(group[:, k])[place]))
        rows.append(row)
    return np.array(rows * steps if together else rows)
