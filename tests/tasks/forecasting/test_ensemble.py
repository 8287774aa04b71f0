"""Several networks, one forecast: the mean of forecasters that differ by their seeds, in all that a forecaster does."""

import numpy as np
import pytest
from helpers.series import waves

from recurra.errors import ConfigError
from recurra.tasks.forecasting import Forecaster

TINY = {"preset": "tiny", "horizon": 6, "input_size": 12, "epochs": 2, "epoch_steps": 6, "season": 12}
ALONE = {"clip": 0.0, "validation": 0, "conformal": False, "evaluate_every": 99}
COLUMNS = ["forecast", "q0.1", "q0.5", "q0.9"]


@pytest.mark.parametrize("head", ["quantiles", "gaussian", "mean"])
@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_an_ensemble_is_the_mean_of_forecasters_of_one_seed_each(head, optimizer):
    settings = TINY | ALONE | {"head": head, "optimizer": optimizer}
    data = waves(60, 50)
    found = Forecaster(members=3, seed=4, **settings).fit(data, quiet=True).predict()
    alone = [Forecaster(seed=seed, **settings).fit(data, quiet=True).predict() for seed in (4, 5, 6)]
    assert not np.allclose(alone[0]["forecast"], alone[1]["forecast"], rtol=1e-3)
    for name in COLUMNS if head != "mean" else ["forecast"]:
        assert np.allclose(found[name], np.mean([one[name] for one in alone], 0), rtol=1e-6), name


@pytest.mark.parametrize(
    "settings", [{}, {"mode": "recursive", "samples": 20}, {"log": True, "validation": 0}], ids=str
)
def test_an_ensemble_does_all_that_one_does(settings, tmp_path):
    data, later = waves(72, 62), waves(75, 65)
    later = later[later.groupby("unique_id").cumcount() >= later["unique_id"].map({"s0": 72, "s1": 62})]
    model = Forecaster(members=2, past="p", **TINY, **settings).fit(data, quiet=True)
    cv = model.cross_validate(data, windows=2, fit=False)
    assert np.isfinite(model.score(cv, data)["mase"]).all()
    explained = model.explain()
    assert set(explained["input"]) == {"p", "calendar", "y"}
    assert np.isfinite(model.residuals(data)["fitted"]).all()
    model.save(tmp_path / "model")
    again = Forecaster.load(tmp_path / "model")
    assert again.members == 2
    assert again.predict().equals(model.predict())
    assert again.explain().equals(explained)
    moved, one = again.update(later).predict(), model.update(later).predict()
    assert moved[COLUMNS].equals(one[COLUMNS])
    assert moved["ds"].min() > later["ds"].min()
    assert np.isfinite(moved[COLUMNS]).all(axis=None)


def test_an_ensemble_of_none_is_refused():
    with pytest.raises(ConfigError, match="`members` is 0; expected 1 or more"):
        Forecaster(members=0)
