"""Pictures of forecasts."""

import pytest
from helpers.series import waves

from recurra.errors import ConfigError
from recurra.tasks.forecasting import Forecaster

TINY = {"preset": "tiny", "horizon": 6, "input_size": 12, "epochs": 2, "epoch_steps": 6}


@pytest.fixture(scope="module")
def fitted():
    return Forecaster(season=12, **TINY).fit(waves(90, 60), quiet=True)


def test_pictures_show_the_naive_forecasts_beside(fitted, tmp_path):
    figure = fitted.plot(path=tmp_path / "next.png")
    labels = {line.get_label() for line in figure.axes[0].lines}
    assert {"history", "forecast", "naive", "seasonal naive"} <= labels
    assert [axes.get_title("left") for axes in figure.axes] == ["s0", "s1"]
    assert (tmp_path / "next.png").read_bytes().startswith(b"\x89PNG")
    cv = fitted.cross_validate(waves(90, 60), windows=2, fit=False)
    assert len(fitted.plot(cv, ids="s1", history=20).axes) == 1
    single = fitted.plot(fitted.predict(1)).axes[0]
    assert {line.get_marker() for line in single.lines if line.get_label() != "history"} == {"."}
    assert len(single.collections[0].get_segments()) == 1
    with pytest.raises(ConfigError, match="there is no forecast of series 's7'; expected one of: s0, s1"):
        fitted.plot(ids=["s7"])
    with pytest.raises(ConfigError, match=r"next\.txt ends in '\.txt'; expected \.png, \.svg or \.pdf"):
        fitted.plot(path=tmp_path / "next.txt")
