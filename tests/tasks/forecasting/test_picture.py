"""Pictures of forecasts."""

import numpy as np
import pytest
from helpers.series import waves

from recurra.errors import ConfigError
from recurra.tasks.forecasting import Forecaster

TINY = {"preset": "tiny", "horizon": 6, "input_size": 12, "epochs": 2, "epoch_steps": 6}


@pytest.fixture(scope="module")
def fitted():
    return Forecaster(season=12, **TINY).fit(waves(90, 60), quiet=True)


@pytest.mark.slow
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


def test_lines_and_bands_begin_where_the_history_ends(fitted):
    frame = waves(90, 60)
    for made in (fitted.predict(), fitted.predict(1), fitted.cross_validate(frame, windows=2, fit=False)):
        axes = fitted.plot(made, ids="s0", history=40).axes[0]
        past, *others = axes.lines
        known = dict(zip(past.get_xdata(), past.get_ydata(), strict=True))
        for line in others:
            assert known[line.get_xdata()[0]] == line.get_ydata()[0]
        for band in axes.collections:
            assert np.isfinite(np.concatenate([path.vertices for path in band.get_paths()])).all()
    other = waves(200, 170)
    moved = fitted.plot(fitted.predict(frame=other), ids="s0").axes[0]
    assert len(moved.lines[1].get_xdata()) == 6


def test_the_legend_covers_nothing(fitted):
    figure = fitted.plot(fitted.predict())
    figure.canvas.draw()
    box = figure.legends[0].get_window_extent()
    assert all(axes.get_legend() is None and not box.overlaps(axes.get_window_extent()) for axes in figure.axes)
    assert box.x0 >= 0
    assert box.x1 <= figure.bbox.x1


def test_pictures_of_counts_end_at_zero():
    rng = np.random.default_rng(1)
    frame = waves(60, 60).assign(y=rng.poisson(0.4, 120).astype(float))
    model = Forecaster(season=12, head="negative-binomial", **TINY).fit(frame, quiet=True)
    assert [axes.get_ylim()[0] for axes in model.plot().axes] == [0, 0]
    below = waves(60, 60).assign(y=rng.normal(0, 1, 120))
    model = Forecaster(season=12, **TINY).fit(below, quiet=True)
    assert all(axes.get_ylim()[0] < 0 for axes in model.plot().axes)
