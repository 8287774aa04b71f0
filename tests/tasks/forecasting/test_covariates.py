"""Covariates that are missing here and there, and covariates of words, in all that a forecaster does."""

import numpy as np
import polars as pl
import pytest

from recurra import tensorfiles
from recurra.errors import DataError, RunError
from recurra.tasks.forecasting import Forecaster

QUICK = {
    "horizon": 2,
    "input_size": 6,
    "hidden_size": 16,
    "decoder_size": 16,
    "lr": 1e-2,
    "scaling": "series",
    "season": 1,
}
TINY = {"preset": "tiny", "horizon": 3, "input_size": 8, "epochs": 1, "epoch_steps": 4}


def table(n=300, seed=0):
    """A level of 10 that a kind moves, by a word, and a driver, by what it is and by whether it is missing."""
    random = np.random.default_rng(seed)
    kind = random.choice(["none", "sale", "gift"], n)
    driver = np.where(random.random(n) < 0.25, np.nan, random.normal(size=n))
    y = 10 + np.select([kind == "sale", kind == "gift"], [4.0, -4.0]) + np.where(np.isnan(driver), 3.0, driver)
    frame = pl.DataFrame({"ds": np.arange(n), "y": y + 0.05 * random.normal(size=n), "kind": kind, "driver": driver})
    return frame.with_columns(pl.col("driver").fill_nan(None))


@pytest.fixture(scope="module")
def learned():
    columns = {"future": ("kind", "driver")}
    return Forecaster(epochs=8, epoch_steps=40, batch_size=32, head="mean", **columns, **QUICK).fit(table(), quiet=True)


def ahead(kind, driver, n=300):
    return pl.DataFrame({"ds": [n, n + 1], "kind": [kind, "none"], "driver": [driver, 0.0]})


@pytest.mark.parametrize(
    ("kind", "driver", "want"), [("sale", 0.0, 14), ("gift", 0.0, 6), ("none", None, 13), ("sale", None, 17)]
)
def test_a_word_moves_the_forecast_and_so_does_what_is_missing(learned, kind, driver, want):
    assert learned.predict(future=ahead(kind, driver))["forecast"][0] == pytest.approx(want, abs=0.8)


def test_an_unknown_word_is_read_as_the_mean_of_all_and_reported(learned):
    with pytest.warns(UserWarning, match="kind has 'new', of which nothing was learned: read as unknown"):
        found = learned.predict(future=ahead("new", 0.0))["forecast"][0]
    assert found == pytest.approx(10, abs=1.5)
    with pytest.warns(UserWarning, match="kind has 'new'"):
        explained = learned.explain(future=ahead("new", 0.0))
    assert dict(zip(explained["input"], explained["effect"], strict=True))["kind"] == pytest.approx(0, abs=1)
    sold = learned.explain(1, future=ahead("sale", 0.0).head(1))
    assert sold["input"][0] == "kind"
    assert sold["effect"][0] == pytest.approx(4, abs=1)


def test_numbers_in_place_of_words_and_words_in_place_of_numbers(learned):
    with pytest.raises(DataError, match="the column 'driver' holds String; expected numbers"):
        learned.predict(future=ahead("sale", 0.0).with_columns(driver=pl.lit("low")))
    with pytest.warns(UserWarning, match="kind has '7'"):
        learned.predict(future=ahead("sale", 0.0).with_columns(kind=pl.lit(7)))


def shops(n=40):
    parts = []
    for k, town in enumerate(["Bonn", None, "Kiel"]):
        size = None if k == 2 else float(k)
        part = table(n, seed=k).with_columns(
            unique_id=pl.lit(f"s{k}"), town=pl.lit(town, pl.String), size=pl.lit(size, pl.Float64)
        )
        parts.append(part.with_columns(past=pl.col("driver"), word=pl.col("kind")))
    return pl.concat(parts)


COLUMNS = {"past": ("past", "word"), "future": ("driver", "kind"), "static": ("town", "size", "unique_id")}


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["direct", "recursive"])
def test_all_that_a_forecaster_does_with_words_and_gaps(mode, tmp_path):
    data, sizes = shops(), TINY | {"mode": mode, "samples": 5}
    before, later = data.filter(pl.col("ds") < 37), data.filter(pl.col("ds") >= 37)
    model = Forecaster(**COLUMNS, **sizes).fit(before, out=tmp_path / "run", quiet=True)
    future = later.select("unique_id", "ds", "driver", "kind")
    found = model.predict(future=future)
    assert found["forecast"].is_finite().all()
    for again in (Forecaster.load(tmp_path / "run"), Forecaster.resume(tmp_path / "run", before, quiet=True)):
        assert again.predict(future=future).equals(found)
        assert again.predict(future=future, frame=before)["forecast"].is_finite().all()
        assert again.learned.covariates == model.learned.covariates
    inputs = set(model.explain(future=future)["input"])
    assert inputs == {*COLUMNS["past"], *COLUMNS["future"], *COLUMNS["static"], "y"}
    assert model.residuals(before)["fitted"].is_finite().all()
    cv = model.cross_validate(data, windows=2, refit=True, quiet=True)
    assert model.score(cv, data)["mae"].is_finite().all()
    last = later.with_columns(ds=pl.col("ds") + 3).select("unique_id", "ds", "driver", "kind")
    loaded = Forecaster.load(tmp_path / "run")
    moved = [one.update(later).predict(future=last)["forecast"].to_list() for one in (model, loaded)]
    assert moved[0] == moved[1]
    assert np.isfinite(moved[0]).all()


