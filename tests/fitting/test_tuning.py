"""Searches of settings, on the smallest estimator: what comes out, what is kept, and what a kill leaves."""

import csv
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from helpers.toy_estimator import Line, TunedLine, points
from helpers.tuning_child import SETTINGS, TRIALS

from recurra.errors import ConfigError, DataError, DivergenceError, RunError
from recurra.fitting import search, tuning
from recurra.training import Interrupted


def weights(line):
    return [weight.clone() for weight in line.model.state_dict().values()]


def same(one, two):
    return all(map(torch.equal, weights(one), weights(two)))


def timeless(tried):
    return [{name: value for name, value in row.items() if name != "seconds"} for row in tried]


@pytest.fixture(scope="module")
def tuned(tmp_path_factory):
    return TunedLine(**SETTINGS).tune(points(), trials=TRIALS, out=tmp_path_factory.mktemp("tuned") / "run")


@pytest.mark.slow
def test_the_result_is_the_best_run_in_an_ordinary_folder(tuned):
    tried = tuned.tried
    assert [row["trial"] for row in tried] == list(range(TRIALS))
    assert {row["ended"] for row in tried} == {"finished", "early"}
    (best,) = (row for row in tried if row["best"])
    assert best["validation_loss"] == min(row["validation_loss"] for row in tried)
    assert all(tuned.settings[name] == best[name] for name in TunedLine.SEARCH)
    row = next(row for row in reversed(tuned.history) if row["better"])
    assert (best["validation_loss"], best["hits"]) == (row["validation_loss"], row["hits"])
    assert same(TunedLine.load(tuned.folder), tuned)
    assert same(TunedLine.resume(tuned.folder, points()), tuned)
    with (tuned.folder / tuning.TABLE).open() as file:
        rows = list(csv.DictReader(file))
    assert [list(map(str, row.values())) for row in tried] == [list(row.values()) for row in rows]
    assert not (tuned.folder / search.TRIALS).exists()
    assert tuned.report().lines()[0].startswith("validation (used to choose the settings): ")
    with pytest.raises(RunError, match=r"the search in .* is finished; open its model with load, or choose a new"):
        TunedLine(**SETTINGS).tune(points(), trials=TRIALS + 1, out=tuned.folder)


def test_the_first_fit_is_that_of_the_settings_as_they_are(tuned):
    plain = TunedLine(**SETTINGS).fit(points())
    first = tuned.tried[0]
    assert first["validation_loss"] == min(row["validation_loss"] for row in plain.history)
    assert {name: first[name] for name in TunedLine.SEARCH} == {"lr": 5e-2, "offset": True, "batch_size": 4}
    only = TunedLine(**SETTINGS).tune(points(), trials=1)
    assert same(only, plain)
    assert only.folder is None


def test_any_fit_of_the_table_can_be_made_again(tuned):
    row = max((row for row in tuned.tried if row["ended"] == "finished"), key=lambda row: row["trial"])
    again = TunedLine(**SETTINGS | {name: row[name] for name in TunedLine.SEARCH}).fit(points())
    assert min(one["validation_loss"] for one in again.history) == row["validation_loss"]


@pytest.mark.slow
def test_killed_it_resumes_to_the_same_winner(tuned, tmp_path):
    helpers = Path(__file__).parents[1]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(helpers), *sys.path])}
    child = [sys.executable, helpers / "helpers" / "tuning_child.py", tmp_path / "run", "4"]
    assert subprocess.run(child, env=environment, timeout=120).returncode == -signal.SIGKILL
    assert not (tmp_path / "run" / "config.json").exists()
    again = TunedLine(**SETTINGS).tune(points(), trials=TRIALS, out=tmp_path / "run")
    assert timeless(again.tried) == timeless(tuned.tried)
    assert same(again, tuned)


