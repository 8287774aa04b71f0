"""Forecasters from frame to forecast: fit, predict, cross-validate, update, plot, save, load, resume."""

import json
import os
import signal

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from helpers.series import waves

from recurra import tensorfiles
from recurra.errors import ConfigError, DataError, DivergenceError, RunError
from recurra.fitting import listeners
from recurra.tasks.forecasting import Forecaster, metrics
from recurra.tasks.forecasting.series import frames
from recurra.training import Interrupted, runs

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
    assert "fitted on 2 series" in repr(fitted)


@pytest.mark.parametrize("mode", ["direct", "recursive"])
@pytest.mark.parametrize("head", ["quantiles", "gaussian", "student-t", "negative-binomial", "mean"])
def test_every_head_in_both_modes_with_covariates(mode, head):
    data = waves(60, 50).assign(y=lambda d: d["y"].round())
    columns = {"past": "p", "future": "f", "static": ("s", "unique_id")}
    model = Forecaster(mode=mode, head=head, samples=30, **TINY, **columns).fit(data, quiet=True)
    ahead = waves(66, 56)
    found = model.predict(future=ahead)
    assert np.isfinite(found["forecast"]).all()
    assert len(found) == 12
    assert ("q0.1" in found) == (head != "mean")
    assert found.equals(model.predict(future=ahead)), "the same again"
    if mode == "recursive" and head != "mean":
        assert not found.equals(model.predict(future=ahead, seed=1))
        assert len(model.predict(9, future=waves(69, 59))) == 18


@pytest.mark.parametrize("cell", ["gru", "rnn", "mingru"])
def test_any_cell(cell):
    model = Forecaster(cell=cell, num_layers=2, dropout=0.1, **TINY).fit(waves(60), quiet=True)
    assert np.isfinite(model.predict()["forecast"]).all()


def test_the_same_seed_is_the_same_forecaster():
    one, two, other = (Forecaster(seed=s, **TINY).fit(waves(60), quiet=True).predict() for s in (1, 1, 2))
    assert one.equals(two)
    assert not one.equals(other)


def test_cross_validation_knows_nothing_after_its_first_cutoff():
    data = waves(80, 70)
    model = Forecaster(season=12, **TINY)
    cv = model.cross_validate(data, windows=3, step=4)
    assert model.model is None, "a copy was fitted"
    assert len(cv) == 2 * 3 * 6
    assert cv["cutoff"].unique().tolist()[0] == pd.Timestamp("2024-01-01") + pd.Timedelta(hours=80 - 6 - 8 - 1)
    first = cv[(cv["unique_id"] == "s0") & (cv["cutoff"] == cv["cutoff"].iloc[0])]
    assert first["y"].tolist() == data["y"][66:72].tolist()
    changed = data.assign(y=np.where((data.index >= 66) & (data.index < 80), 99.0, data["y"]))
    again = model.cross_validate(changed, windows=3, step=4)
    same = (cv["unique_id"] == "s1") | (cv["cutoff"] == cv["cutoff"].iloc[0])
    assert np.array_equal(cv["forecast"][same], again["forecast"][same])


@pytest.mark.parametrize("mode", ["direct", "recursive"])
def test_a_line_across_a_cutoff_knows_nothing_after_it(mode):
    """A gap of places 66 to 75, and the cutoff at 70: what comes after it may change no forecast and no unit of a score."""
    data = waves(80).drop(range(66, 76))
    changed = data.assign(
        y=np.where(data.index >= 76, 999.0, data["y"]), p=np.where(data.index >= 76, 999.0, data["p"])
    )
    made = [Forecaster(mode=mode, samples=5, past="p", fill="linear", season=12, **TINY) for _ in range(2)]
    one, two = (model.cross_validate(d, h=6, windows=2, step=4) for model, d in zip(made, (data, changed), strict=True))
    assert one["cutoff"].nunique() == 2
    for name in ("forecast", "q0.1", "q0.9", "naive", "seasonal_naive"):
        assert np.array_equal(one[name], two[name]), name
    assert one["naive"][0] == data["y"][65]
    assert made[0].score(one, data)["mase"][1] == pytest.approx(made[0].score(one, changed)["mase"][1])
    late = waves(40, 40).assign(y=lambda d: d["y"].where((d["unique_id"] == "s0") | (d.index >= 76)))
    with pytest.raises(
        DataError, match="series 's1' has no value before 2024-01-02 10:00:00, where the forecasts begin"
    ):
        Forecaster(fill="linear", **TINY).cross_validate(late)


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


def test_the_unit_of_a_window_is_measured_once(monkeypatch):
    data, counted = waves(80), []
    model = Forecaster(season=12, **TINY)
    cv = model.cross_validate(data, windows=3)
    error = metrics.seasonal_error
    monkeypatch.setattr(metrics, "seasonal_error", lambda *given: counted.append(1) or error(*given))
    model.score(cv, data)
    assert len(counted) == 3


