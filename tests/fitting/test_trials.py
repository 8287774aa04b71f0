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


def test_better_is_better_by_more_than_chance():
    first = {"apart": [2.0, 3.0, 4.0]}
    assert trials.better({"apart": [1.9, 2.9, 3.8]}, first)
    assert not trials.better({"apart": [2.1, 3.1, 4.2]}, first)
    assert not trials.better({"apart": [0.5, 3.2, 4.7]}, first), "0.2 on average, 0.7 of one part"
    assert trials.better({"apart": [2.1, 2.8, 3.5]}, first), "0.2 on average, 0.3 of one part, and 0.17 of three"
    assert not trials.better(first, first)
    assert trials.better({}, {}), "where nothing is known of the parts, every difference counts"
    assert trials.better({"apart": [1.9]}, {"apart": [2.0]})


def test_the_first_stays_the_best_unless_another_is_surely_better(tmp_path):
    tried = [(0.9, [1.0, 0.8, 0.9]), (0.3, [0.9, 0.1, -0.1]), (0.5, [1.6, -0.8, 0.7]), (0.8, [0.9, 0.7, 0.8])]
    best = []
    with trials.opened(tmp_path / "a.db", seed=1) as store:
        for number, (loss, apart) in enumerate(tried):
            store.add(store.ask(SPACE)[0], row(number, loss) | {"apart": apart})
            best.append(store.best)
    assert best == [0, 1, 1, 1]
    with trials.opened(tmp_path / "b.db", seed=1) as store:
        for number, (loss, apart) in enumerate([tried[0], tried[2], tried[3]]):
            store.add(store.ask(SPACE)[0], row(number, loss) | {"apart": apart})
        assert store.best == 2, "the second has a lower loss, by chance"
    with trials.opened(tmp_path / "b.db", seed=1) as store:
        assert store.best == 2
