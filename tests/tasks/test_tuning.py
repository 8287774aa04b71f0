"""Each task that can be tuned: its settings are searched, and the best run is one of its own."""

import numpy as np
import pytest

from recurra.data import text_document
from recurra.errors import ConfigError
from recurra.fitting.search import Goal
from recurra.fitting.tuning import Tunable
from recurra.tasks import TASKS
from recurra.tasks.classification import SequenceClassifier
from recurra.tasks.forecasting import Forecaster
from recurra.tasks.language import LanguageEstimator
from recurra.tasks.regression import SequenceRegressor
from recurra.tasks.tagging import SequenceTagger

RANDOM = np.random.default_rng(0)
ROWS = list(RANDOM.normal(size=(60, 24, 2)).cumsum(1).astype(np.float32))
ENDS = np.array([row[-1, 0] for row in ROWS])
TEXTS = ["so fine", "so dull"] * 30
SHORT = {"epochs": 2, "sample_every": 10_000}
SMALL = SHORT | {"cell": "lstm", "hidden_size": 24}
LINES = "the rain in spain stays mainly in the plain\n" * 40


def series():
    import pandas as pd

    steps = np.arange(120)
    return pd.DataFrame({"ds": pd.date_range("2020-01-01", periods=120), "y": np.sin(steps / 3) + steps / 50})


MADE = {
    "forecaster": lambda: (Forecaster(7, **SMALL), (series(),), Forecaster.predict),
    "classifier": lambda: (SequenceClassifier(**SMALL), (ROWS, ENDS > 0), lambda model: model.predict_proba(ROWS)),
    "texts": lambda: (SequenceClassifier(**SMALL), (TEXTS, TEXTS), lambda model: model.predict_proba(TEXTS)),
    "regressor": lambda: (SequenceRegressor(**SMALL), (ROWS, ENDS), lambda model: model.predict(ROWS)),
    "tagger": lambda: (SequenceTagger(**SMALL), (TEXTS, TEXTS), lambda model: model.predict(TEXTS)),
    "language": lambda: (
        LanguageEstimator("tiny", **SMALL),
        (text_document(LINES),),
        lambda model: model.model.generate("the ", length=20, seed=1),
    ),
}


def alike(one, two):
    values = [value.to_numpy()[:, 1:].astype(float) if hasattr(value, "to_numpy") else value for value in (one, two)]
    np.testing.assert_equal(*values)


@pytest.mark.slow
@pytest.mark.parametrize("name", MADE)
def test_the_best_run_is_an_ordinary_one(name, tmp_path):
    estimator, data, use = MADE[name]()
    model = estimator.tune(*data, trials=2, search=["dropout", "lr"], out=tmp_path / "run", quiet=True)
    assert type(model) is type(estimator)
    assert [row["trial"] for row in model.tried] == [0, 1]
    assert model.settings["cell"] == "lstm"
    (best,) = (row for row in model.tried if row["best"])
    assert (best["dropout"], best["lr"]) == (model.settings["dropout"], model.settings["lr"])
    alike(use(model), use(type(model).load(tmp_path / "run")))
    report = model.report()
    assert report.score
    assert report.use == "used to choose the settings"


def test_examples_are_those_of_the_held_out_part():
    model = SequenceClassifier(**SMALL).tune(TEXTS, TEXTS, trials=1, quiet=True)
    assert model.report().examples == SequenceClassifier(**SMALL).fit(TEXTS, TEXTS, quiet=True).report().examples


@pytest.mark.slow
def test_of_texts_and_of_one_way_no_convolutions_are_searched():
    texts = SequenceClassifier(**SHORT).tune(TEXTS, TEXTS, trials=1, quiet=True)
    rows = SequenceClassifier(**SHORT).tune(ROWS, ENDS > 0, trials=1, quiet=True)
    assert "convolutions" not in texts.tried[0]
    assert rows.tried[0]["convolutions"] == 64
    assert "convolutions" in Goal().space(SequenceClassifier())
    assert "convolutions" not in Goal().space(SequenceClassifier(bidirectional=False))


@pytest.mark.slow
def test_layers_that_are_bound_are_not_searched(tmp_path):
    bound = {"cell", "hidden_size", "num_layers"}
    assert bound <= Goal().space(LanguageEstimator()).keys()
    assert not bound & Goal().space(LanguageEstimator(tie_weights=True, embedding_size=64, hidden_size=64)).keys()
    assert not bound & Goal().space(LanguageEstimator(cell="transformer", context=64, window=64)).keys()
    parent = LanguageEstimator("tiny", epochs=1).fit(text_document(LINES), quiet=True).model
    tuned = LanguageEstimator(init_from=parent, epochs=1).tune(text_document(LINES), trials=2, quiet=True)
    assert len(tuned.tried) == 2
    assert not bound & tuned.tried[0].keys()


@pytest.mark.slow
def test_two_frames_of_one_table_give_one_result():
    once, again = (Forecaster(7, **SMALL).tune(series(), trials=2, quiet=True) for _ in range(2))
    alike(once.predict(), again.predict())


def test_series_of_which_nothing_is_held_out_name_the_setting():
    with pytest.raises(
        ConfigError, match="nothing is held out, so that there is nothing to choose by; set `validation`"
    ):
        Forecaster(12, **SMALL).tune(series()[:40], trials=2, quiet=True)


def level(series, steps, horizon=7, **settings):
    """How many steps of each of so many series a search holds out."""
    import pandas as pd

    rows = [{"unique_id": str(s), "ds": n, "y": float(n % 5)} for s in range(series) for n in range(steps)]
    return Forecaster(horizon, **settings).held_to_choose(pd.DataFrame(rows)).get("validation")


def test_a_search_holds_out_several_horizons_of_few_series():
    assert level(1, 400) == 70, "ten horizons"
    assert level(1, 200) == 50, "at most a quarter"
    assert level(2, 200) == 35, "ten horizons over both"
    assert level(4, 200) == 21
    assert level(10, 200) is None, "a tenth of ten series is more than ten horizons"
    assert level(1, 800) is None
    assert level(1, 60) is None, "a fit holds out nothing, and neither does the search"
    assert level(1, 400, validation=20) is None
    assert level(1, 400, validation=0.1) is None


@pytest.mark.slow
def test_of_few_series_the_best_settings_are_fitted_once_more_with_the_usual_part():
    frame = series()
    tuned = Forecaster(7, **SMALL).tune(frame, trials=2, search=["lr"], quiet=True)
    first = Forecaster(7, **SMALL, validation=30).fit(frame, quiet=True)
    assert tuned.tried[0]["validation_loss"] == min(row["validation_loss"] for row in first.history)
    (best,) = (row for row in tuned.tried if row["best"])
    again = Forecaster(7, **SMALL, lr=best["lr"]).fit(frame, quiet=True)
    alike(tuned.predict(), again.predict())
    assert best["fitted_again"] == min(row["validation_loss"] for row in again.history)
    assert tuned.parts["series"].validation == 12
    assert tuned.settings["validation"] is None


@pytest.mark.slow
def test_where_the_default_is_best_the_forecast_is_that_of_fit():
    tuned = Forecaster(7, **SMALL).tune(series(), trials=1, quiet=True)
    alike(tuned.predict(), Forecaster(7, **SMALL).fit(series(), quiet=True).predict())


def test_every_task_with_a_table_can_be_tuned():
    found = {one.package: [getattr(one.module, name) for name in one.estimators] for one in TASKS}
    tunable = {name for name, classes in found.items() if all(issubclass(one, Tunable) for one in classes)}
    assert tunable == {one.package for one in TASKS if hasattr(one.config, "SEARCH")}
