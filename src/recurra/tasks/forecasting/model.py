"""The network: recurrent layers over the history, and a small decoder that makes a forecast of each step.

Direct mode is the multi-horizon quantile forecaster's plan (Wen et al. 2017, arXiv:1711.11053): one context for each
step ahead, all from the state after the last value. Recursive mode is DeepAR's (Salinas et al. 2020): the value before is
read, the next is forecast, and paths are sampled. Both forecast what to add to a learned mix of the last value and the
values a season before, which starts as the seasonal naive forecast.
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from recurra.nn import Recurrent, select_state
from recurra.tasks.forecasting.config import ForecastConfig
from recurra.tasks.forecasting.heads import HEADS
from recurra.tasks.forecasting.series.windows import Window, inputs

_CONTEXT = 8  # numbers that direct mode keeps of the state for each step ahead


class ForecastModel(nn.Module):
    """`params = model(window)`: the head's parameters for each step, (H, B, ...).

    config: with season, lags and input_size resolved. past, known, static: numbers per step, or per series, of each kind.
    seasonal: start from the value a season before, not from the last one.
    """

    def __init__(self, config: ForecastConfig, past: int, known: int, static: int, seasonal: bool = True):
        super().__init__()
        self.config, self.head = config, HEADS[config.head](config)
        self.layers = Recurrent(
            config.cell,
            inputs(config, past, known, static),
            config.hidden_size,
            config.num_layers,
            dropout=config.dropout if config.num_layers > 1 else 0.0,
            output_dropout=config.dropout,
            init="recommended",
            check_finite=False,
        )
        self.direct = config.mode == "direct"
        near = 1 + len(config.lags)
        width = config.hidden_size
        if self.direct:
            width = _CONTEXT
            self.context = nn.Linear(config.hidden_size, config.horizon * _CONTEXT)
        self.decoder = nn.Sequential(
            nn.Linear(width + near + known + static, config.decoder_size),
            nn.GELU(),
            nn.Linear(config.decoder_size, len(self.head.start)),
        )
        with torch.no_grad():
            self.decoder[-1].bias.copy_(self.head.start)
        mix = torch.zeros(config.horizon if self.direct else 1, 1, near)
        mix[..., 1 + config.lags.index(config.season) if seasonal and config.season in config.lags else 0] = 1.0
        self.mix = nn.Parameter(mix)

    @property
    def device(self) -> torch.device:
        return self.mix.device

    def forward(self, window: Window):
        """Forecast a window's horizon: direct mode its H steps, recursive mode every step that it reads."""
        hidden, _ = self.layers(window.read)
        return self.decode(hidden[-1] if self.direct else hidden, window.near, window.known, window.static, window.size)

    def decode(self, hidden: Tensor, near: Tensor, known: Tensor, static: Tensor, size: Tensor):
        """The head's parameters from the state: hidden (B, units) in direct mode, (H, B, units) in recursive mode."""
        steps = len(near)
        if self.direct:
            hidden = self.context(hidden).unflatten(1, (self.config.horizon, -1)).transpose(0, 1)[:steps]
        static = static.expand(steps, *static.shape)
        raw = self.decoder(torch.cat([hidden, near, known, static], -1))
        return self.head.read(raw, (near * self.mix[:steps]).sum(-1), size)

    def paths(
        self, state, read: Tensor, near: Tensor, known: Tensor, static: Tensor, size: Tensor, count: int
    ) -> Tensor:
        """Paths sampled one step at a time, the state carried: (count, H, B), on the window's scale. For recursive mode.

        read, near, known: the steps ahead, their values still unknown; what is drawn takes its place in them.
        """
        steps, batch = read.shape[:2]
        rows = torch.arange(batch, device=read.device).repeat(count)
        state = select_state(state, rows)
        read, near, known = (part[:, rows] for part in (read, near, known))
        static, size, drawn = static[rows], size[rows], []
        lags = (1, *self.config.lags)
        for step in range(steps):
            for k, lag in enumerate(lags):
                if lag <= step:
                    # A step reads the value before it, whether that was seen, then the lags.
                    near[step, :, k] = read[step, :, 1 + k if k else 0] = drawn[step - lag]
            read[step, :, 1] = 1.0 if step else read[step, :, 1]
            hidden, state = self.layers(read[step : step + 1], state)
            found = self.decode(hidden, near[step : step + 1], known[step : step + 1], static, size)
            drawn.append(self.head.sample(found)[0])
        return torch.stack(drawn).view(steps, count, batch).transpose(0, 1)


class Ensemble(nn.ModuleList):
    """Networks of one kind that learn side by side, and whose forecasts are averaged; a single one is an ensemble too.

    `parameters = ensemble(windows)`: a window for each member, and of each its head's parameters.
    """

    def __init__(self, members: Iterable[ForecastModel]):
        super().__init__(members)
        self.config, self.head, self.direct = self[0].config, self[0].head, self[0].direct

    @property
    def device(self) -> torch.device:
        return self[0].device

    def forward(self, windows: list[Window]) -> list[Any]:
        return [member(window) for member, window in zip(self, windows, strict=True)]

    def read(self, x: Tensor, states: list | None = None, lengths: Tensor | None = None) -> list:
        """Each member's state after reading x, (T, B, inputs). states: before it; default none has read anything."""
        before = [None] * len(self) if states is None else states
        return [member.layers(x, state, lengths=lengths)[1] for member, state in zip(self, before, strict=True)]

    def quantiles(self, window: Window, levels: Tensor) -> Tensor:
        """The mean of the members' quantiles, (H, B, levels): in direct mode."""
        found = [self.head.quantiles(parameters, levels) for parameters in self([window] * len(self))]
        return torch.stack(found).mean(0)
