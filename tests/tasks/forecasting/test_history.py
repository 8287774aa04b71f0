"""What a forecaster keeps of its series: updates, series of other frames, saving and loading."""

import json

import numpy as np
import pandas as pd
import polars as pl
import pytest
from helpers.series import waves

from recurra.errors import DataError, RunError
from recurra.tasks.forecasting import Forecaster
from recurra.tasks.forecasting.series import frames

TINY = {"preset": "tiny", "horizon": 6, "input_size": 12, "epochs": 2, "epoch_steps": 6}


def known(model):
    """The end of each series, as a fitted forecaster keeps it."""
    return model.learned.history.panel


@pytest.fixture(scope="module")
def fitted():
    return Forecaster(season=12, **TINY).fit(waves(90, 60), quiet=True)


@pytest.mark.slow
@pytest.mark.parametrize("settings", [{}, {"mode": "recursive"}, {"scaling": "series", "cell": "gru"}], ids=str)
def test_new_rows_move_the_state_on_as_if_read_at_once(settings, tmp_path):
    """One row at a time, all at once, or after saving: the same state; and it is carried, not read again."""
    data = waves(100, 90)
    known = data[data.groupby("unique_id").cumcount() < np.where(data["unique_id"] == "s0", 70, 60)]
    new = data.drop(known.index)
    model = Forecaster(season=12, samples=20, **TINY | settings).fit(known, quiet=True)
    model.save(folder := tmp_path / "saved")
    steps = new.groupby("unique_id").cumcount()
    for count in (5, 12, 17, 30):  # below, at and beyond the window, where the state starts over
        one, all_at_once = Forecaster.load(folder), Forecaster.load(folder)
        for k in range(count):
            one.update(new[steps == k])
        all_at_once.update(new[steps < count])
        first, second = one.predict(), all_at_once.predict()
        assert first["ds"][0] == known["ds"][69] + pd.Timedelta(hours=count + 1)
        assert np.allclose(first["forecast"], second["forecast"], atol=1e-4), count
        one.save(again := folder.with_name(f"{folder.name}-{count}"))
        assert np.allclose(Forecaster.load(again).predict()["forecast"], second["forecast"], atol=1e-4)
    assert not np.allclose(first["forecast"], Forecaster.load(folder).predict()["forecast"], atol=1e-2)


def test_an_update_reads_the_new_rows_alone(monkeypatch):
    model = Forecaster(season=12, **TINY).fit(waves(60), quiet=True)
    model.predict()
    read, real = [], model.model[0].layers.forward
    monkeypatch.setattr(model.model[0].layers, "forward", lambda x, *a, **k: read.append(len(x)) or real(x, *a, **k))
    data = waves(63)
    model.update(data[60:61])
    model.update(data[61:])
    assert read == [1, 2]


def test_updates_that_do_not_follow_are_said():
    model = Forecaster(**TINY).fit(waves(60, 60), quiet=True)
    new = waves(70, 70)
    cases = [
        (new[60:61].assign(unique_id="s9"), "the model knows no series 's9'; expected one of: s0, s1"),
        (new[59:61], "series 's0' is known up to 2024-01-03 11:00:00 already, and the rows begin at"),
        (new[62:64], "2 stamps are missing between; give them, or fit with fill="),
        (new[60:61].assign(ds=pd.Timestamp("2024-01-03 12:30")), "is not a whole number of steps of h after"),
    ]
    for rows, message in cases:
        with pytest.raises(DataError) as error:
            model.update(rows)
        assert message in str(error.value)
    filled = Forecaster(fill="linear", **TINY).fit(waves(60), quiet=True)
    filled.update(new[62:64])
    panel = filled.learned.history.panel
    y = panel.y[-4:]
    assert y[1] - y[0] == pytest.approx(y[2] - y[1])
    assert panel.seen[-4:].tolist() == [False, False, True, True]


