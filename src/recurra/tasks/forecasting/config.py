"""The settings of a forecaster, and the named recipes that set all parts at once."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from types import ModuleType
from typing import Annotated, Any, Literal

from recurra import config
from recurra.config import Count, Fraction, Range, Reads
from recurra.errors import ConfigError, setting
from recurra.fitting.cellname import CellName
from recurra.fitting.space import Between, Space
from recurra.training.config import TrainingConfig, with_lengths

# The columns that forecasts have beside those of the data: these must not be called the same.
_OURS = re.compile(r"forecast|naive|seasonal_naive|cutoff|q(0\.\d+|\d(\.\d+)?e-\d+)")


def _frequency() -> ModuleType:
    from recurra.tasks.forecasting.series import frequency

    return frequency


def _weights(weights: Any) -> Any:
    from recurra.tasks.forecasting.series import weighing

    return weighing.checked(weights)


def _freq_name(freq: Any) -> Any:
    return _frequency().name(freq)


@dataclass(frozen=True)
class SeriesConfig:
    """Which columns a frame has, how its stamps follow each other, and what is held out."""

    freq: Annotated[str | None, Reads(_freq_name)] = None
    """Steps between stamps: 15min, h, D, B, W-MON, MS, ME, QS-OCT, BME and others as pandas has them, a multiple such as 2h,
    the days of a week (Mon Tue Wed Thu Fri Sat), or a whole number. Not set = found."""
    id_col: tuple[str, ...] = ("unique_id",)
    """The column, or several, that names each row's series; a frame without it is one series."""
    time_col: str = "ds"
    """The column of stamps: dates, times, or whole numbers."""
    target_col: str = "y"
    """The column to forecast."""
    past: tuple[str, ...] = ()
    """Columns known up to the last stamp only, such as a measured temperature: numbers, or words."""
    future: tuple[str, ...] = ()
    """Columns known for the steps to forecast too, such as a planned promotion: numbers, or words."""
    static: tuple[str, ...] = ()
    """Columns with one value a series, numbers or words, such as a shop's town; the id column gives each series its own."""
    weights: Annotated[str | dict | None, Reads(_weights)] = None
    """How much each series counts in the loss: a column with one number for each series, or in Python a mapping from names.
    Those that a mapping leaves out count 1; a series of 0 is forecast, but not learned from. Not set = all alike."""
    fill: Literal["error", "forward", "linear", "zero"] = "error"
    """What becomes of missing stamps, and of missing values of the target: an error that names them, the value before, a line
    across, or 0. A covariate may be missing anywhere."""
    calendar: bool = True
    """Give the model the hour, weekday, day of the month and day of the year, as far as the stamps have them."""
    validation: Annotated[float | None, Range(0)] = None
    """Steps at the end of each series held out to choose the best weights, 1 or more, or a fraction of the median series.
    Not set = a tenth; at least a horizon in both cases. 0 = none."""
    batch_size: Count = 128
    """Windows in a training step."""
    epoch_steps: Count = 200
    """Most training steps in an epoch; where there are more windows, each epoch draws from all of them again."""

    def __post_init__(self):
        for name in ("id_col", "past", "future", "static"):
            _words(self, name)
        config.check(self)
        used = [*self.id_col, self.time_col, self.target_col, *self.past, *self.future]
        validation = self.validation
        held = validation is None or validation < 1 or float(validation).is_integer()
        config.require(self, "validation", held, "a fraction below 1, or a whole number of steps")
        for name in {name for name in used if used.count(name) > 1}:
            raise ConfigError(f"the column {name!r} is named twice; each column has one use")
        for field in ("id_col", "time_col", "target_col"):
            names = self.id_col if field == "id_col" else (getattr(self, field),)
            free = bool(names) and not any(map(_OURS.fullmatch, names))
            config.require(self, field, free, "a name that no column of the forecasts has; rename the column")
        if self.freq is not None:
            _frequency().parse(self.freq)


