"""From a trained network to forecasts: read the history, carry the state on as rows come, forecast from it."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from recurra.nn import map_state
from recurra.tasks.forecasting.model import Ensemble, ForecastModel
from recurra.tasks.forecasting.series.windows import Scale, SeriesWindows

_SERIES, _ROWS = 512, 16384  # at once: series read, paths drawn


@contextlib.contextmanager
def inference(seed: int = 0) -> Iterator[None]:
    """No gradients, and randomness that follows from the seed; the caller's continues undisturbed."""
    with torch.no_grad(), torch.random.fork_rng([]):
        torch.manual_seed(seed)
        yield


class Carried:
    """The state of every series after its last value: `read` starts it again or moves it on by the rows that are new.

    A state begins `input_size` steps back, as in training, and its scale is that stretch's. When it has carried on for as
    many steps again, it starts over from the newest `input_size` steps, on their scale. So it depends on the values and
    on where it first began, not on how many rows came at a time.
    """

    def __init__(self, since: np.ndarray):
        self.since = since  # (S,) steps carried on from where a training window would have ended
        self.state: list | None = None

    def read(self, model: Ensemble, windows: SeriesWindows, fresh: np.ndarray | None = None) -> Scale:
        """Read what is new, (S,) rows at the end of each series; None reads all from the start. Returns the scales."""
        length, lengths = model.config.input_size, windows.panel.lengths
        if fresh is None or self.state is None:
            begin, restart = lengths - length - self.since, np.ones(len(lengths), bool)
        else:
            restart = self.since + fresh >= length
            self.since = (self.since + fresh) % length
            begin = np.where(restart, lengths - length - self.since, lengths - fresh)
        everything = np.arange(len(lengths))
        scale = windows.scale(everything, lengths - self.since)
        kept = torch.from_numpy(~restart).to(model.device)[:, None]
        state = map_state(lambda part: part * kept, self.state)
        self.state = _read(model, windows, begin, lengths, scale, state)
        return scale

    def scale(self, windows: SeriesWindows, lengths: np.ndarray) -> Scale:
        return windows.scale(np.arange(len(lengths)), lengths - self.since)


def _read(
    model: Ensemble, windows: SeriesWindows, begin: np.ndarray, end: np.ndarray, scale: Scale, state: list | None
) -> list:
    """Each member's state after reading each series from begin to end."""
    found = []
    for at in range(0, len(begin), _SERIES):
        some = slice(at, at + _SERIES)
        counts = end[some] - begin[some]
        places = begin[some, None] + np.arange(max(counts.max(), 1))
        series = np.arange(at, at + len(counts))
        x = torch.from_numpy(windows.read(series, places, end[some], Scale(*(part[some] for part in scale))))
        before = map_state(lambda part, some=some: part[:, some], state)
        found.append(model.read(x.to(model.device), before, torch.from_numpy(counts)))
    return map_state(lambda *parts: torch.cat(parts, 1), found[0], *found[1:])


def fresh(model: Ensemble, windows: SeriesWindows, series: np.ndarray, cuts: np.ndarray) -> tuple[list, Scale]:
    """The members' states after the `input_size` steps before each cut, and the scales: for windows anywhere in the series."""
    scale = windows.scale(series, cuts)
    places = cuts[:, None] + np.arange(-model.config.input_size, 0)
    x = torch.from_numpy(windows.read(series, places, cuts, scale))
    return model.read(x.to(model.device)), scale


def forecast(
    model: Ensemble,
    windows: SeriesWindows,
    series: np.ndarray,
    cuts: np.ndarray,
    steps: int,
    seed: int,
    carried: tuple[list, Scale] | None = None,
    facts: Any = None,
) -> np.ndarray:
    """Point forecast and quantiles, (B, steps, 1 + quantiles), as the series have them. facts: what was learned beside the
    weights: how the quantiles are moved, and whether a forecast may be negative.

    windows: of a panel that reaches `steps` beyond each cut; values there are not looked at. carried: each member's states,
    and scales, to continue from; default is reading the `input_size` steps before each cut.
    """
    recursive = model.config.mode == "recursive"
    size = max(_ROWS // model.config.samples, 1) if recursive else _SERIES
    found = []
    with inference(seed):
        for at in range(0, len(series), size):
            some = slice(at, at + size)
            if carried is None:
                state, scale = fresh(model, windows, series[some], cuts[some])
            else:
                state = map_state(lambda part, some=some: part[:, some], carried[0])
                scale = Scale(*(part[some] for part in carried[1]))
            widths = None if facts is None else facts.widths
            found.append(_ahead(model, windows, series[some], cuts[some], steps, state, scale, widths))
    values = np.concatenate(found) if found else np.zeros((0, steps, 1))
    values = np.exp(values) if model.config.log else values
    return np.maximum(values, 0.0) if facts is not None and facts.nonnegative else values


def _ahead(
    model: Ensemble,
    windows: SeriesWindows,
    series,
    cuts,
    steps: int,
    states: list,
    scale: Scale,
    widths: Sequence[float] | None = None,
) -> np.ndarray:
    config = model.config
    places = cuts[:, None] + np.arange(steps)
    device = model.device
    near = torch.from_numpy(windows.near(series, places, cuts, scale).astype(np.float32)).to(device)
    known = torch.from_numpy(windows.at(windows.known, series, places)).to(device)
    static = torch.from_numpy(windows.static[series]).to(device)
    size = torch.from_numpy(scale.size.astype(np.float32)).to(device)
    inputs = near, known, static, size
    alone = config.head == "mean"
    levels = torch.tensor([0.5] if alone else [0.5, *config.quantiles], dtype=torch.float32, device=device)
    if config.mode == "recursive":
        read = torch.from_numpy(windows.read(series, places, cuts, scale)).to(device)
        count = 1 if alone else config.samples
        found = [_sampled(one, state, read, inputs, count, levels) for one, state in zip(model, states, strict=True)]
    else:
        found = [_decoded(one, state, inputs, levels) for one, state in zip(model, states, strict=True)]
    scaled = torch.stack(found).mean(0).transpose(0, 1).double().cpu().numpy()
    if widths is not None and not alone:
        scaled = widened(scaled, widths)
    return scaled * scale.size[:, None, None] + scale.level[:, None, None]


def widened(found: np.ndarray, widths: Sequence[float]) -> np.ndarray:
    """The median and the quantiles (..., 1 + levels), each quantile so many times as far from the median (levels,)."""
    median = found[..., :1]
    return np.concatenate([median, np.sort(median + (found[..., 1:] - median) * np.asarray(widths), -1)], -1)


def _sampled(
    member: ForecastModel, state: Any, read: Tensor, inputs: tuple[Tensor, ...], count: int, levels: Tensor
) -> Tensor:
    """Quantiles of paths, (H, B, levels); the first is the point forecast."""
    paths = member.paths(state, read, *inputs, count)
    values = paths.quantile(levels, dim=0).movedim(0, -1)
    if member.config.head == "negative-binomial":
        values[..., 0] = paths.mean(0)
    return values


def _decoded(member: ForecastModel, state: Any, inputs: tuple[Tensor, ...], levels: Tensor) -> Tensor:
    """Quantiles of all steps at once, (H, B, levels); the first is the point forecast."""
    top = state if isinstance(state, Tensor) else state[0]
    parameters = member.decode(top[-1], *inputs)
    values = member.head.quantiles(parameters, levels)
    if member.config.head == "negative-binomial":
        # The median of rare counts is 0: a sum of such forecasts would say that nothing is ever needed.
        values[..., 0] = member.head.mean(parameters)
    return values
