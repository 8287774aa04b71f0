"""Forecasts and scores as frames."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from helpers.series import waves

from recurra.errors import DataError
from recurra.tasks.forecasting import Forecaster, metrics

TINY = {"preset": "tiny", "horizon": 6, "input_size": 12, "epochs": 2, "epoch_steps": 6}


@pytest.fixture(scope="module")
def fitted():
    return Forecaster(season=12, **TINY).fit(waves(90, 60), quiet=True)


def test_forecasts_come_in_the_form_of_the_data(fitted):
    found = fitted.predict()
    assert isinstance(found, pd.DataFrame)
    assert list(found.columns) == ["unique_id", "ds", "forecast", "q0.1", "q0.5", "q0.9", "naive", "seasonal_naive"]
    assert found["unique_id"].tolist() == ["s0"] * 6 + ["s1"] * 6
    assert found["ds"][0] == pd.Timestamp("2024-01-04 18:00")
    assert found["ds"][11] == pd.Timestamp("2024-01-03 17:00")
    assert (found["q0.1"] <= found["q0.5"]).all()
    assert (found["q0.5"] == found["forecast"]).all()
    data = waves(90, 60)
    assert found["naive"][0] == data["y"][89]
    assert found["seasonal_naive"].tolist()[:6] == data["y"][78:84].tolist()
    assert len(fitted.predict(2)) == 4


def test_scores_are_the_measures_of_each_window():
    data = waves(80, 70)
    model = Forecaster(season=12, **TINY)
    cv = model.cross_validate(data, windows=np.int64(2), step=np.int64(6))
    scores = model.score(cv, data).set_index("model")
    assert list(scores.index) == ["forecast", "naive", "seasonal_naive"]
    for name in scores.index:
        mase, smape = [], []
        for (key, cutoff), part in cv.groupby(["unique_id", "cutoff"]):
            history = data[(data["unique_id"] == key) & (data["ds"] <= cutoff)]["y"]
            mase.append(metrics.mase(part["y"], part[name], history, 12))
            smape.append(metrics.smape(part["y"], part[name]))
        assert scores["mase"][name] == pytest.approx(np.mean(mase))
        assert scores["smape"][name] == pytest.approx(np.mean(smape))
        assert scores["mse"][name] == pytest.approx(metrics.mse(cv["y"], cv[name]))
    quantiles = cv[["q0.1", "q0.5", "q0.9"]].to_numpy()
    assert scores["crps"]["forecast"] == pytest.approx(metrics.crps(cv["y"], quantiles, [0.1, 0.5, 0.9]))
    assert scores["coverage"]["forecast"] == pytest.approx(metrics.coverage(cv["y"], quantiles[:, 0], quantiles[:, 2]))
    assert scores["crps"]["naive"] == pytest.approx(scores["mae"]["naive"])


def test_a_forecast_of_the_tails_alone_is_scored_with_its_median():
    """Quantiles far out have small losses; beside a naive forecast's error they alone would say nothing."""
    data = waves(80)
    model = Forecaster(season=12, quantiles=(0.05, 0.95), **TINY)
    cv = model.cross_validate(data, windows=2)
    three = cv[["q0.05", "forecast", "q0.95"]].to_numpy()
    want = metrics.crps(cv["y"], three, [0.05, 0.5, 0.95])
    assert model.score(cv, data)["crps"][0] == pytest.approx(want)


def test_forecasts_of_other_data_are_not_scored(fitted):
    data = waves(90, 60)
    cv = fitted.cross_validate(data, windows=1, fit=False)
    for other in (data[data["ds"] < "2024-01-03"], data[data["ds"] > "2024-01-03 08:00"]):
        with pytest.raises(DataError, match=r"the frame has no .* of series 's[01]', after which a forecast"):
            fitted.score(cv, other)
    with pytest.raises(DataError, match="the frame has no column 'forecast'"):
        fitted.plot(data)


def test_the_scale_of_a_window_is_measured_once(monkeypatch):
    data, counted = waves(80), []
    model = Forecaster(season=12, **TINY)
    cv = model.cross_validate(data, windows=3)
    error = metrics.seasonal_error
    monkeypatch.setattr(metrics, "seasonal_error", lambda *given: counted.append(1) or error(*given))
    model.score(cv, data)
    assert len(counted) == 3


def test_forecasts_of_a_frame_come_in_its_form_and_with_its_names():
    model = Forecaster(season=12, **TINY).fit(pl.from_pandas(waves(60)[["ds", "y"]]), quiet=True)
    assert model.predict().columns[0] == "ds"
    other = model.predict(frame=waves(60, 50))
    assert isinstance(other, pd.DataFrame)
    assert other["unique_id"].tolist() == ["s0"] * 6 + ["s1"] * 6
    text = waves(60)[["ds", "y"]].assign(ds=lambda d: d["ds"].dt.strftime("%Y-%m-%d %H:%M"))
    assert model.predict(1, frame=text)["ds"].tolist() == ["2024-01-03 12:00"]
