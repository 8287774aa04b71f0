"""The evaluations of a fit as a list, a frame and a curve."""

import sys

import pytest
from helpers.toy_estimator import Line, points

import recurra
from recurra.errors import ConfigError
from recurra.fitting.history import History


def test_it_is_a_list_a_frame_and_a_picture(monkeypatch, tmp_path):
    line = Line(epochs=3).fit(points(), out=tmp_path / "run")
    frame = line.history.frame()
    assert frame["step"].tolist() == [row["step"] for row in line.history]
    assert {"epoch", "training_loss", "validation_loss"} <= set(frame.columns)
    assert "event" not in frame.columns
    assert line.history._repr_png_()[:8] == b"\x89PNG\r\n\x1a\n"
    assert [drawn.get_label() for drawn in line.history.figure().axes[0].lines] == ["training", "validation"]
    assert History()._repr_png_() is None
    assert Line.load(tmp_path / "run").history.frame()["step"].tolist() == frame["step"].tolist()
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ConfigError, match="a frame needs pandas: pip install pandas"):
        line.history.frame()


def test_a_killed_run_that_goes_on_has_each_evaluation_once(tmp_path):
    def crash(event):
        if event["event"] == "evaluate" and event["step"] > 3:
            raise KeyboardInterrupt  # nothing of this evaluation is saved, but its row

    with pytest.raises(KeyboardInterrupt):
        Line(epochs=3).fit(points(), out=tmp_path / "run", listeners=[crash], quiet=True)
    before = [row["step"] for row in Line.load(tmp_path / "run").history]
    line = Line.resume(tmp_path / "run", points(), quiet=True)
    steps = [row["step"] for row in line.history]
    assert set(before) < set(steps)
    assert steps == sorted(set(steps))
    assert [row["step"] for row in Line.load(tmp_path / "run").history] == steps


@pytest.mark.slow
def test_a_language_model_has_its_own(tmp_path):
    model = recurra.train(
        text="to be or not to be, that is it. " * 60, preset="tiny", epochs=1, quiet=True, out=tmp_path / "a"
    )
    assert [row["step"] for row in recurra.load(tmp_path / "a").history] == [row["step"] for row in model.history] != []
