"""Forecasting: what a window holds, the heads, the measures; and that a series which is its own index is forecast."""

import dataclasses
import sys

import numpy as np
import polars as pl
import pytest
import torch

from recurra.errors import ConfigError, ShapeError
from recurra.tasks.forecasting import Forecaster, baselines, metrics, predicting, settings
from recurra.tasks.forecasting.config import ForecastConfig, SeriesConfig
from recurra.tasks.forecasting.heads import HEADS
from recurra.tasks.forecasting.model import ForecastModel
from recurra.tasks.forecasting.series import frames
from recurra.tasks.forecasting.series.windows import Unit, Windows, describe

AS_IS = {"past": [[0.0, 1.0]], "known": [[0.0, 1.0]], "static": []}


def index_panel(*lengths, fill="error"):
    """Series whose values are 1, 2, 3 ...; tens of them as past covariate, hundreds as future one."""
    parts = [np.arange(1, n + 1) for n in lengths]
    y = np.concatenate(parts).astype(float)
    names = np.repeat([f"s{k}" for k in range(len(lengths))], lengths)
    frame = pl.DataFrame({"unique_id": names, "ds": np.concatenate(parts), "y": y, "p": 10 * y, "f": 100 * y})
    return frames.read(frame, SeriesConfig(past=("p",), future=("f",), fill=fill))[0]


def index_windows(mode, *lengths, lags=(4,), input_size=6):
    config = ForecastConfig(horizon=3, mode=mode, scaling="none", lags=lags, season=lags[0], input_size=input_size)
    return Windows(index_panel(*lengths), config, AS_IS, calendared=False)


def test_a_direct_window_reads_up_to_the_cut_and_forecasts_from_it():
    window = index_windows("direct", 30, 20).batch(np.array([0, 1]), np.array([20, 12]), 3)
    values, seen, lagged, past, known, fresh = window.read.unbind(-1)
    assert values.T.tolist() == [[15, 16, 17, 18, 19, 20], [7, 8, 9, 10, 11, 12]]
    assert lagged.T.tolist() == [[11, 12, 13, 14, 15, 16], [3, 4, 5, 6, 7, 8]]
    assert torch.equal(past, 10 * values)
    assert torch.equal(known, 100 * values)
    assert bool((seen == 1).all())
    assert bool((fresh == 1).all())
    assert window.target.T.tolist() == [[21, 22, 23], [13, 14, 15]]
    assert window.known[..., 0].T.tolist() == [[2100, 2200, 2300], [1300, 1400, 1500]]
    last, season = window.near.unbind(-1)
    assert last.T.tolist() == [[20, 20, 20], [12, 12, 12]]
    assert season.T.tolist() == [[17, 18, 19], [9, 10, 11]]


def test_a_recursive_window_reads_each_value_one_step_before_it_is_forecast():
    window = index_windows("recursive", 30).batch(np.array([0]), np.array([20]), 3)
    values, seen, lagged, past, known, fresh = (part[:, 0].tolist() for part in window.read.unbind(-1))
    assert window.target[:, 0].tolist() == [15, 16, 17, 18, 19, 20, 21, 22, 23]
    assert values == [14, 15, 16, 17, 18, 19, 20, 21, 22]
    assert lagged == [11, 12, 13, 14, 15, 16, 17, 18, 19]
    assert known == [100 * t for t in window.target[:, 0].tolist()]
    assert past == [10 * v for v in values[:7]] + [0, 0]
    assert fresh == [1] * 7 + [0, 0]
    assert seen == [1] * 9
    assert window.near[:, 0].tolist() == [list(pair) for pair in zip(values, lagged, strict=True)]


def test_a_season_shorter_than_the_horizon_is_repeated():
    window = index_windows("direct", 30, lags=(2,)).batch(np.array([0]), np.array([20]), 3)
    assert window.near[:, 0, 1].tolist() == [19, 20, 19]


def test_before_a_series_begins_there_is_padding_and_nothing_of_the_series_before():
    window = index_windows("direct", 30, 20).batch(np.array([1]), np.array([2]), 3)
    values, seen, lagged, past, known, fresh = (part[:, 0].tolist() for part in window.read.unbind(-1))
    assert values == [0, 0, 0, 0, 1, 2]
    assert seen == fresh == [0, 0, 0, 0, 1, 1]
    assert lagged == [0] * 6
    assert (past, known) == ([0, 0, 0, 0, 10, 20], [0, 0, 0, 0, 100, 200])
    assert window.near[:, 0, 1].tolist() == [2, 2, 1], "where there is no season yet, the last value stands in"
    assert window.target[:, 0].tolist() == [3, 4, 5]


