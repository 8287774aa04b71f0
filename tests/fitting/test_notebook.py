"""In a notebook: what is shown of a fit, and the stop button."""

import os
import signal
import sys

import pytest
from helpers.toy_estimator import Line, points

from recurra.fitting import notebook
from recurra.training import Interrupted


class Shell:
    kernel = object()


class Handle:
    def __init__(self):
        self.updates = 0

    def update(self, history):
        self.updates += 1
        assert history._repr_png_()


@pytest.fixture
def pictures(monkeypatch):
    """What a notebook displays, a handle each, in a stand-in for one."""
    made = []
    shell, shows = type(sys)("IPython"), type(sys)("IPython.display")
    shell.get_ipython, shell.version_info = Shell, (9, 0)  # matplotlib asks for the version
    shows.display = lambda value, display_id: made.append(Handle()) or made[-1]
    monkeypatch.setitem(sys.modules, "IPython", shell)
    monkeypatch.setitem(sys.modules, "IPython.display", shows)
    return made


@pytest.mark.slow
def test_lines_samples_and_one_curve_that_changes(pictures, capsys):
    assert notebook.inside()
    line = Line(epochs=3).fit(points())
    assert len(pictures) == 1
    assert pictures[0].updates == len(line.history) - 1
    assert "finished after" in capsys.readouterr().err
    Line(epochs=1).fit(points(), quiet=True)
    assert len(pictures) == 1


def same(one, other):
    states = (line.model.state_dict().values() for line in (one, other))
    return all((a == b).all() for a, b in zip(*states, strict=True))


def press(event):
    if event["event"] == "evaluate":
        os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.slow
def test_the_stop_button_gives_the_model_so_far(pictures, capsys, tmp_path):
    line = Line(epochs=9).fit(points(), listeners=[press], out=tmp_path / "run")
    assert 0 < len(line.history) < 9
    assert not line.model.training
    assert "The model so far is kept; continue with: " in capsys.readouterr().err
    there = Line.load(tmp_path / "run")
    assert same(line, there)
    whole = Line(epochs=9).fit(points())
    again = Line.resume(tmp_path / "run", points())
    assert same(whole, again)
    assert len(Line(epochs=9).fit(points(), listeners=[press]).history) < 9, "without a folder too"


def test_elsewhere_it_is_an_error_as_ever(tmp_path):
    with pytest.raises(Interrupted, match="Continue with: "):
        Line(epochs=9).fit(points(), listeners=[press], out=tmp_path / "run")
