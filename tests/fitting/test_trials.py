"""What a search knows of its trials: the next settings depend on the seed and the trials before alone, and survive a kill."""

import sqlite3
import sys

import pytest

from recurra.errors import ConfigError, RunError
from recurra.fitting import trials
from recurra.fitting.space import Between

SPACE = {"x": Between(0.0, 1.0, even=True), "y": (1, 2, 3)}


def row(number, loss, ended=trials.FINISHED):
    return {"trial": number, "validation_loss": loss, "ended": ended}


def tried(path, count, *, reopen):
    """The settings of so many trials after a first one. reopen: the file is closed after each, as by a process that ends."""
    found = []
    while len(found) < count:
        with trials.opened(path, seed=3) as store:
            if not store.rows:
                store.add(store.known({"x": 0.5, "y": 2}, SPACE, [(1, 1.0), (4, 0.5)]), row(0, 0.5))
            for _ in range(1 if reopen else count):
                trial, settings = store.ask(SPACE)
                loss = abs(settings["x"] - 0.3) + settings["y"]
                early = not store.worth(trial, 1, loss)
                store.add(trial, row(len(store.rows), loss, trials.EARLY if early else trials.FINISHED))
                found.append((settings, early))
    return found


@pytest.mark.slow
def test_the_next_settings_follow_from_the_seed_and_those_before(tmp_path):
    once = tried(tmp_path / "once.db", 10, reopen=False)
    assert once == tried(tmp_path / "often.db", 10, reopen=True)
    assert len({settings["x"] for settings, _ in once}) == 10
    assert any(early for _, early in once)


def test_one_under_way_is_not_stored(tmp_path):
    with trials.opened(tmp_path / "a.db", seed=1) as store:
        store.add(store.known({"x": 0.5, "y": 2}, SPACE, []), row(0, 0.5))
        first = store.ask(SPACE)[1]
        store.worth(store.ask(SPACE)[0], 1, 0.1)
    with trials.opened(tmp_path / "a.db", seed=1) as store:
        assert len(store.rows) == 1
        assert store.ask(SPACE)[1] == first


def test_a_fit_goes_on_where_it_is_among_the_best_third(tmp_path):
    with trials.opened(tmp_path / "a.db", seed=1) as store:
        store.add(store.known({"x": 0.5, "y": 2}, SPACE, [(1, 1.0), (3, 0.8)]), row(0, 0.5))
        worse, better, later = (store.ask(SPACE)[0] for _ in range(3))
        assert not store.worth(worse, 1, 1.1)
        assert store.worth(better, 1, 0.9)
        assert not store.worth(better, 3, 0.9), "at the second look it is compared with the second look of others"
        assert store.worth(later, 1, 0.7)
        assert store.worth(later, 3, 0.7)


def test_the_best_was_not_ended_early_and_has_a_loss(tmp_path):
    with trials.opened(tmp_path / "a.db", seed=1) as store:
        assert store.best is None
        losses = [(0.5, trials.FINISHED), (0.1, trials.EARLY), (float("nan"), trials.FAILED), (0.4, trials.TIME)]
        for number, (loss, ended) in enumerate(losses):
            trial = store.ask(SPACE)[0]
            store.worth(trial, 1, 1.0)
            store.add(trial, row(number, loss, ended))
        assert store.best == 3


@pytest.mark.slow
def test_a_search_without_trials_leaves_no_file(tmp_path):
    with trials.opened(tmp_path / "a.db", seed=1):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_file_is_one_line(tmp_path):
    (tmp_path / "a.db").write_bytes(b"no database" * 100)
    with pytest.raises(RunError, match=r"a\.db cannot be used: .*not a database.* Remove its folder, and start again"):
        trials.opened(tmp_path / "a.db", seed=1).__enter__()
    sqlite3.connect(tmp_path / "b.db").execute("CREATE TABLE studies (a)").connection.close()
    with pytest.raises(RunError, match=r"b\.db cannot be used: "):
        trials.opened(tmp_path / "b.db", seed=1).__enter__()


def test_without_optuna_a_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ConfigError, match=r"tuning needs Optuna: pip install 'recurra\[tune\]'"):
        trials.required()