def test_filled_values_are_marked_and_have_no_say_in_the_loss():
    frame = pl.DataFrame({"ds": [1, 2, 3, 5, 6, 7, 9], "y": [1.0, 2, 3, 5, 6, 7, 9]})
    panel, _ = frames.read(frame, SeriesConfig(fill="linear"), None)
    config = ForecastConfig(horizon=3, scaling="none", lags=(), season=1, input_size=5)
    window = Windows(panel, config, describe(panel), calendared=False).batch(np.array([0]), np.array([6]), 3)
    assert window.read[:, 0, :2].tolist() == [[2, 1], [3, 1], [4, 0], [5, 1], [6, 1]]
    assert (window.target[:, 0].tolist(), window.weight[:, 0].tolist()) == ([7, 8, 9], [1, 0, 1])


@pytest.mark.parametrize("mode", ["direct", "recursive"])
@pytest.mark.parametrize("scaling", ["window", "none"])
def test_a_forecast_does_not_depend_on_anything_after_its_cut_but_what_is_known_ahead(mode, scaling):
    panel = index_panel(40)
    noise = np.random.default_rng(0).normal(size=(2, 40))
    panel = dataclasses.replace(panel, y=panel.y + 5 * noise[0], past=panel.past + noise[1][:, None])
    config = ForecastConfig(horizon=5, mode=mode, scaling=scaling, lags=(3,), season=3, input_size=8, samples=20)
    model = ForecastModel(config, 1, 1, 0).eval()

    def ahead(panel):
        windows = Windows(panel, config, describe(index_panel(40)), calendared=False)
        return predicting.forecast(model, windows, np.array([0]), np.array([30]), 5, seed=1)

    later = np.arange(40) >= 30
    changed = dataclasses.replace(
        panel, y=np.where(later, 777.0, panel.y), seen=~later, past=np.where(later[:, None], 777.0, panel.past)
    )
    assert np.array_equal(ahead(panel), ahead(changed))
    for name in ("y", "past", "known"):
        touched = getattr(panel, name).copy()
        touched[30 if name == "known" else 29] += 50.0
        assert not np.array_equal(ahead(panel), ahead(dataclasses.replace(panel, **{name: touched}))), name


@pytest.mark.parametrize("mode", ["direct", "recursive"])
def test_a_window_that_begins_in_a_filled_gap_reads_what_was_known_then(mode):
    y = np.arange(1.0, 41.0)
    y[27:33] = np.nan  # the value after the gap is that of place 33
    frame = pl.DataFrame({"ds": np.arange(40), "y": y, "p": y}).with_columns(pl.col("y", "p").fill_nan(None))
    later = frame.with_columns(pl.when(pl.col("ds") >= 33).then(777.0).otherwise(pl.col("y", "p")).name.keep())
    config = ForecastConfig(horizon=5, mode=mode, lags=(3,), season=3, input_size=8, samples=20)
    about = {"past": [[0.0, 1.0]], "known": [], "static": []}

    def windows(data):
        series = SeriesConfig(past=("p",), fill="linear")
        return Windows(
            frames.read(data, series)[0], config, about, calendared=False, units=Unit(np.zeros(1), np.ones(1))
        )

    one, two, zero = windows(frame), windows(later), np.zeros(1, np.int64)
    for cut in (28, 30, 33):
        a, b = (w.batch(zero, zero + cut, 0 if mode == "recursive" else 5) for w in (one, two))
        assert torch.equal(a.read, b.read)
        assert torch.equal(a.near, b.near)
        model = ForecastModel(config, 1, 0, 0).eval()
        a, b = (predicting.forecast(model, w, zero, zero + cut, 5, seed=1) for w in (one, two))
        assert np.array_equal(a, b)
        for naive in (baselines.naive(w.panel, zero, zero + cut, 2) for w in (one, two)):
            assert naive.tolist() == [[27, 27]]
    assert one.batch(zero, zero + 34, 5).read[-7:, 0, 0].diff().std() < 1e-6 or mode == "recursive", (
        "a line, once known"
    )


QUICK = {"hidden_size": 16, "decoder_size": 16, "lr": 1e-2, "batch_size": 32}


@pytest.mark.parametrize("mode", ["direct", "recursive"])
def test_the_series_1_2_3_goes_on(mode):
    frame = pl.DataFrame({"ds": np.arange(1, 121), "y": np.arange(1.0, 121.0)})
    model = Forecaster(3, mode=mode, head="mean", input_size=12, epochs=60, **QUICK).fit(frame, quiet=True)
    found = model.predict()
    assert found["ds"].to_list() == [121, 122, 123]
    assert np.abs(found["forecast"].to_numpy() - [121, 122, 123]).max() < 0.3
    assert found["naive"].to_list() == [120, 120, 120]


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


