"""How long each fit of a search may take: by the events of the fit, and by the clock."""

import math
import time
from types import SimpleNamespace

import pytest
from helpers.toy_estimator import Line, TunedLine, points
from helpers.tuning_child import SETTINGS

from recurra.fitting import search
from recurra.fitting.search import Watch
from recurra.training import Interrupted

EVALUATED = {"event": "evaluate", "loss": 0.5, "validation_loss": 0.5, "hits": 0.25, "better": True}


def watch(worth=None, until=math.inf, longest=math.inf, sure=1.0):
    return Watch(until, worth, longest, sure)


def test_a_fit_that_would_take_too_long_is_ended_once_that_is_sure():
    one = watch(longest=10.0)
    one({"event": "progress", "seconds": 0.5, "left": 100.0})
    assert not one.stop()
    one({"event": "progress", "seconds": 1.0, "left": 9.5})
    assert one.stop()
    other = watch(longest=10.0)
    other({"event": "progress", "seconds": 1.0, "left": 8.5})
    other({"event": "progress", "seconds": 9.0, "left": 8.5})
    assert not other.stop(), "judged once"


def test_a_fit_is_looked_at_once_a_level_with_the_loss_of_the_weights_that_it_keeps():
    seen = []

    def worth(level, loss):
        seen.append((level, loss))
        return level < 3

    one = watch(worth)
    for done, loss, better in ((0.1, 9.0, True), (0.12, 8.0, True), (0.13, 7.0, True), (0.3, 7.5, False)):
        one(EVALUATED | {"done": done, "validation_loss": loss, "better": better})
    assert seen == [(1, 8.0), (2, 7.0)]
    assert not one.stop()
    one(EVALUATED | {"done": 0.4, "validation_loss": 6.0})
    assert (one.ended, one.loss, one.stop()) == (search.EARLY, 6.0, True)
    one(EVALUATED | {"done": 0.5, "validation_loss": 1.0})
    assert (one.done, one.loss) == (0.4, 6.0), "what comes while it ends counts no more"
    last = watch(worth)
    last(EVALUATED | {"done": 1.0})
    assert (last.ended, last.curve, last.measures) == (search.FINISHED, [], {"validation_loss": 0.5, "hits": 0.25})


def test_when_the_time_is_over_the_fit_ends_with_what_it_has():
    one = watch(until=time.monotonic() - 1)
    assert one.stop()
    one(EVALUATED | {"done": 0.4})
    assert (one.ended, one.loss) == (search.TIME, 0.5)


@pytest.fixture
def clock(monkeypatch):
    """The search's clock, on which each fit takes half a second."""
    now, fit = [100.0], Line._fit

    def timed(self, *arguments):
        now[0] += 0.5
        return fit(self, *arguments)

    monkeypatch.setattr(TunedLine, "_fit", timed)
    monkeypatch.setattr(search, "time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


@pytest.mark.slow
def test_where_usual_fits_take_too_long_they_go_by_the_clock_and_the_best_again_for_the_rest(monkeypatch, clock):
    monkeypatch.setattr(search, "LONGEST", 1e-9)
    monkeypatch.setattr(search, "SURE", 1e-9)
    tuned = TunedLine(sample_every=1000).tune(points(), minutes=0.06)
    *first, last = tuned.tried
    assert len(first) == 3, "the one that is too long takes time, too"
    best = min(first, key=lambda row: math.inf if row["ended"] == "early" else row["validation_loss"])
    assert all(last[name] == best[name] for name in TunedLine.SEARCH)
    assert last["ended"] == "finished"
    each, rest = search.EACH * 0.06, (3.6 - 2.0) / 60
    assert tuned.settings["minutes"] == pytest.approx(rest if last["best"] else each)


@pytest.mark.slow
def test_no_fit_begins_when_the_time_is_over(clock, tmp_path, monkeypatch):
    assert len(TunedLine(**SETTINGS).tune(points(), minutes=1.3 / 60).tried) == 3
    # In a search that is resumed, the time that was spent counts.
    with monkeypatch.context() as patch:
        patch.setattr(search.Search, "_over", interrupted)
        with pytest.raises(Interrupted, match="2 fits are done"):
            TunedLine(**SETTINGS).tune(points(), minutes=2.3 / 60, out=tmp_path / "run")
    assert len(TunedLine(**SETTINGS).tune(points(), minutes=2.3 / 60, out=tmp_path / "run").tried) == 5


def interrupted(search, part):
    if len(search.trials.rows) == 2:
        raise KeyboardInterrupt
    return False


class Careful(TunedLine):
    def held_to_choose(self, data):
        return {"validation": 0.5}

    def fingerprint(self, data):
        return "the points"


@pytest.mark.slow
def test_time_is_kept_for_fitting_the_best_settings_once_more(clock, monkeypatch):
    class Noted(Watch):
        def __init__(self, until, *others):
            super().__init__(until, *others)
            ends.append(until - clock[0])

    began, ends = clock[0], []
    monkeypatch.setattr(search, "Watch", Noted)
    tuned = Careful(**SETTINGS).tune(points(), minutes=3.1 / 60)
    # A fit may take 2 / 5 of what is left, or all but 3 / 2 of the half second that the best one took.
    assert ends[1:-1] == pytest.approx([2 / 5 * 2.6, 2 / 5 * 2.1, 2 / 5 * 1.6, 1.1 - 0.75])
    assert len(tuned.tried) == 5, "half a second before the end there is time for the last fit alone"
    assert ends[-1] == pytest.approx(0.6)
    assert clock[0] == began + 3.0
    assert tuned.history[-1]["done"] == 1.0
    assert tuned.settings["validation"] == 0.25


@pytest.mark.slow
def test_a_first_fit_that_is_long_leaves_time_to_be_fitted_once_more(clock):
    tuned = Careful(**SETTINGS).tune(points(), minutes=1.0 / 60)
    assert [row["ended"] for row in tuned.tried] == ["time"]
    assert clock[0] == 101.0


@pytest.mark.slow
def test_by_the_clock_the_last_fit_holds_out_the_usual_part(monkeypatch, clock):
    monkeypatch.setattr(search, "LONGEST", 1e-9)
    monkeypatch.setattr(search, "SURE", 1e-9)
    tuned = Careful(sample_every=1000).tune(points(), minutes=0.06)
    assert len(tuned.tried) == 3
    assert tuned.settings["minutes"] == pytest.approx((3.6 - 2.0) / 60)
    assert tuned.settings["validation"] == 0.25
    assert [row["fitted_again"] is not None for row in tuned.tried] == [row["best"] for row in tuned.tried]
