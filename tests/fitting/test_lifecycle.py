"""What every task has by its lifecycle, tried on the smallest estimator."""

import json
import os
import shutil
import subprocess
import sys

import pytest
import torch
from helpers.toy_estimator import Line, points

from recurra.errors import ConfigError, DataError, NotFittedError, RunError
from recurra.fitting import running

FEW = {"epochs": 3, "sample_every": 1000}


def weights(line):
    return [weight.clone() for weight in line.model.state_dict().values()]


def same(one, two):
    return all(map(torch.equal, weights(one), weights(two)))


def test_fit_save_load_resume(tmp_path):
    line = Line(**FEW).fit(points(), out=tmp_path / "run")
    assert line.folder == tmp_path / "run"
    assert line.learned.largest == pytest.approx(max(x for x, _ in points()), abs=0.2)
    assert [row["event"] for row in line.history] == ["evaluate"] * len(line.history)
    opened = Line.load(tmp_path / "run")
    assert same(opened, line)
    assert [row["step"] for row in opened.history] == [row["step"] for row in line.history]
    assert (opened.settings, opened.parts, opened.learned) == (line.settings, line.parts, line.learned)
    opened.save(tmp_path / "saved")
    assert same(Line.load(tmp_path / "saved"), line)
    with pytest.raises(RunError, match="holds a saved model, not a run; there is no training to resume"):
        Line.resume(tmp_path / "saved", points())
    assert same(Line.resume(tmp_path / "run", points()), line)  # a finished run is only opened


def test_a_stopped_fit_resumes_to_the_same_bits(tmp_path):
    whole = Line(**FEW, evaluate_every=2).fit(points(), out=tmp_path / "whole")
    steps = []
    watch = [lambda event: steps.append(event.get("step", 0))]
    cut = Line(**FEW, evaluate_every=2)
    cut.fit(points(), out=tmp_path / "cut", listeners=watch, stop=lambda: steps[-1] >= 2)
    assert same(Line.resume(tmp_path / "cut", points()), whole)
    with pytest.raises(DataError, match="was trained on other data; a run is resumed only with the same points"):
        Line.resume(tmp_path / "cut", points(slope=3.0))
    with pytest.raises(RunError, match=r"was fitted on data in memory; give the same again: resume\('.*', points\)"):
        Line.resume(tmp_path / "cut")


def test_a_second_fit_starts_afresh():
    line = Line(**FEW).fit(points(100))
    assert (line.parts["model"].degree, line.settings["degree"]) == (2, None)
    line.fit(points(8, slope=5.0))
    assert line.parts["model"].degree == 1  # what the first data settled is gone
    assert same(line, Line(**FEW).fit(points(8, slope=5.0)))