def test_new_words_come_with_an_update_and_with_a_new_series(tmp_path):
    data = shops()
    model = Forecaster(**COLUMNS, **TINY).fit(data, quiet=True)
    row = data.filter(pl.col("ds") == 39).with_columns(ds=pl.lit(40), word=pl.lit("odd"))
    with pytest.warns(UserWarning, match="word has 'odd', of which nothing was learned"):
        model.update(row)
    future = pl.concat([row.with_columns(ds=pl.lit(41 + k)) for k in range(3)]).select(
        "unique_id", "ds", "driver", "kind"
    )
    model.predict(future=future)  # reported once
    model.save(tmp_path / "model")
    assert Forecaster.load(tmp_path / "model").learned.history.panel.words[1] == ["gift", "none", "sale", "odd"]
    other = data.filter(pl.col("unique_id") == "s0").with_columns(unique_id=pl.lit("s9"), town=pl.lit("Ulm"))
    ahead = pl.concat([other.tail(1).with_columns(ds=pl.lit(40 + k)) for k in range(3)]).select(
        "unique_id", "ds", "driver", "kind"
    )
    with pytest.warns(UserWarning, match="of which nothing was learned") as caught:
        found = model.predict(frame=other, future=ahead)
    assert [str(one.message).split(",")[0] for one in caught] == ["town has 'Ulm'", "unique_id has 's9'"]
    assert found["forecast"].is_finite().all()


def test_what_was_found_is_reported(capsys):
    model = Forecaster(**COLUMNS, **TINY).fit(shops(), quiet=False)
    shown = capsys.readouterr().err
    assert "kind has 3 words, " in shown
    assert "driver is missing at some steps: there it reads as its mean, beside a mark" in shown
    assert "town has 3 words, (missing), Bonn, Kiel; others read as unknown" in shown
    assert model.learned.covariates.past[0].size == 2


def test_a_covariate_without_any_value_has_no_effect(capsys, tmp_path):
    from recurra.tasks.forecasting.series import frames

    data = table(40).select("ds", "y", "kind").with_columns(driver=pl.lit(None))
    data.write_csv(tmp_path / "a.csv")
    columns = {"future": ("kind", "driver")}
    for frame in (data, frames.load(tmp_path / "a.csv")):
        model = Forecaster(**columns, **TINY).fit(frame, quiet=False)
        assert "driver is the same throughout what is learned from, and has no effect" in capsys.readouterr().err
        one, two = (
            model.predict(3, pl.DataFrame({"ds": [40, 41, 42], "kind": "sale", "driver": driver}))["forecast"]
            for driver in (None, 5.0)
        )
        assert one.to_list() == two.to_list() if hasattr(one, "to_list") else one.equals(two)


def test_the_target_keeps_its_rule():
    gap = shops().with_columns(y=pl.when(pl.col("ds") == 5).then(None).otherwise(pl.col("y")))
    with pytest.raises(
        DataError, match=r"series 's0' has no 'y' at 5 \(3 missing in all\); say what becomes of missing values"
    ):
        Forecaster(**COLUMNS, **TINY).fit(gap, quiet=True)
    Forecaster(fill="linear", **COLUMNS, **TINY).fit(gap, quiet=True)


def test_damaged_words_of_a_run_are_one_line(tmp_path):
    Forecaster(future="kind", **TINY).fit(table(40), quiet=True).save(tmp_path / "model")
    path = tmp_path / "model/history.safetensors"
    tensors, about = tensorfiles.read(path, "history/4")
    assert about["words"] == [["gift", "none", "sale"]]
    cases = {"covariates": [], "places to 2 in 1 words": [["gift"]], "no lists of text": [[1, 2, 3]], "": 7}
    for message, words in cases.items():
        tensorfiles.write(path, tensors, about | {"words": words})
        with pytest.raises(RunError, match=rf"history\.safetensors is damaged .*{message}"):
            Forecaster.load(tmp_path / "model")
