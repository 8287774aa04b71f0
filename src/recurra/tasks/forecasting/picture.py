"""Series and their forecasts as a picture: history, median, quantile bands, the naive forecasts, and the truth if known."""

from typing import Any

import numpy as np

from recurra.errors import ConfigError, nearest
from recurra.fitting import pictures
from recurra.tasks.forecasting.series import columns
from recurra.tasks.forecasting.series.panel import Panel
from recurra.tasks.forecasting.tables import MODELS, quantile_names

_MOST = 4  # series in a picture unless they are named
_LINES = (
    ("naive", "tab:green", 0.8, ":"),
    ("seasonal_naive", "tab:orange", 0.8, "--"),
    ("forecast", "tab:blue", 1.5, "-"),
)


def draw(parts: dict[str, Any], panel: Panel | None, forecasts: Any, path=None, ids=None, history: int | None = None):
    """A matplotlib Figure with a panel a series; written to `path` if that is given. panel: the history, if any."""
    # Not pyplot: its state, and the choice of a window system, are the user's.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    config = parts["series"]
    present = columns.names(forecasts)
    # A frame that holds no forecasts is refused here.
    for name in MODELS:
        columns.values(forecasts, name)
    named = [columns.values(forecasts, name).tolist() for name in config.id_col if name in present]
    names = list(zip(*named, strict=True)) if len(named) > 1 else named[0] if named else None
    known = [config.target_col] if names is None else list(dict.fromkeys(names))
    ids = known[:_MOST] if ids is None else [ids] if isinstance(ids, str | int) or ids in known else list(ids)
    for name in ids:
        if name not in known:
            raise ConfigError(f"there is no forecast of series {name!r}; {nearest(name, known)}")
    figure = Figure(figsize=(9, 1 + 2.6 * len(ids)), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    for k, name in enumerate(ids):
        axes = figure.add_subplot(len(ids), 1, k + 1)
        rows = slice(None) if names is None else np.array([one == name for one in names])
        content = {c: columns.values(forecasts, c)[rows] for c in present if c not in (*config.id_col, config.time_col)}
        stamps = columns.stamps(forecasts, config.time_col, panel and panel.freq)[rows]
        _series(axes, panel, name, stamps, content, parts, history)
        title = " ".join(map(str, name)) if isinstance(name, tuple) else str(name)
        axes.set_title(title, loc="left", fontsize=10, parse_math=False)
    # Beside the axes: inside, it would lie on the peaks of one series or another.
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", fontsize=8, ncols=len(labels))
    if path is not None:
        pictures.write(figure, path)
    return figure


def _series(
    axes, panel: Panel | None, name, stamps: np.ndarray, content: dict[str, np.ndarray], parts, history
) -> None:
    alone = panel is not None and len(panel.ids) == 1
    one = None
    if panel is not None and (alone or name in panel.ids):
        one = panel.select([0 if alone else panel.ids.index(name)])
        one = one.tail(history or 3 * parts["model"].horizon)
        before = one.stamps() <= (stamps.min() if "cutoff" not in content else stamps.max())
        values = np.where(one.seen, one.y, np.nan)
        axes.plot(one.stamps()[before], values[before], color="0.25", lw=1, label="history")
    truth = content.get(parts["series"].target_col)
    # Windows of a cross-validation are drawn one by one, so that no line joins them.
    cuts = content.get("cutoff", np.zeros(len(stamps)))
    for k, cut in enumerate(np.unique(cuts)):
        rows = cuts == cut
        last, value = _last(one, stamps[rows][0])
        when = np.concatenate([last, stamps[rows]])
        # A line of one point is none.
        single = {"marker": ".", "markevery": [-1]} if np.count_nonzero(rows) == 1 else {}
        if truth is not None:
            axes.plot(when, np.concatenate([value, truth[rows]]), color="0.25", lw=1, **single)
        for column, color, width, style in _LINES:
            label = None if k else column.replace("_", " ")
            values = np.concatenate([value, content[column][rows]])
            axes.plot(when, values, color=color, lw=width, ls=style, label=label, **single)
        bands = quantile_names(parts)
        for low, high in zip(bands[: len(bands) // 2], bands[::-1], strict=False):
            look = {"color": "tab:blue", "alpha": 0.2, "label": None if k else f"{low[1:]} to {high[1:]}"}
            if single:
                axes.vlines(stamps[rows], content[low][rows], content[high][rows], lw=4, **look)
            else:
                ends = (np.concatenate([value, content[end][rows]]) for end in (low, high))
                axes.fill_between(when, *ends, lw=0, **look)
    if axes.dataLim.y0 >= 0 > axes.get_ylim()[0]:
        # What is never negative, as a count, gets no room below zero.
        axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)


def _last(history: Panel | None, first: np.datetime64 | int) -> tuple[np.ndarray, np.ndarray]:
    """Stamp and value of the newest value before the first forecast, (1,) each, so that its lines begin there.

    Both are empty if the history does not reach that far.
    """
    place = -1 if history is None else int(history.places_of(0, np.array([first]))[0][0]) - 1
    if history is None or not 0 <= place < len(history.y) or not history.seen[: place + 1].any():
        return np.zeros(0, np.asarray(first).dtype), np.zeros(0)
    newest = np.flatnonzero(history.seen[: place + 1])[-1:]
    return history.stamps()[newest], history.y[newest]