def test_naive_forecasts():
    panel = index_panel(10, 2)
    series, cuts = np.array([0, 1]), np.array([7, 2])
    assert baselines.naive(panel, series, cuts, 3).tolist() == [[7, 7, 7], [2, 2, 2]]
    assert baselines.seasonal_naive(panel, series, cuts, 5, 3).tolist() == [[5, 6, 7, 5, 6], [2, 1, 2, 2, 1]]


def test_measures_by_hand():
    y, forecast = [100.0, 50.0, 0.0], [110.0, 40.0, 0.0]
    assert metrics.mse(y, forecast) == pytest.approx(200 / 3)
    assert metrics.mae(y, forecast) == pytest.approx(20 / 3)
    assert metrics.smape(y, forecast) == pytest.approx((200 * 10 / 210 + 200 * 10 / 90 + 0) / 3)
    # |3-1|, |5-2|, |4-3| at season 2: 2 in the mean.
    assert metrics.seasonal_error([1, 2, 3, 5, 4], 2) == pytest.approx(2)
    assert metrics.mase([6, 8], [5, 5], [1, 2, 3, 5, 4], 2) == pytest.approx(1)
    assert metrics.mase([1.0], [2.0], [3, 3, 3], 1) == float("inf")
    assert np.isnan(metrics.seasonal_error([1, 2], 2))
    assert metrics.pinball([10.0], [8.0], 0.9) == pytest.approx(1.8)
    assert metrics.pinball([8.0], [10.0], 0.9) == pytest.approx(0.2)
    # Up to 0.3 the chances are nearest to 0.1, from there to 0.5.
    assert metrics.crps([10.0], [[8.0, 11.0]], [0.1, 0.5]) == pytest.approx(0.3 * 2 * 0.2 + 0.7 * 2 * 0.5)
    assert metrics.coverage([1, 2, 3, 4], [0, 2, 4, 0], [1, 2, 5, 3]) == 0.5


def test_crps_of_many_quantiles_is_that_of_the_distribution():
    """A standard normal against 0.3: CRPS = z (2 Φ(z) - 1) + 2 φ(z) - 1/√π (Gneiting & Raftery 2007)."""
    levels = (np.arange(999) + 0.5) / 999
    quantiles = torch.special.ndtri(torch.from_numpy(levels)).numpy()
    z = 0.3
    want = z * (2 * 0.6179114222 - 1) + 2 * 0.3813878155 - 1 / np.sqrt(np.pi)
    assert metrics.crps([z], quantiles[None], levels) == pytest.approx(want, abs=1e-4)
    # More of them where they are in a hurry, at the tails, changes nothing.
    some = np.r_[0:20, 20:980:20, 980:999]
    assert metrics.crps([z], quantiles[None, some], levels[some]) == pytest.approx(want, abs=1e-3)


def test_measures_refuse_other_shapes():
    with pytest.raises(ShapeError, match=r"the forecast is \(2,\); expected \(3,\), as the values are"):
        metrics.mae([1, 2, 3], [1, 2])
    with pytest.raises(ShapeError, match=r"crps: `quantiles` is \(1, 2\); expected \(\.\.\., 3\)"):
        metrics.crps([1.0], [[1.0, 2.0]], [0.1, 0.5, 0.9])


def head_of(name, **settings):
    return HEADS[name](ForecastConfig(head=name, **settings))


@pytest.mark.parametrize("name", ["gaussian", "student-t", "negative-binomial", "quantiles"])
def test_a_heads_loss_is_least_at_the_truth_and_its_draws_have_its_quantiles(name):
    head, unit = head_of(name, samples=20000), torch.full((1,), 4.0)
    raw = (
        torch.tensor([[0.3, 0.8, 0.4]])[:, : len(head.start)]
        if name != "quantiles"
        else torch.tensor([[-1.0, 0.2, 2.0]])
    )
    base = torch.tensor([1.5])
    found = head.read(raw, base, unit)
    levels = torch.tensor([0.2, 0.5, 0.8])
    many = head.read(raw.expand(20000, -1), base.expand(20000), unit)
    drawn = head.sample(many)
    want = drawn.quantile(levels)
    assert torch.allclose(head.quantiles(found, levels)[0], want, atol=0.12 if name != "negative-binomial" else 0.26)
    raw = raw.expand(20000, -1)
    best = head.loss(head.read(raw, base, unit), drawn).mean()
    for k in range(len(head.start)):
        for step in (-0.7, 0.7):
            off = raw.clone()
            off[:, k] += step
            assert head.loss(head.read(off, base, unit), drawn).mean() > best, (k, step)