@pytest.mark.parametrize("settings", [{}, {"mode": "recursive"}, {"scaling": "series", "cell": "gru"}], ids=str)
def test_new_rows_move_the_state_on_as_if_read_at_once(settings):
    """One row at a time, all at once, or after saving: the same state; and it is carried, not read again."""
    data = waves(100, 90)
    known = data[data.groupby("unique_id").cumcount() < np.where(data["unique_id"] == "s0", 70, 60)]
    new = data.drop(known.index)
    model = Forecaster(season=12, samples=20, **TINY | settings).fit(known, quiet=True)
    model.save(folder := model.folder.with_name(model.folder.name + "-saved"))
    steps = new.groupby("unique_id").cumcount()
    for count in (5, 12, 17, 30):  # below, at and beyond the window, where the state begins anew
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
    read, real = [], model.model.layers.forward
    monkeypatch.setattr(model.model.layers, "forward", lambda x, *a, **k: read.append(len(x)) or real(x, *a, **k))
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
    y = filled._panel.y[-4:]
    assert y[1] - y[0] == pytest.approx(y[2] - y[1])
    assert filled._panel.seen[-4:].tolist() == [False, False, True, True]


@pytest.mark.parametrize(("fill", "want"), [("forward", 50.0), ("linear", 60.0), ("zero", 0.0)])
def test_an_update_is_filled_from_what_is_known(fill, want):
    data = waves(62).drop(columns=["unique_id", "p", "f", "s"])
    data.loc[59:61, "y"] = [50.0, np.nan, 70.0]
    model = Forecaster(fill=fill, **TINY).fit(data[:60], quiet=True)
    model.save(folder := model.folder.with_name(model.folder.name + "-update"))
    assert model.update(data[60:])._panel.y[-3:].tolist() == [50, want, 70]
    assert model._panel.seen[-3:].tolist() == [True, False, True]
    assert model._panel.wait[-3:, 0].tolist() == [0, int(fill == "linear"), 0]
    model.save(again := folder.with_name(folder.name + "-again"))
    for name in ("y", "wait", "held"):
        assert np.array_equal(getattr(Forecaster.load(again)._panel, name), getattr(model._panel, name)), name
    alone = Forecaster.load(folder).update(data[60:61])
    assert alone._panel.y[-2:].tolist() == [50, 0 if fill == "zero" else 50], "a row without a value, and none after"
    assert alone.predict(1)["ds"].tolist() == [data["ds"][61]]
    nothing = pl.DataFrame({"ds": [data["ds"][60]], "y": [None]})
    assert Forecaster.load(folder).update(nothing)._panel.y[-2:].tolist() == alone._panel.y[-2:].tolist()
    strict = Forecaster(**TINY).fit(data[:60], quiet=True)
    with pytest.raises(DataError, match="has no 'y' at 2024-01-03 12:00:00"):
        strict.update(data[60:])


def test_forecasts_of_a_frame_come_in_its_form_and_with_its_names():
    model = Forecaster(season=12, **TINY).fit(pl.from_pandas(waves(60)[["ds", "y"]]), quiet=True)
    assert model.predict().columns[0] == "ds"
    other = model.predict(frame=waves(60, 50))
    assert isinstance(other, pd.DataFrame)
    assert other["unique_id"].tolist() == ["s0"] * 6 + ["s1"] * 6
    text = waves(60)[["ds", "y"]].assign(ds=lambda d: d["ds"].dt.strftime("%Y-%m-%d %H:%M"))
    assert model.predict(1, frame=text)["ds"].tolist() == ["2024-01-03 12:00"]


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
    units = model._units_for(*[(read := frames.read(big, model.settings["series"]))[0]] * 2, read[1])
    assert units.size.tolist() == model._units.size.tolist(), "the fitted series, with newer rows"
    assert (longer["forecast"] > 1e6).all()
    few = frames.read(small[:1], model.settings["series"], model._panel.freq)
    assert model._units_for(few[0], few[0], few[1]).size.tolist() == model._units.size.tolist()


def test_a_refused_series_leaves_no_trace(tmp_path):
    model = Forecaster(**TINY)
    uuids = [__import__("uuid").uuid4()] * 60
    cases = [(waves(6), "at least 7"), (waves(60).assign(unique_id=uuids), "a UUID; expected text or whole numbers")]
    for frame, message in cases:
        with pytest.raises(DataError, match=message):
            model.fit(frame, out=tmp_path / "run", quiet=True)
        assert not (tmp_path / "run").exists()
        assert model.model is None, "nor is it fitted"
    model.fit(waves(60), out=tmp_path / "run", quiet=True)


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


