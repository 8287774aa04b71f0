"""Settings of forecasting are checked."""

import pytest

from recurra.errors import ConfigError
from recurra.tasks.forecasting import Forecaster, settings


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
        "id_col": ("cutoff", "`id_col` is ('cutoff',); expected a name that no column of the forecasts has"),
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
