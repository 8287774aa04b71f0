"""Forecasters from frame to forecast: fit, predict, cross-validate, resume; and a series that is its own index is forecast."""

import inspect
import json
import os
import signal
import subprocess
import sys

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from helpers.series import waves
from sklearn.base import clone

from recurra import tensorfiles
from recurra.config import options
from recurra.errors import ConfigError, DataError, DivergenceError, NotFittedError, RunError
from recurra.fitting import folders, listeners
from recurra.tasks.forecasting import Forecaster, metrics
from recurra.tasks.forecasting.config import CONFIGS, DEFAULTS, PRESETS
from recurra.training import Interrupted, runs

TINY = {"preset": "tiny", "horizon": 6, "input_size": 12, "epochs": 2, "epoch_steps": 6}
QUICK = {"hidden_size": 16, "decoder_size": 16, "lr": 1e-2, "batch_size": 32}


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["direct", "recursive"])
def test_the_series_1_2_3_goes_on(mode):
    frame = pl.DataFrame({"ds": np.arange(1, 121), "y": np.arange(1.0, 121.0)})
    model = Forecaster(3, mode=mode, head="mean", input_size=12, epochs=60, **QUICK).fit(frame, quiet=True)
    found = model.predict()
    assert found["ds"].to_list() == [121, 122, 123]
    assert np.abs(found["forecast"].to_numpy() - [121, 122, 123]).max() < 0.3
    assert found["naive"].to_list() == [120, 120, 120]


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["direct", "recursive"])
def test_noise_that_covariates_give_away_is_forecast_exactly_where_they_do(mode):
    """A past covariate tells the next value, a future one its own: one step off, and nothing is forecast."""
    y = np.random.default_rng(0).normal(size=601)
    frame = pl.DataFrame({"ds": np.arange(600), "y": y[:600], "next": y[1:], "this": y[:600]})
    told = {"past": {"past": ("next",)}, "future": {"future": ("this",)}}
    for kind, columns in told.items():
        model = Forecaster(3, mode=mode, head="mean", input_size=8, scaling="series", epochs=20, **QUICK, **columns)
        cv = model.cross_validate(frame, windows=15, step=2, quiet=True)
        off = np.abs(cv["y"].to_numpy() - cv["forecast"].to_numpy()).reshape(15, 3).mean(0)
        told_steps = 1 if kind == "past" else 3
        assert (off[:told_steps] < 0.25).all(), (kind, off)
        assert (off[told_steps:] > 0.4).all(), (kind, off)


@pytest.fixture(scope="module")
def fitted():
    return Forecaster(season=12, **TINY).fit(waves(90, 60), quiet=True)


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


@pytest.mark.slow
def test_the_same_seed_is_the_same_forecaster():
    one, two, other = (Forecaster(seed=s, **TINY).fit(waves(60), quiet=True).predict() for s in (1, 1, 2))
    assert one.equals(two)
    assert not one.equals(other)


def test_cross_validation_knows_nothing_after_its_first_cutoff():
    data = waves(80, 70)
    model = Forecaster(season=12, **TINY)
    cv = model.cross_validate(data, windows=3, step=4)
    with pytest.raises(NotFittedError):
        model.predict()  # a clone was fitted
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
    """A gap of places 66 to 75, and the cutoff at 70: what comes after it may change no forecast and no scale of a score."""
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


def test_a_refused_series_leaves_no_trace(tmp_path):
    model = Forecaster(**TINY)
    uuids = [__import__("uuid").uuid4()] * 60
    cases = [(waves(6), "at least 7"), (waves(60).assign(unique_id=uuids), "a UUID; expected text or whole numbers")]
    for frame, message in cases:
        with pytest.raises(DataError, match=message):
            model.fit(frame, out=tmp_path / "run", quiet=True)
        assert not (tmp_path / "run").exists()
        with pytest.raises(NotFittedError):
            model.predict()
    model.fit(waves(60), out=tmp_path / "run", quiet=True)


@pytest.mark.parametrize("members", [1, 2])
def test_resuming_goes_on_to_the_same_bits(tmp_path, members):
    whole = Forecaster(members=members, **TINY).fit(waves(60, 70), out=tmp_path / "whole", quiet=True)

    class Gone(BaseException):
        pass

    def listen(event):
        if event["event"] == "save" and event["step"] >= 4:
            raise Gone

    with pytest.raises(Gone):
        Forecaster(members=members, save_every=1e-9, **TINY).fit(
            waves(60, 70), out=tmp_path / "cut", quiet=True, listeners=[listen]
        )
    again = Forecaster.resume(tmp_path / "cut", waves(60, 70), quiet=True)
    for name, schema in ((runs.STATE, "state/1"), (runs.WEIGHTS, "model/1")):
        a, b = (tensorfiles.read(tmp_path / folder / name, schema)[0] for folder in ("whole", "cut"))
        assert a.keys() == b.keys()
        assert all(torch.equal(a[key], b[key]) for key in a)
    assert again.predict().equals(whole.predict())
    with pytest.raises(DataError, match="was trained on other data; a run is resumed only with the same frame"):
        Forecaster.resume(tmp_path / "cut", waves(60, 71), quiet=True)
    with pytest.raises(RunError, match="was fitted on data in memory; give the same again"):
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
    with pytest.raises(Interrupted, match=r"Continue with: Forecaster\.resume\('.*run', frame\)"):
        Forecaster(**TINY | {"epochs": 400}).fit(data, out=tmp_path / "run", quiet=True, listeners=[interrupt])
    for out, told in ((None, False), (tmp_path / "wild", True)):
        with (
            pytest.raises(DivergenceError, match="look for wild values in the data") as error,
            np.errstate(over="ignore"),
        ):
            Forecaster(scaling="none", **TINY).fit(wild, out=out, quiet=True)
        assert (f"the last good state is in {out}" in str(error.value)) == told
        assert "recurra-" not in str(error.value)