def test_quantiles_of_students_t_are_those_of_the_tables():
    """Four degrees of freedom: 1.5332 at 0.9, 2.7764 at 0.975."""
    levels = torch.tensor([0.025, 0.5, 0.9, 0.975])
    found = head_of("student-t").quantiles((torch.tensor([5.0]), torch.tensor([2.0]), torch.tensor([4.0])), levels)
    assert found[0].tolist() == pytest.approx([5 - 2 * 2.7764, 5, 5 + 2 * 1.5332, 5 + 2 * 2.7764], abs=1e-3)


def test_a_head_that_lacks_its_package_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy", None)
    with pytest.raises(ConfigError, match=r"quantiles of this `head` need SciPy: pip install 'recurra\[forecast\]'"):
        head_of("student-t")


def test_a_quantile_of_counts_is_the_least_that_has_the_chance():
    head, unit = head_of("negative-binomial"), torch.tensor([1.0, 1.0, 4.0, 1.0])
    found = torch.tensor([0.4, 50.0, 300.0, 0.0]), torch.tensor([1.0, 0.2, 0.01, 0.5]), unit
    levels = torch.tensor([0.1, 0.5, 0.9])
    counts = (head.quantiles(found, levels) * unit[:, None]).round()
    chances = head.distribution(tuple(part[:, None] for part in found)).log_prob(torch.arange(600.0)).double().exp()
    for k in range(3):
        want = (chances[:3].cumsum(1) < levels[k]).sum(1)
        assert counts[:3, k].tolist() == want.tolist()
    assert counts[3].tolist() == [0, 0, 0]


def test_quantiles_that_cross_are_sorted_and_go_on_straight_between():
    head = head_of("quantiles", quantiles=(0.2, 0.4))
    found = head.read(torch.tensor([[3.0, 1.0, 2.0]]), torch.tensor([10.0]), torch.ones(1))
    assert head.levels.tolist() == pytest.approx([0.2, 0.4, 0.5])
    got = head.quantiles(found, torch.tensor([0.2, 0.3, 0.4, 0.5, 0.6]))[0]
    assert got.tolist() == pytest.approx([11, 11.5, 12, 13, 14], abs=1e-4)


def test_settings_are_checked():
    cases = {
        "quantiles": ((0.9, 0.1), "`quantiles` is (0.9, 0.1); expected rising numbers between 0 and 1"),
        "lags": ((0,), "`lags` is (0,); expected whole numbers, 1 or more"),
        "horizon": (0, "`horizon` is 0; expected 1 or more"),
        "dropout": (1.0, "`dropout` is 1.0; expected a fraction"),
        "validation": (-1, "`validation` is -1; expected 0 or more"),
        "head": ("normal", "`head` is 'normal'"),
        "past": (("y",), "the column 'y' is named twice"),
        "target_col": ("forecast", "`target_col` is 'forecast'; expected a name that no column of the forecasts has"),
        "id_col": ("cutoff", "`id_col` is 'cutoff'; expected a name that no column of the forecasts has"),
        "time_col": ("q0.5", "`time_col` is 'q0.5'; expected a name that no column of the forecasts has"),
        "freq": ("daily", "`freq` is 'daily'; expected one of"),
        "freqq": ("D", "did you mean `freq`?"),
    }
    for name, (value, message) in cases.items():
        with pytest.raises(ConfigError) as error:
            settings(**{name: value})
        assert message in str(error.value)
    more = {
        "quantiles": [
            (0.5, "several numbers, such as (0.1, 0.5, 0.9)"),
            ((0.1, 0.10000001), "that differ in six digits"),
        ],
        "lags": [(7, "`lags` is 7; expected several numbers, such as (7, 14); one is written (7,)")],
        "static": [(7, "`static` is 7; expected names of columns")],
        "freq": [("0D", "`freq` is '0D'"), ("00D", "`freq` is '00D'")],
    }
    for name, value, message in [(name, *case) for name, cases in more.items() for case in cases]:
        with pytest.raises(ConfigError) as error:
            settings(**{name: value})
        assert message in str(error.value)
    assert settings(target_col="q1")["series"].target_col == "q1"
    with pytest.raises(ConfigError, match="`log` cannot go with head='negative-binomial'"):
        settings(log=True, head="negative-binomial")
    with pytest.raises(ConfigError, match="`preset` is 'tny'; did you mean `tiny`"):
        Forecaster(preset="tny")