@pytest.mark.parametrize(("fill", "want"), [("forward", 50.0), ("linear", 60.0), ("zero", 0.0)])
def test_an_update_is_filled_from_what_is_known(fill, want, tmp_path):
    data = waves(62).drop(columns=["unique_id", "p", "f", "s"])
    data.loc[59:61, "y"] = [50.0, np.nan, 70.0]
    model = Forecaster(fill=fill, **TINY).fit(data[:60], quiet=True)
    model.save(folder := tmp_path / "saved")
    assert known(model.update(data[60:])).y[-3:].tolist() == [50, want, 70]
    assert known(model).seen[-3:].tolist() == [True, False, True]
    assert known(model).wait[-3:].tolist() == [0, int(fill == "linear"), 0]
    model.save(again := folder.with_name(folder.name + "-again"))
    for name in ("y", "wait", "earlier"):
        assert np.array_equal(getattr(known(Forecaster.load(again)), name), getattr(known(model), name)), name
    alone = Forecaster.load(folder).update(data[60:61])
    assert known(alone).y[-2:].tolist() == [50, 0 if fill == "zero" else 50], "a row without a value, and none after"
    assert alone.predict(1)["ds"].tolist() == [data["ds"][61]]
    nothing = pl.DataFrame({"ds": [data["ds"][60]], "y": [None]})
    assert known(Forecaster.load(folder).update(nothing)).y[-2:].tolist() == known(alone).y[-2:].tolist()
    strict = Forecaster(**TINY).fit(data[:60], quiet=True)
    with pytest.raises(DataError, match="has no 'y' at 2024-01-03 12:00:00"):
        strict.update(data[60:])


@pytest.mark.parametrize("scaling", ["window", "series"])
def test_a_series_without_a_name_is_measured_by_itself_unless_it_is_the_fitted_one(scaling):
    data = waves(60, 70)[["unique_id", "ds", "y"]]
    small = data[data["unique_id"] == "s0"].drop(columns="unique_id").reset_index(drop=True)
    big = small.assign(y=small["y"] * 1e6)
    model = Forecaster(season=12, scaling=scaling, **TINY).fit(big[:50], quiet=True)
    for frame in (
        small,
        small[:50],
        small.assign(ds=small["ds"] + pd.Timedelta(days=300)),
        small.assign(unique_id="y"),
    ):
        found = model.predict(frame=frame)
        assert (found["forecast"] - 10).abs().max() < 10
        assert (found["q0.9"] - found["q0.1"]).max() < 100
    longer = model.predict(frame=big)
    scales = model._scales_for(*[(read := frames.read(big, model.parts["series"]))[0]] * 2, read[1])
    assert scales.size.tolist() == model.learned.history.scales.size.tolist(), "the fitted series, with newer rows"
    assert (longer["forecast"] > 1e6).all()
    few = frames.read(small[:1], model.parts["series"], model.learned.history.panel.freq)
    assert 1 < model._scales_for(few[0], few[0], few[1]).size[0] < 30, "by its level"


def test_a_saved_forecaster_is_the_same_and_forecasts_other_series(fitted, tmp_path):
    fitted.save(tmp_path / "model")
    again = Forecaster.load(tmp_path / "model")
    assert again.predict().equals(fitted.predict())
    assert again.predict(frame=waves(90, 60)).equals(fitted.predict())
    other = again.predict(frame=pl.from_pandas(waves(40).assign(unique_id="new")))
    assert other["unique_id"].to_list() == ["new"] * 6
    assert sorted(p.name for p in (tmp_path / "model").iterdir()) == [
        "config.json", "history.safetensors", "model.safetensors",
    ]  # fmt: skip


def test_a_damaged_folder_is_said(fitted, tmp_path):
    fitted.save(tmp_path / "model")
    settings = json.loads((tmp_path / "model/config.json").read_text())
    del settings["learned"]["form"]
    (tmp_path / "model/config.json").write_text(json.dumps(settings))
    with pytest.raises(RunError, match=r"is damaged: .*expected form, covariates, sizes, history, .*, not"):
        Forecaster.load(tmp_path / "model")