def test_mistakes_are_said(fitted, tmp_path):
    cases = [
        (lambda: Forecaster(**TINY).predict(), NotFittedError, "this Forecaster is not fitted yet; call fit(frame)"),
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
    ]
    for call, kind, message in cases:
        with pytest.raises(kind) as error:
            call()
        assert message in str(error.value)


@pytest.mark.slow
def test_airline_passengers_beat_both_naive_forecasts(real_data):
    data = pl.read_csv(real_data("airline/airline-passengers.csv"))
    model = Forecaster(12, time_col="Month", target_col="Passengers", log=True, epochs=30)
    cv = model.cross_validate(data, windows=1)
    scores = {row["model"]: row for row in model.score(cv, data).iter_rows(named=True)}
    assert cv["Month"].to_list()[0] == "1960-01"
    assert scores["seasonal_naive"]["smape"] == pytest.approx(10.57, abs=0.01)
    assert scores["forecast"]["smape"] < 7
    assert scores["forecast"]["mase"] < 0.7 * scores["seasonal_naive"]["mase"]


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
    with pytest.raises(RunError, match="holds a training run, which saving a model would break"):
        model.save(model.folder)


def test_parameters_are_the_fields_of_the_settings_classes_with_their_defaults():
    """Where a preset sets one, None leaves it to the preset."""
    from_presets = {name for values in PRESETS.values() for name in values}
    defaults = {option.name: option.default for part in CONFIGS.values() for option in options(part)} | DEFAULTS
    wanted = {"preset": "default"} | defaults | dict.fromkeys(from_presets)
    assert Forecaster().get_params() == wanted
    assert not [name for name in wanted if hasattr(Forecaster, name)]
    parameters = list(inspect.signature(Forecaster.__init__).parameters.values())
    assert [one.name for one in parameters if one.kind is one.POSITIONAL_OR_KEYWORD] == ["self", "horizon", "freq"]
    assert Forecaster().settings == defaults
    assert Forecaster(preset="tiny", hidden_size=64).settings["hidden_size"] == 64, "the user's own wins over a preset"


def test_a_clone_and_a_search_over_parameters():
    model = Forecaster(6, 1, preset="tiny", lags=[7, 14], past="p")
    copy = clone(model)
    assert copy.get_params() == model.get_params()
    assert copy.set_params(horizon=3, lr=1e-3).settings["lr"] == 1e-3
    assert model.settings["lr"] == 1e-2
    assert repr(copy) == "Forecaster(horizon=3, freq=1, preset='tiny', past='p', lags=[7, 14], lr=0.001)"
    with pytest.raises(ConfigError, match="`horizon` is 0; expected 1 or more"):
        copy.set_params(horizon=0)
    with pytest.raises(ConfigError, match="`horizn` is not a setting; did you mean `horizon`"):
        copy.set_params(horizn=0)


@pytest.mark.slow
def test_it_works_without_scikit_learn():
    code = "import sys; sys.modules['sklearn'] = None; from recurra.tasks.forecasting import Forecaster as F"
    code += "; F(preset='tiny').set_params(lr=1); print(F().get_params()['horizon'])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "None\n"


def test_a_second_fit_starts_afresh(tmp_path):
    hourly = waves(90)
    daily = hourly.assign(ds=pd.date_range("2024-01-01", periods=90, freq="D"), y=hourly["y"][::-1].to_numpy())
    open_sizes = {name: value for name, value in TINY.items() if name != "input_size"}
    model = Forecaster(**open_sizes).fit(hourly, out=tmp_path / "run", quiet=True)
    assert (model.parts["series"].freq, model.parts["model"].lags, model.parts["model"].input_size) == ("h", (24,), 72)
    loaded, fresh = Forecaster.load(tmp_path / "run"), Forecaster(**open_sizes).fit(daily, quiet=True)
    assert (loaded.parts, loaded.season, loaded.lags, loaded.freq) == (model.parts, None, (), None)
    for again in (model.fit(daily, quiet=True), loaded.fit(daily, quiet=True)):
        assert again.parts == fresh.parts
        assert again.parts["model"].season == 7
        assert again.predict().equals(fresh.predict())
    with pytest.raises(DataError):
        model.fit(waves(6), quiet=True)
    assert model.predict().equals(fresh.predict()), "a fit that fails changes nothing"


