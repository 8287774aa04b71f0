"""Forecasts in another unit are the same forecasts: of c·y they are c times those of y."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

from recurra.tasks.forecasting import Forecaster

TINY = {"preset": "tiny", "horizon": 4, "input_size": 12, "epochs": 2, "epoch_steps": 6}
VALUES = ("forecast", "q0.1", "q0.9", "naive", "seasonal_naive")


def series(**values):
    parts = [pl.DataFrame({"unique_id": name, "ds": np.arange(len(y)), "y": y}) for name, y in values.items()]
    return pl.concat([part.with_columns(pl.col("y").cast(pl.Float64)) for part in parts])


t, noise = np.arange(80), np.random.default_rng(0).normal(size=80)
WAVE = 3 + np.sin(t / 2) + 0.1 * noise
FLAT_END = np.where(t < 60, WAVE, 0.0)
PANELS = {
    "a wave": series(a=WAVE),
    "a wave that stops": series(a=FLAT_END),
    "one that never moves among others": series(a=WAVE, b=2 * WAVE, c=np.full(80, 7.1), d=np.zeros(80)),
    "one row, two equal rows": series(a=WAVE, b=[5.3], c=[5.3, 5.3]),
    "constant but for rounding": series(a=np.where(t % 3, 0.3, 0.1 + 0.2)),
    "zeros": series(a=np.zeros(80)),
    "far from 0": series(a=1e5 + WAVE),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", PANELS)
@pytest.mark.parametrize("settings", [{}, {"scaling": "series"}, {"mode": "recursive", "samples": 20}], ids=str)
def test_forecasts_are_in_the_unit_of_the_series(name, settings):
    def forecasts(unit):
        frame = PANELS[name].with_columns(pl.col("y") * unit)
        return Forecaster(season=6, freq=1, seed=1, **TINY | settings).fit(frame, quiet=True).predict()

    one = forecasts(1.0)
    for unit in (1e-12, 1e-3, 1e12):
        other = forecasts(unit)
        for column in VALUES:
            assert np.allclose(
                other[column] / unit, one[column], rtol=1e-5, atol=1e-5 * np.ptp(one["forecast"].to_numpy())
            ), (
                unit,
                column,
            )


def test_logarithms_too_where_zeros_are_filled_in():
    def forecasts(unit):
        frame = pl.DataFrame({"ds": t, "y": WAVE * unit}).filter(~pl.col("ds").is_in([20, 75]))
        return Forecaster(fill="zero", log=True, season=6, **TINY).fit(frame, quiet=True).predict()["forecast"]

    assert np.allclose(forecasts(1e9) / 1e9, forecasts(1), rtol=1e-5)


def test_what_does_not_move_is_forecast_as_it_is():
    found = Forecaster(season=6, freq=1, **TINY).fit(PANELS["one that never moves among others"], quiet=True).predict()
    for name, level, width in (("c", 7.1, 0.1), ("d", 0.0, 0.04)):
        part = found.filter(pl.col("unique_id") == name)
        assert np.allclose(part["forecast"], level, atol=width)
        assert (part["q0.9"] - part["q0.1"]).max() < width
    assert Forecaster(**TINY).fit(PANELS["zeros"], quiet=True).predict()["q0.9"].to_list() == [0.0] * 4


def test_a_new_series_of_one_row_has_a_band_of_its_own_size():
    """As wide, by its level, as those of the others; narrower where more rows are equal."""
    model = Forecaster(season=6, freq=1, **TINY).fit(series(a=WAVE, b=1e6 * WAVE), quiet=True)
    for level in (5.0, 5e6, 5e-6):
        wide, narrow = (model.predict(frame=series(new=np.full(rows, level))) for rows in (1, 40))
        assert np.allclose(wide["forecast"], level, rtol=0.5)
        assert 0.01 < ((wide["q0.9"] - wide["q0.1"]) / level).max() < 2
        assert ((narrow["q0.9"] - narrow["q0.1"]) < (wide["q0.9"] - wide["q0.1"]) / 4).all()


@pytest.mark.parametrize("use", ["past", "future", "static"])
def test_a_covariate_that_stood_still_has_no_effect(use, capsys):
    days = pd.date_range("2023-01-01", periods=80, freq="D")
    for price in (1.0, 1.1, 1e9):
        frame = pd.DataFrame({"unique_id": np.repeat(["a", "b"], 80), "ds": [*days, *days], "y": [*WAVE, *WAVE]})
        model = Forecaster(**{use: "price"}, **TINY).fit(frame.assign(price=price), quiet=False)
        assert "price is the same throughout what is learned from, and has no effect" in capsys.readouterr().err
        later = pd.date_range(days[-1], periods=5, freq="D")[1:]
        ahead = pd.DataFrame({"unique_id": np.repeat(["a", "b"], 4), "ds": [*later, *later]})
        found = [
            model.predict(frame=frame.assign(price=p), future=ahead.assign(price=p) if use == "future" else None)
            for p in (price, price * (1 + 1e-9), price * 1.1)
        ]
        assert all(one.equals(found[0]) for one in found)