def test_a_fit_that_fails_leaves_what_was_fitted_before(tmp_path):
    line = Line(**FEW).fit(points())
    before = weights(line)
    for bad in ([], [(1.0, 2.0)]):
        with pytest.raises((DataError, ValueError)):
            line.fit(bad, validation_data=[])
    assert all(map(torch.equal, before, weights(line)))
    with pytest.raises(DataError):
        Line(**FEW).fit([], out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_before_fit_everything_says_what_to_do():
    line = Line(**FEW)
    for name in ("model", "history", "folder", "learned"):
        with pytest.raises(NotFittedError, match=r"this Line is not fitted yet; call fit\(points\), or load a run"):
            getattr(line, name)
        assert not hasattr(line, name)  # it is an AttributeError too
    assert line.parts["training"].epochs == 3
    with pytest.raises(NotFittedError):
        line.save("nowhere")


def test_the_error_is_scikit_learns_too():
    exceptions = pytest.importorskip("sklearn.exceptions")
    with pytest.raises(exceptions.NotFittedError):
        Line().model  # noqa: B018 (the look-up is what is tested)


def test_nothing_of_a_fit_without_out_is_kept(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    line = Line(**FEW).fit(points())
    assert line.folder is None
    assert os.listdir(tmp_path) == []


def test_the_recipe_gives_way_to_the_users_own_settings(capsys, monkeypatch):
    monkeypatch.setattr(Line, "suits", {"batch_size": 3, "lr": 0.01})
    line = Line(**FEW, lr=0.02).fit(points(), quiet=False)
    assert (line.parts["data"].batch_size, line.parts["training"].lr) == (3, 0.02)
    assert line.settings["batch_size"] == 4  # the user's, unchanged
    assert "few points: as they suit it" in capsys.readouterr().err


@pytest.mark.slow
def test_any_measure_may_choose_the_weights(tmp_path):
    by_loss, by_hits = (
        Line(epochs=20, evaluate_every=1, monitor=monitor).fit(points(), out=tmp_path / monitor)
        for monitor in ("validation", "hits")
    )
    best = [row["best"] for row in by_hits.history]
    assert best == sorted(best)  # more is better
    assert by_hits.history[-1]["best"] == max(row["hits"] for row in by_hits.history)
    assert by_loss.history[-1]["best"] == min(row["loss"] for row in by_loss.history)
    with pytest.raises(ConfigError, match=r"`monitor` is 'hit'; did you mean `hits`\?"):
        Line(**FEW, monitor="hit").fit(points())


def test_validation_is_a_fraction_or_a_number_or_data_of_its_own():
    seen = []
    for validation in (0.25, 6):
        line = Line(**FEW, validation=validation)
        line.task = lambda model, data, make=line.task: seen.append(data) or make(model, data)
        line.fit(points())
    assert [len(data.valid) for data in seen] == [6, 6]
    line = Line(**FEW)
    line.task = lambda model, data, make=line.task: seen.append(data) or make(model, data)
    line.fit(points(), validation_data=points(5))
    assert (len(seen[-1].train), len(seen[-1].valid), seen[-1].separate) == (24, 5, True)
    with pytest.raises(DataError, match="`validation_data` is empty"):
        Line(**FEW).fit(points(), validation_data=[])


def test_progress_is_shown_on_a_terminal_and_in_a_notebook(capsys, monkeypatch):
    Line(**FEW).fit(points())
    assert capsys.readouterr().err == ""
    Line(**FEW).fit(points(), quiet=False)
    assert "finished after" in capsys.readouterr().err
    assert running.silent(None)

    class Kernel:
        kernel = object()

    monkeypatch.setitem(sys.modules, "IPython", type(sys)("IPython"))
    sys.modules["IPython"].get_ipython = Kernel
    assert not running.silent(None)
    assert running.silent(True)


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_text("".join(f"{x} {y}\n" for x, y in points()))
    return tmp_path


def test_a_run_from_files_finds_them_again_and_holds_no_absolute_path(files):
    line = Line.from_files(files / "a.txt", quiet=True, **FEW)
    assert str(line.folder) == "runs/a-1"
    about = json.loads((files / "runs/a-1/config.json").read_text())
    assert about["sources"] == {"paths": ["../../a.txt"]}
    assert str(files) not in (files / "runs/a-1/config.json").read_text()
    Line.resume("runs/a-1")
    shutil.move(files / "a.txt", files / "b.txt")
    with pytest.raises(
        RunError, match=r"a\.txt, which is not where it was; name it: recurra line --resume .* --data PATH"
    ):
        Line.resume("a-1")
    assert same(Line.resume_files("a-1", ["b.txt"]), line)
    (files / "b.txt").write_text("1 2\n3 4\n")
    with pytest.raises(DataError, match="was trained on other data"):
        Line.resume_files("a-1", ["b.txt"])


def test_data_from_elsewhere_is_stored_by_its_name(files, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    shutil.move(files / "a.txt", elsewhere / "a.txt")
    line = Line.from_files(elsewhere / "a.txt", reading={"swap": True}, quiet=True, **FEW)
    about = json.loads((files / line.folder / "config.json").read_text())
    assert about["sources"] == {"paths": ["a.txt"], "swap": True}
    assert same(Line.resume_files(line.folder, [elsewhere / "a.txt"]), line)


@pytest.mark.slow
def test_after_ctrl_c_the_next_command_stands_there(files):
    code = (
        "import os, signal; from helpers.toy_estimator import Line\n"
        "hit = lambda event: event['event'] == 'evaluate' and os.kill(os.getpid(), signal.SIGINT)\n"
        "Line.from_files('a.txt', epochs=9, listeners=[hit])"
    )
    tests = os.path.dirname(os.path.dirname(__file__))
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=os.environ | {"PYTHONPATH": tests}
    )
    assert "Continue with: recurra line --resume runs/a-1" in done.stderr.splitlines()[-1]


def test_the_report_has_the_best_measures_and_the_next_command(tmp_path):
    report = Line(**FEW).fit(points(), out=tmp_path / "a run").report()
    assert report.score.keys() == {"validation_loss", "hits"}
    assert report.next == f"recurra line DATA --model '{tmp_path / 'a run'}'"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"learned": {}}, "config.json is damaged: expected largest, not {}"),
        ({"learned": {"largest": "x"}}, "`largest` is 'x'; expected float"),
        ({"learned": {"largest": 1.0, "more": 2}}, "expected largest, not"),
        ({"learned": [1]}, "expected largest, not"),
        ({"settings": {}}, "says nothing of data, model, training"),
        ({"schema": "line/9"}, "has the format 'line/9'; this version of Recurra reads 'line/1'"),
        ({"schema": "other/1"}, "and this run is of other"),
    ],
)
def test_a_damaged_config_is_one_line(tmp_path, change, words):
    Line(**FEW).fit(points(), out=tmp_path / "run")
    about = json.loads((tmp_path / "run/config.json").read_text())
    (tmp_path / "run/config.json").write_text(json.dumps(about | change))
    with pytest.raises(RunError, match=words.replace("{", r"\{")) as raised:
        Line.load(tmp_path / "run")
    assert "\n" not in str(raised.value)