def test_what_the_user_left_open_must_be_whole(fitted, tmp_path):
    fitted.save(tmp_path / "model")
    path = tmp_path / "model/config.json"
    settings = json.loads(path.read_text())
    assert settings["open"] == {"freq": None, "validation": None, "lags": []}
    for damaged in ({"fraq": None}, {"season": -1}, [7]):
        path.write_text(json.dumps(settings | {"open": damaged}))
        with pytest.raises(RunError, match=r"config\.json is damaged: .*Restore it from a copy, or train again"):
            Forecaster.load(tmp_path / "model")


def test_other_data_to_validate_with_is_refused():
    with pytest.raises(ConfigError, match="`validation_data` has no use here: the end of each series is held out"):
        Forecaster(**TINY).fit(waves(60), validation_data=waves(60))


@pytest.mark.slow
def test_a_run_from_a_file_is_resumed_where_the_file_is(tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    for name in ("elsewhere/sales.csv", "near.csv"):
        waves(60).to_csv(name, index=False)
    near = Forecaster.from_files("near.csv", quiet=True, **TINY)
    assert near.folder.as_posix() == "runs/near-1"
    assert json.loads((near.folder / "config.json").read_text())["sources"] == {"paths": ["../../near.csv"]}
    assert Forecaster.resume_files(near.folder, quiet=True).predict().equals(near.predict())
    monkeypatch.chdir(tmp_path / "elsewhere")
    away = Forecaster.from_files(tmp_path / "near.csv", tmp_path / "elsewhere/deep/run", quiet=True, **TINY)
    written = (away.folder / "config.json").read_text()
    assert str(tmp_path) not in written
    assert json.loads(written)["sources"] == {"paths": ["near.csv"]}
    with pytest.raises(RunError, match=r"recurra forecast --resume .*run --data PATH"):
        Forecaster.resume_files(away.folder, quiet=True)
    moved = Forecaster.resume_files(away.folder, [tmp_path / "near.csv"], quiet=True)
    assert moved.predict().equals(near.predict())
    waves(61).to_csv("other.csv", index=False)
    with pytest.raises(DataError, match="was trained on other data; a run is resumed only with the same frame"):
        Forecaster.resume_files(away.folder, ["other.csv"], quiet=True)
    with pytest.raises(ConfigError, match="`horizn` is not a setting; did you mean `horizon`"):
        Forecaster.from_files("other.csv", horizn=3)
    with pytest.raises(DataError, match="2 tables were named; a forecaster learns from one"):
        Forecaster.from_files(["other.csv", "sales.csv"])


def test_the_report_stands_beside_the_naive_forecasts(tmp_path):
    data = waves(120, 130)
    model = Forecaster(season=12, **TINY).fit(data, out=tmp_path / "run", quiet=True)
    score, _, command = model.report()[:3]
    cv = model.cross_validate(data, fit=False)
    for name, column in (("smape", "forecast"), ("naive_smape", "naive"), ("seasonal_naive_smape", "seasonal_naive")):
        assert score[name] == pytest.approx(metrics.smape(cv["y"], cv[column]))
    assert command == f"recurra forecast --model {tmp_path / 'run'}"
    alone = Forecaster(season=12, validation=0, **TINY).fit(data, quiet=True)
    assert "smape" not in alone.report().score, "nothing was held out"
    assert alone.report().next == "recurra forecast --model FOLDER"


def test_the_history_is_there_before_the_settings(tmp_path, monkeypatch):
    write, there = folders.write_settings, []

    def settings_last(folder, *arguments, **about):
        there.append({path.name for path in folder.iterdir()})
        write(folder, *arguments, **about)

    monkeypatch.setattr(folders, "write_settings", settings_last)
    Forecaster(**TINY).fit(waves(60), out=tmp_path / "run", quiet=True)
    assert there
    assert all(names == {"history.safetensors"} or "model.safetensors" in names for names in there)
    assert there[0] == {"history.safetensors"}

    def full(*arguments):
        raise RunError("history.safetensors cannot be written")

    monkeypatch.setattr(tensorfiles, "write", full)
    with pytest.raises(RunError, match="cannot be written"):
        Forecaster(**TINY).fit(waves(60), out=tmp_path / "none", quiet=True)
    assert not (tmp_path / "none").exists()


def test_what_is_saved_was_fitted_though_parameters_have_changed_since(tmp_path):
    model = Forecaster(season=12, **TINY).fit(waves(60), quiet=True)
    model.set_params(season=5, lags=(3,), hidden_size=9).save(tmp_path / "model")
    loaded = Forecaster.load(tmp_path / "model")
    assert (loaded.season, loaded.lags, loaded.settings["hidden_size"]) == (12, (), 16)
    assert loaded.predict().equals(model.predict())
