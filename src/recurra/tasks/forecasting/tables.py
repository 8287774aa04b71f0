"""Forecasts as frames, with the naive forecasts beside them, and how good each is."""

from typing import Any

import numpy as np

from recurra.errors import DataError
from recurra.tasks.forecasting import baselines, metrics
from recurra.tasks.forecasting.series import columns, frames
from recurra.tasks.forecasting.series.frequency import shown
from recurra.tasks.forecasting.series.panel import Form, Panel

MODELS = ("forecast", "naive", "seasonal_naive")


def quantile_names(parts: dict[str, Any]) -> list[str]:
    """The names of the quantiles' columns: q0.1, q0.5, q0.9; none for the head that forecasts the mean alone."""
    model = parts["model"]
    return [] if model.head == "mean" else [f"q{level:g}" for level in model.quantiles]


def forecasts(
    parts: dict[str, Any],
    form: Form,
    panel: Panel,
    series: np.ndarray,
    cuts: np.ndarray,
    values: np.ndarray,
    truth: bool = False,
) -> Any:
    """A frame with a row for each window and step. values: (B, steps, 1 + quantiles)."""
    config, steps = parts["series"], values.shape[1]
    owners, places = np.repeat(series, steps), (cuts[:, None] + np.arange(steps)).reshape(-1)
    content = {}
    if form.has_ids:
        content |= dict(zip(config.id_col, name_columns([panel.ids[s] for s in owners]), strict=True))
    content[config.time_col] = form.out(panel.at(owners, places))
    if truth:
        content["cutoff"] = form.out(panel.at(owners, np.repeat(cuts - 1, steps)))
        rows = panel.offsets[owners] + places
        content[config.target_col] = np.where(panel.seen[rows], panel.y[rows], np.nan)
    flat = values.reshape(len(owners), -1)
    for k, name in enumerate(["forecast", *quantile_names(parts)]):
        content[name] = flat[:, k]
    season = parts["model"].season or panel.freq.season
    content["naive"] = baselines.naive(panel, series, cuts, steps).reshape(-1)
    content["seasonal_naive"] = baselines.seasonal_naive(panel, series, cuts, steps, season).reshape(-1)
    return frames.make(content, form, (config.time_col, *(["cutoff"] * truth)))


def residuals(
    parts: dict[str, Any], form: Form, panel: Panel, series: np.ndarray, places: np.ndarray, fitted: np.ndarray
) -> Any:
    """A frame with a row for each place, (n,), and its forecast one step before."""
    config, rows, content = parts["series"], panel.offsets[series] + places, {}
    if form.has_ids:
        content |= dict(zip(config.id_col, name_columns([panel.ids[s] for s in series]), strict=True))
    truth = np.where(panel.seen[rows], panel.y[rows], np.nan)
    content |= {config.time_col: form.out(panel.at(series, places)), config.target_col: truth}
    return frames.make(content | {"fitted": fitted, "residual": truth - fitted}, form, (config.time_col,))


def name_columns(names: list) -> list[list]:
    """Names of series as the columns that they stand in."""
    return [list(part) for part in zip(*names, strict=True)] if names and isinstance(names[0], tuple) else [names]


def scores(parts: dict[str, Any], form: Form, panel: Panel, cv: Any) -> Any:
    """A frame with a row for the model and each naive forecast."""
    config = parts["series"]
    truth = columns.values(cv, config.target_col)
    windows = _windows(parts, form, panel, cv)
    season = parts["model"].season or panel.freq.season
    windows, owners = np.unique(np.array(windows), axis=0, return_inverse=True)
    scale = np.array([metrics.seasonal_error(panel.known_at(s, np.arange(n), n), season) for s, n in windows])
    scale = np.where(scale > 0, scale, np.nan)[owners]
    have = np.isfinite(truth)
    if not have.any():
        raise DataError("the forecasts have no measured value beside them; nothing can be scored")
    quantiles, rows = dict(zip(parts["model"].quantiles, quantile_names(parts), strict=False)), []
    for model in MODELS:
        found = columns.values(cv, model)
        off = np.abs(truth - found)
        row = {
            "model": model,
            "smape": _mean_of_means(200 * off / np.maximum(np.abs(truth) + np.abs(found), 1e-300), owners, have),
            "mase": _mean_of_means(off / scale, owners, have & np.isfinite(scale)),
            "mae": metrics.mae(truth[have], found[have]),
            "mse": metrics.mse(truth[have], found[have]),
        }
        # The forecast is the median: without it, quantiles far out would look better than any one value can.
        own = {0.5: model} | (quantiles if model == "forecast" else {})
        values = np.stack([columns.values(cv, own[level])[have] for level in sorted(own)], -1)
        row |= {"crps": metrics.crps(truth[have], values, sorted(own)), "coverage": np.nan, "nominal": np.nan}
        if model == "forecast" and len(quantiles) > 1:
            low, high = (columns.values(cv, quantiles[level])[have] for level in (min(quantiles), max(quantiles)))
            row |= {"coverage": metrics.coverage(truth[have], low, high), "nominal": max(quantiles) - min(quantiles)}
        rows.append(row)
    return frames.make({name: [row[name] for row in rows] for name in rows[0]}, form)


def smapes(parts: dict[str, Any], forecasts: Any) -> dict[str, float]:
    """The sMAPE of the model and of each naive forecast, over all rows with a measured value beside them; {} without any."""
    truth = columns.values(forecasts, parts["series"].target_col)
    have = np.isfinite(truth)
    names = {"smape": "forecast", "naive_smape": "naive", "seasonal_naive_smape": "seasonal_naive"}
    found = {name: columns.values(forecasts, model)[have] for name, model in names.items() if have.any()}
    return {name: metrics.smape(truth[have], values) for name, values in found.items()}


def _windows(parts: dict[str, Any], form: Form, panel: Panel, cv: Any) -> list[tuple[int, int]]:
    """For each row of a cross-validation its series and how many steps were known."""
    config = parts["series"]
    named = [columns.values(cv, name).tolist() for name in config.id_col] if form.has_ids else []
    names = list(zip(*named, strict=True)) if len(named) > 1 else named[0] if named else None
    cutoffs = columns.stamps(cv, "cutoff", panel.freq)
    owners = np.zeros(len(cutoffs), np.int64) if names is None else panel.numbered(names)
    if (owners < 0).any():
        raise DataError(
            f"the frame has no series {names[int((owners < 0).argmax())]!r}, which the forecasts have; give the frame they"
            " were made from"
        )
    known = np.zeros(len(owners), np.int64)
    for s in np.unique(owners):
        rows = owners == s
        known[rows] = panel.places_of(s, cutoffs[rows])[0] + 1
        strange = (known[rows] < 1) | (known[rows] > panel.lengths[s])
        if strange.any():
            raise DataError(
                f"the frame has no {shown(cutoffs[rows][strange][0])} of series {panel.ids[s]!r}, after which a forecast"
                " begins; give the frame they were made from"
            )
    return list(zip(owners.tolist(), known.tolist(), strict=True))


def _mean_of_means(values: np.ndarray, owners: np.ndarray, have: np.ndarray) -> float:
    """The mean over windows of the mean over their steps."""
    if not have.any():
        return float("nan")
    count = np.bincount(owners[have], minlength=owners.max() + 1)
    total = np.bincount(owners[have], values[have], minlength=owners.max() + 1)
    return float(np.mean(total[count > 0] / count[count > 0]))
