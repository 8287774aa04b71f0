"""Backtests: fitting again at each cutoff, and what was not foreseen one step ahead."""

import numpy as np
import pytest
from helpers.series import waves

from recurra.errors import ConfigError, NotFittedError
from recurra.tasks.forecasting import Forecaster

TINY = {"preset": "tiny", "horizon": 6, "input_size": 12, "epochs": 2, "epoch_steps": 6, "season": 12}


def test_a_refit_knows_all_before_its_cutoff_and_nothing_after():
    data, model = waves(80, 70), Forecaster(**TINY)
    once = model.cross_validate(data, windows=3, step=4, quiet=True)
    each = model.cross_validate(data, windows=3, step=4, refit=True, quiet=True)
    second = model.cross_validate(data, windows=3, step=4, refit=2, quiet=True)
    names = ["unique_id", "ds", "cutoff", "y"]
    assert each[names].equals(once[names])
    cut = each.groupby("unique_id")["cutoff"].rank("dense")
    assert np.allclose(once["forecast"][cut == 1], each["forecast"][cut == 1])
    assert not np.allclose(once["forecast"][cut == 2], each["forecast"][cut == 2])
    # The second window of `refit=2` is the first fit's; the third is fitted as one alone is.
    assert np.allclose(once["forecast"][cut < 3], second["forecast"][cut < 3])
    alone = model.cross_validate(data, windows=1, quiet=True)["forecast"].to_numpy()
    for found in (each, second):
        assert np.allclose(found["forecast"][cut == 3], alone)
    changed = data.assign(y=np.where((data.index >= 70) & (data.index < 80), 99.0, data["y"]))
    again = model.cross_validate(changed, windows=3, step=4, refit=True, quiet=True)
    same = cut <= 2
    assert np.array_equal(each["forecast"][same], again["forecast"][same])


def test_a_refit_of_a_model_as_it_is_is_refused():
    model = Forecaster(**TINY)
    with pytest.raises(ConfigError, match="`refit` fits again, and `fit=False` takes this model as it is; drop one"):
        model.fit(waves(60), quiet=True).cross_validate(waves(60), fit=False, refit=True)
    with pytest.raises(ConfigError, match="`refit` is 0; expected True, False, or 1 or more"):
        model.cross_validate(waves(60), refit=0)


def test_residuals_are_what_a_forecast_of_one_step_missed():
    data = waves(60, 40)
    data.loc[30, "y"] = np.nan
    model = Forecaster(fill="forward", **TINY).fit(data, quiet=True)
    found = model.residuals(data)
    assert found.groupby("unique_id").size().tolist() == [59, 39]
    gap = found["residual"].isna()
    assert found["ds"][gap].tolist() == [data["ds"][30]]
    assert np.allclose((found["y"] - found["fitted"])[~gap], found["residual"][~gap])
    cv = model.cross_validate(data, h=1, windows=20, fit=False)
    for name, part in cv.groupby("unique_id"):
        mine = found[found["unique_id"] == name].tail(20)
        assert np.allclose(mine["fitted"], part["forecast"], rtol=1e-5)
    with pytest.raises(NotFittedError):
        Forecaster(**TINY).residuals(data)