@dataclass(frozen=True)
class ForecastConfig:
    """History → recurrent stack → a distribution for every step ahead."""

    horizon: Count | None = None
    """Steps to forecast. Not set = by freq: 48 hours, 14 days, 12 months, 4 quarters; at most a third of the longest series."""
    input_size: Count | None = None
    """Steps of history read before the first forecast. Not set = the longer of two horizons and three seasons."""
    mode: Literal["direct", "recursive"] = "direct"
    """Direct forecasts all steps at once; recursive one step at a time, from sampled paths, the state carried."""
    head: Literal["quantiles", "gaussian", "student-t", "negative-binomial", "mean"] = "quantiles"
    """What is forecast: quantiles, the parameters of a distribution, or the mean alone (squared error)."""
    quantiles: Annotated[tuple[float, ...], Range(above=0, below=1, words="rising numbers {}")] = (0.1, 0.5, 0.9)
    """The quantiles that forecasts have a column of; the median is the point forecast."""
    samples: Count = 200
    """Paths drawn per series in recursive mode."""
    scaling: Literal["window", "series", "none"] = "window"
    """The unit of values: mean and standard deviation of the window read, of the training part of the series, or as is."""
    log: bool = False
    """Model the logarithm: for positive series whose swings grow with their level."""
    season: Count | None = None
    """Steps of a season, for the seasonal naive forecast and the lags. Not set = by freq: 24 for h, 7 for D, 12 for MS."""
    lags: Annotated[tuple[int, ...], Range(1, words="whole numbers, {}")] = ()
    """Steps back that the model sees beside the last value. Not set = one season."""
    cell: CellName = "lstm"
    """The recurrent cell, by name: rnn, lstm, gru and the others that `recurra doctor` lists."""
    hidden_size: Count = 64
    """Units of each recurrent layer."""
    num_layers: Count = 1
    """Recurrent layers, one above the other."""
    members: Count = 1
    """Networks that learn side by side, each from a seed of its own: the forecast is their mean, steadier than one alone, at so
    many times the time."""
    dropout: Fraction = 0.0
    """Part of the units left out between the layers, and behind the last one, while training."""
    conformal: bool = True
    """Put the quantiles as far from the median as was needed on steps that training did not see, where there are enough of
    these; a short panel is fitted once more for that, without its end."""
    decoder_size: Count = 32
    """Units of the small network that turns the state into the forecast of one step."""

    def __post_init__(self):
        for name, such in (("quantiles", "0.1, 0.5, 0.9"), ("lags", "7, 14")):
            several = isinstance(getattr(self, name), Iterable)
            config.require(
                self, name, several, f"several numbers, such as ({such}); one is written ({such.split(',')[0]},)"
            )
            object.__setattr__(self, name, tuple(getattr(self, name)))
        config.check(self)
        levels = self.quantiles
        rising = bool(levels) and sorted(set(levels)) == list(levels)
        config.require(self, "quantiles", rising, "rising numbers between 0 and 1, such as 0.1, 0.5, 0.9")
        config.require(
            self, "quantiles", len({f"{q:g}" for q in levels}) == len(levels), "numbers that differ in six digits"
        )
        if self.head == "negative-binomial" and self.log:
            raise ConfigError(
                f"{setting('log')} cannot go with {setting('head', 'negative-binomial')}, which counts; drop one"
            )


def _words(settings: Any, name: str) -> None:
    value = getattr(settings, name)
    config.require(settings, name, isinstance(value, Iterable), "names of columns")
    value = (value,) if isinstance(value, str) else tuple(value)
    object.__setattr__(settings, name, value)
    config.require(settings, name, all(isinstance(word, str) for word in value), "names of columns")


CONFIGS = {"series": SeriesConfig, "model": ForecastConfig, "training": TrainingConfig}
"""The three parts of a forecaster's settings, by their name in config.json. No two parts share a field's name."""

# What suits windows of numbers and not text: a smaller rate and less decay.
DEFAULTS = {"lr": 2e-3, "weight_decay": 0.01, "average": 0.99}

SEARCH: Space = {
    "cell": ("lstm", "gru", "mingru", "slstm"),
    "hidden_size": Between(16, 256, step=8),
    "num_layers": (1, 2),
    "dropout": Between(0.0, 0.5, even=True),
    "lr": Between(3e-4, 2e-2),
    "weight_decay": Between(1e-3, 0.3),
    "batch_size": (16, 32, 64, 128),
}
"""What `tune` tries: nothing that changes the unit of the loss, such as scaling or the head."""

PRESETS: dict[str, dict[str, Any]] = {
    "default": {},
    # A second or two: to see that everything works.
    "tiny": {"hidden_size": 16, "decoder_size": 8, "batch_size": 32, "epoch_steps": 20, "epochs": 5, "lr": 1e-2},
}
"""Named recipes: what each changes in the defaults of the three parts."""


def settings(preset: str = "default", **overrides) -> dict[str, Any]:
    """The three parts' settings from a preset and what overrides it: `settings("tiny", horizon=12)["model"].horizon`.

    Raises ConfigError for an unknown preset, a setting that no part has (with the nearest), or an invalid value.
    """
    if preset not in PRESETS:
        raise ConfigError(f"{setting('preset')} is {preset!r}; {config.nearest(preset, PRESETS)}")
    values = with_lengths(DEFAULTS | PRESETS[preset], overrides)
    return config.make_parts(CONFIGS, values)
