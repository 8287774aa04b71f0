"""Series made for tests: a frame of waves to forecast, and ramps to classify."""

import numpy as np
import pandas as pd
import polars as pl

from recurra.tasks.forecasting.config import SeriesConfig
from recurra.tasks.forecasting.series import frames


def waves(*lengths, seed=0):
    """Noisy waves of 12 steps, hourly, with covariates."""
    random, parts = np.random.default_rng(seed), []
    for k, n in enumerate(lengths):
        t = np.arange(n)
        y = 10 * (k + 1) + 3 * np.sin(2 * np.pi * t / 12) + 0.3 * random.normal(size=n)
        stamps = pd.date_range("2024-01-01", periods=n, freq="h")
        parts.append(
            pd.DataFrame({"unique_id": f"s{k}", "ds": stamps, "y": y, "p": y**2, "f": t % 5.0, "s": f"t{k % 2}"})
        )
    return pd.concat(parts, ignore_index=True)


def ramps(count=60, seed=0, features=2):
    """Sequences of unequal length that rise or fall in the last feature; the others are noise."""
    rng = np.random.default_rng(seed)
    X, y = [], []
    for number in range(count):
        steps = int(rng.integers(4, 12))
        row = rng.normal(size=(steps, features))
        row[:, -1] = np.linspace(-1, 1, steps) * (1 if number % 2 else -1) * 5 + 100 + rng.normal(size=steps) * 0.1
        X.append(row)
        y.append(["down", "up"][number % 2])
    return X, np.array(y)


def index_panel(*lengths, fill="error"):
    """Series whose values are 1, 2, 3 ...; tens of them as past covariate, hundreds as future one."""
    parts = [np.arange(1, n + 1) for n in lengths]
    y = np.concatenate(parts).astype(float)
    names = np.repeat([f"s{k}" for k in range(len(lengths))], lengths)
    frame = pl.DataFrame({"unique_id": names, "ds": np.concatenate(parts), "y": y, "p": 10 * y, "f": 100 * y})
    return frames.read(frame, SeriesConfig(past=("p",), future=("f",), fill=fill))[0]


def read(frame, **config):
    return frames.read(frame, SeriesConfig(**config))


def stamps(*texts):
    return np.array(texts, "datetime64[ns]")
