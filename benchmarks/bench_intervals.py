"""Intervals of 80 % with and without calibration, on single series and panels that the tables of forecasts do not report on.

    python benchmarks/bench_intervals.py                twenty minutes on one core
    python benchmarks/bench_intervals.py --quick        a few series

Exchange rates, electricity transformers and M4's hours, under RECURRA_DATA, cut to lengths at which few steps can be held out;
each is fitted once before its last windows. Inside: the part of the values in the interval. Score: its width, and ten times how
far a value lies outside it (Gneiting & Raftery 2007), in the spread of the series; the mean is geometric. Less is better.
"""

import csv
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars
from pairs import header
from report import Report, arguments

from recurra.tasks.forecasting import Forecaster

DATA = Path(os.environ.get("RECURRA_DATA", Path(__file__).parents[1] / "../shared/data"))


def sets() -> Iterator[tuple[str, dict[str, np.ndarray], int, int, int]]:
    """Name, series, horizon, windows and season."""
    rates = np.loadtxt(DATA / "exchange_rate/exchange_rate.txt", delimiter=",")
    for k in range(8):
        for length in (120, 400):
            yield f"rate {k}, {length} days", {"y": rates[1000 * (k % 6) :][:length, k]}, 10, 4, 1
    hours = np.loadtxt(DATA / "ett/ETTh1.csv", delimiter=",", skiprows=1, usecols=range(1, 8))
    days = hours[: 24 * 300].reshape(-1, 24, 7).mean(1)
    for k in range(0, 7, 2):
        yield f"transformer {k}, 700 hours", {"y": hours[:700, k]}, 24, 4, 24
        yield f"transformer {k}, 300 days", {"y": days[:, k]}, 14, 4, 7
    with open(DATA / "m4/Hourly-train.csv") as file:
        m4 = {row[0]: np.array([value for value in row[1:] if value], float) for row in list(csv.reader(file))[1:]}
    for name in list(m4)[::60]:
        yield f"M4 {name}", {"y": m4[name]}, 48, 3, 24
    yield "8 rates, 400 days", {str(k): rates[1000 * (k % 6) :][:400, k] for k in range(8)}, 10, 4, 1
    yield "7 transformers, 300 days", {str(k): days[:, k] for k in range(7)}, 14, 4, 7
    yield "60 of M4", {name: m4[name] for name in list(m4)[::7]}, 48, 3, 24


def measure(series: dict[str, np.ndarray], horizon: int, windows: int, season: int, **settings) -> tuple[float, float]:
    """The part inside the interval, and the interval score in the spread of the series."""
    rows = [polars.DataFrame({"unique_id": n, "ds": np.arange(len(y)), "y": y}) for n, y in series.items()]
    season = {"season": season} if season > 1 else {}
    model = Forecaster(horizon=horizon, **season, **settings)
    made = model.cross_validate(polars.concat(rows), windows=windows, quiet=True)
    unit = np.array([series[name].std() for name in made["unique_id"]])
    low, high = ((made[name].to_numpy() - made["y"].to_numpy()) / unit for name in ("q0.1", "q0.9"))
    score = high - low + 10 * np.maximum(low, 0) + 10 * np.maximum(-high, 0)
    return float(((low <= 0) & (high >= 0)).mean()), float(score.mean())


def main() -> None:
    parser = arguments(__doc__, quick=False, seed=1)
    options = parser.parse_args()
    report, found = Report(__doc__, options), []
    report.say(header())
    report.table("series                      ", "inside, calibrated", "score", "inside, as it is", "score")
    for name, *one in list(sets())[:: 6 if options.quick else 1]:
        pair = [measure(*one, seed=options.seed, conformal=conformal) for conformal in (True, False)]
        found.append(pair)
        report.row(name, *(f"{value:.{digits}f}" for row in pair for value, digits in zip(row, (2, 3), strict=True)))
    inside, score = np.array(found).transpose(2, 1, 0)
    means = [f"{value:.3f}" for k in (0, 1) for value in (inside[k].mean(), np.exp(np.log(score[k]).mean()))]
    report.row("mean", *means)
    report.say(
        f"Below 65 % inside: {(inside[0] < 0.65).sum()} of {len(found)} calibrated, {(inside[1] < 0.65).sum()} as it is"
    )
    report.end()


if __name__ == "__main__":
    main()