def test_resuming_goes_on_to_the_same_bits(tmp_path):
    whole = Forecaster(**TINY).fit(waves(60, 70), out=tmp_path / "whole", quiet=True)

    class Gone(BaseException):
        pass

    def listen(event):
        if event["event"] == "save" and event["step"] >= 4:
            raise Gone

    with pytest.raises(Gone):
        Forecaster(**TINY, save_every=1e-9).fit(waves(60, 70), out=tmp_path / "cut", quiet=True, listeners=[listen])
    again = Forecaster.resume(tmp_path / "cut", waves(60, 70), quiet=True)
    for name, schema in ((runs.STATE, "state/1"), (runs.WEIGHTS, "model/1")):
        a, b = (tensorfiles.read(tmp_path / folder / name, schema)[0] for folder in ("whole", "cut"))
        assert all(torch.equal(a[key], b[key]) for key in a)
    assert again.predict().equals(whole.predict())
    with pytest.raises(RunError, match=r"the data is not what .* was fitted on; a run goes on only with the same data"):
        Forecaster.resume(tmp_path / "cut", waves(60, 71), quiet=True)
    with pytest.raises(RunError, match="does not say where its data came from; give the frame"):
        Forecaster.resume(tmp_path / "cut", quiet=True)
    with pytest.raises(RunError, match="is in use"):
        Forecaster(**TINY).fit(waves(60), out=tmp_path / "cut", quiet=True)


def test_what_stops_a_fit_names_a_folder_only_where_there_will_be_one(tmp_path):
    def interrupt(event):
        if event["event"] == "evaluate":
            os.kill(os.getpid(), signal.SIGINT)

    data, wild = waves(60), waves(60).assign(y=lambda d: d["y"] * 1e60)
    with pytest.raises(Interrupted, match="stopped, and nothing is kept; with `out`"):
        Forecaster(**TINY | {"epochs": 400}).fit(data, quiet=True, listeners=[interrupt])
    with pytest.raises(Interrupted, match=r"Continue with: recurra forecast --resume .*run"):
        Forecaster(**TINY | {"epochs": 400}).fit(data, tmp_path / "run", quiet=True, listeners=[interrupt])
    for out, told in ((None, False), (tmp_path / "wild", True)):
        with (
            pytest.raises(DivergenceError, match="look for wild values in the data") as error,
            np.errstate(over="ignore"),
        ):
            Forecaster(scaling="none", **TINY).fit(wild, out, quiet=True)
        assert (f"the last good state is in {out}" in str(error.value)) == told
        assert "recurra-" not in str(error.value)


def test_pictures_show_the_naive_forecasts_beside(fitted, tmp_path):
    figure = fitted.plot(path=tmp_path / "next.png")
    labels = {line.get_label() for line in figure.axes[0].lines}
    assert {"history", "forecast", "naive", "seasonal naive"} <= labels
    assert [axes.get_title("left") for axes in figure.axes] == ["s0", "s1"]
    assert (tmp_path / "next.png").read_bytes().startswith(b"\x89PNG")
    cv = fitted.cross_validate(waves(90, 60), windows=2, fit=False)
    assert len(fitted.plot(cv, ids="s1", history=20).axes) == 1
    with pytest.raises(ConfigError, match="there is no forecast of series 's7'; expected one of: s0, s1"):
        fitted.plot(ids=["s7"])
    with pytest.raises(ConfigError, match=r"next\.txt ends in '\.txt'; expected \.png, \.svg or \.pdf"):
        fitted.plot(path=tmp_path / "next.txt")


def test_mistakes_are_said(fitted, tmp_path):
    cases = [
        (lambda: Forecaster(**TINY).predict(), ConfigError, "the forecaster is not fitted; call fit(frame) first"),
        (
            lambda: fitted.predict(7),
            ConfigError,
            "`h` is 7, but the model forecasts 6 steps at once; fit with horizon=7",
        ),
        (lambda: fitted.predict(0), ConfigError, "`h` is 0; expected 1 or more steps"),
        (lambda: fitted.predict(future=waves(6)), ConfigError, "was fitted without future=(...) columns; drop it"),
        (lambda: fitted.cross_validate(waves(90), windows=0), ConfigError, "`windows` is 0; expected 1 or more"),
        (lambda: fitted.cross_validate(waves(18), windows=3), DataError, "3 windows of 6, 6 apart, need at least 20"),
        (lambda: Forecaster(**TINY).fit(waves(6)), DataError, "forecasting 6 steps needs at least 7"),
        (lambda: Forecaster(**TINY, validation=3).fit(waves(60)), ConfigError, "`validation` is 3 steps; expected 0"),
        (lambda: Forecaster(**TINY, log=True).fit(waves(60).assign(y=-1.0)), DataError, "`log` needs values above 0"),
        (
            lambda: Forecaster(**TINY, head="negative-binomial").fit(waves(60)),
            DataError,
            "head='negative-binomial' counts: values are 0, 1, 2 ...; series 's0' has 10.",
        ),
        (lambda: Forecaster.load(tmp_path / "none"), RunError, "there is no run"),
        (lambda: fitted.save(fitted.folder), RunError, "holds a training run, which saving a model would break"),
    ]
    for call, kind, message in cases:
        with pytest.raises(kind) as error:
            call()
        assert message in str(error.value)