@pytest.mark.slow
def test_stopped_it_says_how_to_continue_and_only_with_the_same(tuned, tmp_path, monkeypatch):
    fit, fits = Line._fit, []

    def interrupted(self, *arguments):
        if len(fits) == 3:
            raise Interrupted("stopped")
        fits.append(self)
        return fit(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(TunedLine, "_fit", interrupted)
        words = "stopped, 3 fits are done; what was tried is kept. Continue with the same call and out='.*run'"
        with pytest.raises(Interrupted, match=words):
            TunedLine(**SETTINGS).tune(points(), trials=TRIALS, out=tmp_path / "run")
        with pytest.raises(Interrupted, match="nothing is kept; with `out` a search that was stopped can be continued"):
            TunedLine(**SETTINGS).tune(points(), trials=TRIALS)
    with pytest.raises(DataError, match="has the search of other data; it is continued only with the same points"):
        TunedLine(**SETTINGS).tune(points(slope=3.0), trials=TRIALS, out=tmp_path / "run")
    with pytest.raises(
        ConfigError, match="has a search with another `epochs`, 4 for 9; continue it as it was, or choose"
    ):
        TunedLine(**SETTINGS | {"epochs": 9}).tune(points(), trials=TRIALS, out=tmp_path / "run")
    with pytest.raises(
        ConfigError, match=r"has a search over another `offset`, .* for None; continue it as it was, or"
    ):
        TunedLine(**SETTINGS).tune(points(), trials=TRIALS, search=["lr", "batch_size"], out=tmp_path / "run")
    again = TunedLine(**SETTINGS).tune(points(), trials=TRIALS, out=tmp_path / "run")
    assert timeless(again.tried) == timeless(tuned.tried)


@pytest.mark.slow
def test_settings_that_are_set_stay(tmp_path):
    tuned = TunedLine(**SETTINGS, lr=0.3, batch_size=8).tune(points(), trials=3)
    assert not {"lr", "batch_size"} & tuned.tried[0].keys()
    assert {tuned.settings["lr"], tuned.settings["batch_size"]} == {0.3, 8}
    named = TunedLine(**SETTINGS, lr=0.3).tune(points(), trials=2, search=["lr"])
    assert named.tried[0]["lr"] == 0.3
    assert named.tried[1]["lr"] != 0.3
    assert "offset" not in named.tried[0]
    own = TunedLine(**SETTINGS).tune(points(), trials=3, search={"clip": (0.5, 1.0, 2.0)})
    assert {row["clip"] for row in own.tried} <= {0.5, 1.0, 2.0}
    with pytest.raises(ConfigError, match=r"`search` has 'rate'; expected one of: lr, offset, batch_size"):
        TunedLine(**SETTINGS).tune(points(), trials=2, search=["rate"])
    with pytest.raises(ConfigError, match=r"`search` has 'clipp'; did you mean `clip`?"):
        TunedLine(**SETTINGS).tune(points(), trials=2, search={"clipp": (1.0,)})
    with pytest.raises(ConfigError, match="nothing is left to search: `lr`, `offset`, `batch_size` are all set"):
        TunedLine(lr=0.3, batch_size=8, offset=True).tune(points(), trials=3)


def test_data_to_choose_by_may_be_given_and_nothing_else_is_seen():
    seen = []

    class Watched(TunedLine):
        def read(self, data, name):
            seen.append(name)
            return super().read(data, name)

    tuned = Watched(**SETTINGS).tune(points(), trials=2, validation_data=points(8))
    assert seen == ["points", "validation_data"] * 2
    separate = Line(**SETTINGS).fit(points(), validation_data=points(8))
    assert tuned.tried[0]["validation_loss"] == min(row["validation_loss"] for row in separate.history)


def test_a_fit_that_fails_is_a_row(monkeypatch):
    fit = Line._fit

    def failing(self, *arguments):
        if self.settings["offset"] is False:
            raise ConfigError("too large")
        return fit(self, *arguments)

    monkeypatch.setattr(TunedLine, "_fit", failing)
    tuned = TunedLine(**SETTINGS).tune(points(), trials=5)
    failed = [row for row in tuned.tried if not row["offset"]]
    assert failed
    assert {row["ended"] for row in failed} == {"failed"}
    assert tuned.settings["offset"] is True


@pytest.mark.parametrize(
    ("settings", "how", "words"),
    [
        ({}, {}, "how long to search is not set; give `minutes`, such as 5, or `trials`"),
        ({}, {"minutes": 0}, "`minutes` is 0; expected a number of minutes above 0"),
        ({}, {"minutes": float("nan")}, "`minutes` is nan; expected a number of minutes above 0"),
        ({}, {"minutes": "5"}, "`minutes` is '5'; expected a number of minutes above 0"),
        ({}, {"trials": 0}, "`trials` is 0; expected a whole number, 1 or more"),
        (
            {"validation": 0.0},
            {"trials": 2},
            "nothing is held out, so that there is nothing to choose by; set `validation`",
        ),
    ],
    ids=str,
)
def test_what_cannot_be_searched_is_one_line_and_leaves_nothing(settings, how, words, tmp_path):
    with pytest.raises(ConfigError, match=words):
        TunedLine(**SETTINGS | settings).tune(points(), **how, out=tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_other_files_is_refused(tmp_path):
    (tmp_path / "letter.txt").write_text("dear", "utf-8")
    with pytest.raises(RunError, match="is in use"):
        TunedLine(**SETTINGS).tune(points(), trials=2, out=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


@pytest.mark.slow
def test_from_files_the_best_run_knows_where_its_data_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = "".join(f"{x} {y}\n" for x, y in points())
    (tmp_path / "a.txt").write_text(lines, "utf-8")
    tuned = TunedLine.tune_files("a.txt", trials=3, settings=SETTINGS, quiet=True)
    assert tuned.folder == Path("runs/a-1")
    assert same(TunedLine.resume("runs/a-1"), tuned)
    assert tuned.next() == "recurra line a.txt --model runs/a-1"
    with pytest.raises(ConfigError, match="`rate` is not a setting"):
        TunedLine.tune_files("a.txt", trials=3, settings={"rate": 1.0})


@pytest.mark.slow
def test_its_lines_say_what_was_tried(capfd):
    TunedLine(**SETTINGS).tune(points(), minutes=5, trials=2, quiet=False)
    head, first, _ = capfd.readouterr().err.splitlines()
    assert head == "searching lr, offset, batch_size, for 5 minutes or 2 fits; what is held out chooses"
    assert first.startswith("  0  loss ")
    assert first.endswith("lr=0.05 offset=True batch_size=4  finished, the best so far")


def test_several_processes_are_refused(monkeypatch):
    monkeypatch.setattr(tuning.distributed, "world", lambda: 2)
    with pytest.raises(ConfigError, match="a search runs in one process; start it without torchrun"):
        TunedLine(**SETTINGS).tune(points(), trials=2)


class Careful(TunedLine):
    """A task that holds out more while settings are searched."""

    def held_to_choose(self, data):
        return {"validation": 0.5}

    def fingerprint(self, data):
        return super().fingerprint(data._replace(train=sorted(data.train + data.valid), valid=[]))


@pytest.fixture(scope="module")
def careful(tmp_path_factory):
    return Careful(**SETTINGS).tune(points(), trials=TRIALS, out=tmp_path_factory.mktemp("careful") / "run")


def fit_as(row, **more):
    return Careful(**SETTINGS | {name: row[name] for name in Careful.SEARCH} | more).fit(points())


def least(model):
    return min(row["validation_loss"] for row in model.history)


@pytest.mark.slow
def test_where_more_is_held_out_to_choose_the_best_settings_are_fitted_once_more(careful):
    assert [row["trial"] for row in careful.tried] == list(range(TRIALS))
    finished = [row for row in careful.tried if row["ended"] == "finished"]
    assert all(row["validation_loss"] == least(fit_as(row, validation=0.5)) for row in finished)
    (best,) = (row for row in careful.tried if row["best"])
    assert best["validation_loss"] == min(row["validation_loss"] for row in finished)
    assert same(fit_as(best), careful)
    assert same(Careful.load(careful.folder), careful)
    assert careful.settings["validation"] == TunedLine().settings["validation"]
    again = {row["trial"]: row["fitted_again"] for row in careful.tried}
    assert again == {row["trial"]: least(careful) if row["best"] else None for row in careful.tried}
    with (careful.folder / tuning.TABLE).open() as file:
        assert [row["fitted_again"] for row in csv.DictReader(file)] == [
            "" if loss is None else str(loss) for loss in again.values()
        ]
    assert not (careful.folder / search.TRIALS).exists()


def test_where_the_settings_as_they_are_win_the_result_is_that_of_fit():
    only = Careful(**SETTINGS).tune(points(), trials=1)
    plain = Careful(**SETTINGS).fit(points())
    assert same(only, plain)
    assert [row["validation_loss"] for row in only.history] == [row["validation_loss"] for row in plain.history]


@pytest.mark.slow
@pytest.mark.parametrize("fits", [3, TRIALS])
def test_stopped_in_the_search_or_in_the_last_fit_it_resumes_to_the_same_winner(fits, careful, tmp_path, monkeypatch):
    fit, begun = Line._fit, []

    def interrupted(self, *arguments):
        if len(begun) == fits:
            raise KeyboardInterrupt
        begun.append(self)
        return fit(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Careful, "_fit", interrupted)
        with pytest.raises(Interrupted, match=f"stopped, {fits} fits are done; what was tried is kept"):
            Careful(**SETTINGS).tune(points(), trials=TRIALS, out=tmp_path / "run")
    with pytest.raises(DataError, match="has the search of other data"):
        Careful(**SETTINGS).tune(points(slope=3.0), trials=TRIALS, out=tmp_path / "run")
    again = Careful(**SETTINGS).tune(points(), trials=TRIALS, out=tmp_path / "run")
    assert timeless(again.tried) == timeless(careful.tried)
    assert same(again, careful)


@pytest.mark.slow
def test_settings_that_are_better_by_chance_do_not_replace_the_first():
    class Unsure(Careful):
        def losses_apart(self, data):
            return [1.0, 3.0] if self.settings["lr"] == 5e-2 else [3.0, 0.0]

    tuned = Unsure(**SETTINGS).tune(points(), trials=TRIALS)
    losses = [row["validation_loss"] for row in tuned.tried]
    assert min(losses) < losses[0]
    assert [row["best"] for row in tuned.tried] == [True] + [False] * (TRIALS - 1)
    assert "apart" not in tuned.tried[0]
    assert same(tuned, Careful(**SETTINGS).fit(points()))


def test_with_data_to_choose_by_nothing_is_fitted_again():
    tuned = Careful(**SETTINGS).tune(points(), trials=1, validation_data=points(8))
    assert "fitted_again" not in tuned.tried[0]
    assert same(tuned, Careful(**SETTINGS).fit(points(), validation_data=points(8)))


def test_where_the_last_fit_fails_the_run_of_the_search_is_the_result(monkeypatch):
    fit = Line._fit

    def failing(self, *arguments):
        if self.settings["validation"] != 0.5:
            raise DivergenceError("the loss is NaN")
        return fit(self, *arguments)

    monkeypatch.setattr(Careful, "_fit", failing)
    tuned = Careful(**SETTINGS).tune(points(), trials=2)
    assert [row["fitted_again"] for row in tuned.tried] == [None, None]
    (best,) = (row for row in tuned.tried if row["best"])
    assert least(tuned) == best["validation_loss"]
    assert tuned.settings["validation"] == 0.5


@pytest.mark.slow
def test_its_lines_say_that_more_is_held_out(capfd):
    Careful(**SETTINGS).tune(points(), trials=2, quiet=False)
    _, held, *_, last = capfd.readouterr().err.splitlines()
    assert (
        held == "validation=0.5: more is held out than usual, to choose by; the best settings are then fitted as usual"
    )
    assert last in [f"fitting the settings of {best} once more, with the usual part held out" for best in (0, 1)]
