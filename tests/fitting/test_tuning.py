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

from recurra.errors import ConfigError, DataError, RunError
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