def test_short_series_are_forecast_though_not_learned_from(capsys):
    data = waves(80, 4)
    model = Forecaster(season=12, **TINY).fit(data)
    assert "1 series are shorter than 13 steps: forecast, but not learned from" in capsys.readouterr().err
    found = model.predict()
    assert np.isfinite(found["forecast"]).all()
    assert found["seasonal_naive"][6:].tolist() == [data["y"][83]] * 6
    short = Forecaster(**TINY).fit(waves(15))
    assert "too short to hold anything out" in capsys.readouterr().err
    assert len(short.predict()) == 6


def test_a_damaged_folder_is_said(fitted, tmp_path):
    fitted.save(tmp_path / "model")
    settings = json.loads((tmp_path / "model/config.json").read_text())
    del settings["form"]
    (tmp_path / "model/config.json").write_text(json.dumps(settings))
    with pytest.raises(RunError, match="describes no forecaster; restore it from a copy, or train again"):
        Forecaster.load(tmp_path / "model")


def test_airline_passengers_beat_both_naive_forecasts(real_data):
    data = pl.read_csv(real_data("airline/airline-passengers.csv"))
    model = Forecaster(12, time_col="Month", target_col="Passengers", log=True, epochs=30)
    cv = model.cross_validate(data, windows=1)
    scores = {row["model"]: row for row in model.score(cv, data).iter_rows(named=True)}
    assert cv["Month"].to_list()[0] == "1960-01"
    assert scores["seasonal_naive"]["smape"] == pytest.approx(10.57, abs=0.01)
    assert scores["forecast"]["smape"] < 7
    assert scores["forecast"]["mase"] < 0.7 * scores["seasonal_naive"]["mase"]


def test_m4_hourly_seasonal_naive_has_the_published_figures(real_data):
    """13.912 and 1.193 in the competition's own sheet."""
    train, test = ([[float(c.strip('"')) for c in line.split(",")[1:] if c.strip('"')] for line in
                    real_data(f"m4/Hourly-{part}.csv").read_text().splitlines()[1:]] for part in ("train", "test"))  # fmt: skip
    forecasts = [(history[-24:] * 2) for history in train]
    smape = np.mean([metrics.smape(y, f) for y, f in zip(test, forecasts, strict=True)])
    mase = np.mean([metrics.mase(y, f, h, 24) for y, f, h in zip(test, forecasts, train, strict=True)])
    assert (round(smape, 3), round(mase, 3)) == (13.912, 1.193)


@pytest.mark.slow
def test_m4_hourly_beats_the_seasonal_naive_forecast(real_data):
    """One series in ten, for a few seconds."""
    rows = [line.split(",") for line in real_data("m4/Hourly-train.csv").read_text().splitlines()[1::10]]
    held = {line.split(",")[0]: line for line in real_data("m4/Hourly-test.csv").read_text().splitlines()[1:]}
    parts = []
    for row in rows:
        y = [float(cell.strip('"')) for cell in row[1:] + held[row[0]].split(",")[1:] if cell.strip('"')]
        parts.append(pl.DataFrame({"unique_id": row[0], "ds": np.arange(len(y)), "y": y}))
    data = pl.concat(parts)
    settings = {"season": 24, "lags": (24, 168), "input_size": 48, "log": True, "hidden_size": 32, "epochs": 2}
    model = Forecaster(48, 1, validation=48, epoch_steps=150, **settings)
    cv = model.cross_validate(data, windows=1)
    scores = {row["model"]: row for row in model.score(cv, data).iter_rows(named=True)}
    assert scores["forecast"]["smape"] < scores["seasonal_naive"]["smape"]
    assert abs(scores["forecast"]["coverage"] - 0.8) < 0.1


def test_runs_write_what_all_runs_write(tmp_path):
    model = Forecaster(**TINY).fit(waves(60), out=tmp_path / "run", quiet=True)
    assert model.folder == tmp_path / "run"
    names = {path.name for path in model.folder.iterdir()}
    assert names == {"config.json", "history.safetensors", "loss.png", "metrics.jsonl", runs.STATE, runs.WEIGHTS}
    assert listeners.read_metrics(model.folder)[-1]["reason"] == "finished"
