"""From a text to a run's folder and back: train, load, resume, fine-tune, and what is refused."""

import json
import os
import shutil
import signal
import subprocess
import sys

import pytest
import torch
from helpers.soak import chance

import recurra
from recurra import cells, expr, tensorfiles
from recurra.data import Corpus, text_document
from recurra.errors import CellError, ConfigError, DataError, DivergenceError, RunError
from recurra.fitting import folders, listeners
from recurra.tasks.language import LanguageEstimator, LanguageModel, evaluate, load, resume, train
from recurra.training import Interrupted, runs

TEXT = "the quick brown fox jumps over the lazy dog. " * 60
TINY = {"preset": "tiny", "quiet": True, "batch_size": 4, "window": 16, "sample_every": 1000}


def state(folder, name=runs.STATE):
    return tensorfiles.read(folder / name, {runs.STATE: "state/1", runs.WEIGHTS: "model/1"}[name])[0]


def same(one, two):
    for name in (runs.STATE, runs.WEIGHTS):
        a, b = state(one, name), state(two, name)
        assert a.keys() == b.keys()
        assert [key for key in a if not torch.equal(a[key], b[key])] == []


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of three epochs; not to be changed."""
    folder = tmp_path_factory.mktemp("trained") / "run"
    train(text=TEXT, out=folder, epochs=3, **TINY)
    return folder


def test_three_lines_of_python(trained):
    model = load(trained)
    assert isinstance(model, LanguageModel)
    assert model.folder == trained
    assert not model.training
    assert model.generate("the ", 30, temperature=0).startswith("the ")
    assert evaluate(model, text=TEXT)["nats"] < 1.5


class Leaky(cells.Cell):
    gates = "f n"

    def step(self, x, h, s):
        f = expr.sigmoid(x.f + h.f)
        return s.next(h=f * s.h + (1 - f) * expr.tanh(x.n + h.n))


@pytest.mark.parametrize("cell", [Leaky, Leaky()], ids=["class", "cell"])
def test_a_cell_of_ones_own_is_taken_as_its_class(tmp_path, cell):
    with cells.registered():
        model = train(text=TEXT, out=tmp_path / "run", epochs=1, cell=cell, **TINY)
        assert (model.config.cell, type(model.layers.cell)) == ("Leaky", Leaky)
        assert load(tmp_path / "run").generate("the ", 9, seed=1) == model.generate("the ", 9, seed=1)
    with pytest.raises(CellError, match=r"no cell is called 'Leaky'.*cells\.register.*--cell-file FILE"):
        load(tmp_path / "run")
    with cells.registered({"Leaky": Leaky}):
        assert load(tmp_path / "run").layers.cell == Leaky()
    with pytest.raises(ConfigError, match="`cell` is 3; expected str"):
        train(text=TEXT, out=tmp_path / "other", cell=3, **TINY)


def leaky(rate):
    class Leaky(cells.Cell):
        gates = "n"

        def step(self, x, h, s):
            return s.next(h=rate * s.h + expr.tanh(x.n + h.n))

    return Leaky


@pytest.mark.slow
def test_a_run_knows_the_equations_of_its_own_cell_and_the_numbers_in_them(tmp_path):
    with cells.registered({"leaky": leaky(0.5)}):
        train(text=TEXT, out=tmp_path / "run", epochs=1, cell="leaky", **TINY)
        load(tmp_path / "run").save(tmp_path / "saved")
    assert "0.5" in json.loads((tmp_path / "run/config.json").read_text())["cell"]["equations"]
    for folder in ("run", "saved"):
        with cells.registered({"leaky": leaky(0.5)}):
            load(tmp_path / folder)
        with (
            cells.registered({"leaky": leaky(0.25)}),
            pytest.raises(RunError, match="has other equations, or other numbers in them, than the one that"),
        ):
            load(tmp_path / folder)


def test_the_estimator_scores_as_evaluate_measures(trained):
    estimator = LanguageEstimator.load(trained)
    assert estimator.score(text_document(TEXT)) == -evaluate(load(trained), text=TEXT)["nats"]
    assert estimator.history[-1]["event"] == "evaluate"


def test_a_run_is_a_folder(trained):
    names = (
        "config.json corpus.bin corpus.json loss.png metrics.jsonl model.safetensors state.safetensors vocabulary.json"
    )
    assert sorted(os.listdir(trained)) == names.split()
    about = json.loads((trained / "config.json").read_text())
    assert (about["recurra"], about["schema"], about["learned"]) == (
        recurra.__version__,
        "language/2",
        {"vocabulary": True, "prelude": about["learned"]["prelude"], "items": ""},
    )
    assert about["settings"]["training"]["epochs"] == 3
    assert (trained / "loss.png").read_bytes().startswith(b"\x89PNG")


def test_what_train_returns_is_what_load_opens(tmp_path):
    model = train(text=TEXT, out=tmp_path / "run", **TINY)
    assert (tmp_path / "run") == model.folder
    again = load(tmp_path / "run")
    assert all(map(torch.equal, model.state_dict().values(), again.state_dict().values()))
    assert model.generate("the ", 40, seed=5) == again.generate("the ", 40, seed=5)


@pytest.mark.slow
def test_runs_get_names_of_their_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "book.txt").write_text(TEXT)
    assert str(train("book.txt", **TINY).folder) == "runs/book-1"
    assert str(train("book.txt", **TINY).folder) == "runs/book-2"
    assert str(train(text=TEXT, **TINY).folder) == "runs/text-1"
    assert load("book-2").folder == load("runs/book-2").folder
    with pytest.raises(RunError, match=r"there is no run 'bok-1'; did you mean `book-1`\?"):
        load("bok-1")


def test_a_model_is_saved_and_loaded_elsewhere(trained, tmp_path):
    model = load(trained)
    model.save(tmp_path / "kept")
    assert sorted(os.listdir(tmp_path / "kept")) == ["config.json", "model.safetensors", "vocabulary.json"]
    assert load(tmp_path / "kept").generate("the ", 20, seed=1) == model.generate("the ", 20, seed=1)
    with pytest.raises(RunError, match="holds a training run, which saving a model would break"):
        model.save(trained)
    with pytest.raises(RunError, match=r"holds a saved model, not a run; .*start a new run from it"):
        resume(tmp_path / "kept")


def test_the_random_state_of_the_caller_is_left_alone(tmp_path):
    torch.manual_seed(7)
    before = torch.get_rng_state()
    train(text=TEXT, out=tmp_path / "run", **TINY)
    load(tmp_path / "run")
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        {"unit": "byte"},
        {"unit": "word"},
        {"unit": "bpe", "vocabulary_size": 270},
        {"cell": "gru", "tie_weights": True, "embedding_size": 32},
        {"num_layers": 2, "residual": True, "dropout": 0.1, "recurrent_dropout": 0.1, "zoneout": 0.1},
        {"mode": "windows", "window": 8, "stride": 7},
        {"average": 0.9, "optimizer": "adam", "monitor": "training"},
        {"validation": 0.0},
        {"evaluate_every": 3, "sample_every": 7},
    ],
    ids=lambda settings: "-".join(map(str, settings)),
)
def test_settings_of_every_kind_train(tmp_path, settings):
    model = train(text=TEXT[:1200], out=tmp_path / "run", **TINY | settings)
    assert isinstance(model.generate("", 10, seed=1), str)
    rows = listeners.read_metrics(tmp_path / "run")
    assert rows[-1]["event"] == "end"
    assert all("nats" in row for row in rows if row["event"] in ("train", "evaluate"))


def test_several_files_are_documents(tmp_path):
    for name in "ab":
        (tmp_path / f"{name}.txt").write_text(TEXT)
    model = train([tmp_path / "a.txt", tmp_path / "b.txt"], out=tmp_path / "run", **TINY)
    assert model.vocabulary.eod is not None
    assert "<eod>" not in model.generate("", 200, seed=1)


def test_tensorboard_on_request(tmp_path):
    pytest.importorskip("tensorboard")
    train(text=TEXT, out=tmp_path / "run", tensorboard=True, **TINY)
    assert list((tmp_path / "run" / "tensorboard").glob("events.*"))


def test_tensorboard_that_is_missing_is_one_line_before_anything_begins(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(ConfigError, match=r"the package is missing. Install it: pip install 'recurra\[tensorboard\]'"):
        train(text=TEXT, out=tmp_path / "run", tensorboard=True, **TINY)
    assert not (tmp_path / "run").exists()


# Refusals


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"text": ""}, DataError, "the text is empty"),
        ({"text": "a"}, DataError, "the text is one character"),
        ({"text": " \n"}, DataError, "white space"),
        ({"source": "no/such/file.txt"}, DataError, "file.txt"),
        ({}, ConfigError, "either `source` .* or `text`"),
        ({"text": "ab", "source": "x"}, ConfigError, "either `source` .* or `text`"),
        ({"text": "abc", "hidden_sise": 3}, ConfigError, "did you mean `hidden_size`"),
        ({"text": "abc", "cell": "ltsm"}, recurra.RecurraError, "did you mean `lstm`"),
        ({"text": "abc", "init": "recomended"}, ConfigError, "did you mean `recommended`"),
        ({"text": "abc", "device": "cuda:99"}, ConfigError, "`device` is 'cuda:99', which is not here"),
        ({"text": "abc", "device": "toaster"}, ConfigError, "`device` is 'toaster', which is not here"),
        ({"text": "abc", "new_symbols": "grown"}, ConfigError, "did you mean `grow`"),
        ({"text": "abc", "init_from": "no-run"}, RunError, "there is no run 'no-run'"),
    ],
)
def test_what_cannot_be_leaves_nothing_behind(tmp_path, monkeypatch, arguments, error, words):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=words) as raised:
        train(**arguments, **TINY)
    assert "\n" not in str(raised.value)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not list((tmp_path / "runs").glob("*"))


@pytest.mark.slow
@pytest.mark.parametrize("text", ["ab", "aab", "no newline", "😀中文" * 3, "a" * 50, "\r\n.\r\n"])
def test_any_short_text_trains(tmp_path, text):
    model = train(text=text, out=tmp_path / "run", **TINY)
    assert set(model.generate("", 20, seed=1)) <= set(text)


def test_a_folder_in_use_is_refused(trained, tmp_path):
    with pytest.raises(RunError, match=r"is in use \(continue it by resuming\); choose a new one"):
        train(text=TEXT, out=trained, **TINY)
    (tmp_path / "letter").write_text("dear")
    with pytest.raises(RunError, match=r"is in use \(it has files in it\); choose a new one"):
        train(text=TEXT, out=tmp_path, **TINY)
    assert (tmp_path / "letter").read_text() == "dear"


def _cut(path):
    path.write_bytes(path.read_bytes()[:-20])


def _foreign(path):
    path.write_text('{"hello": 1}')


@pytest.mark.parametrize(
    ("name", "harm", "words"),
    [
        ("config.json", _cut, "config.json is damaged"),
        ("config.json", _foreign, "config.json has the format None; this version of Recurra reads 'language/2'"),
        ("vocabulary.json", _cut, "vocabulary.json: .*damaged"),
        ("vocabulary.json", os.remove, "vocabulary.json is missing"),
        ("model.safetensors", _cut, "model.safetensors is damaged"),
        ("model.safetensors", os.remove, "model.safetensors is missing"),
        ("config.json", os.remove, "it has no config.json"),
    ],
)
def test_a_damaged_folder_is_one_line(trained, tmp_path, name, harm, words):
    shutil.copytree(trained, tmp_path / "run")
    harm(tmp_path / "run" / name)
    with pytest.raises(RunError, match=words) as raised:
        load(tmp_path / "run")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "harm", "words"),
    [
        ("state.safetensors", _cut, "state.safetensors is damaged"),
        ("state.safetensors", _foreign, "state.safetensors is damaged"),
        ("corpus.bin", _cut, "corpus.bin is damaged"),
        ("corpus.json", os.remove, "holds no corpus"),
    ],
)
def test_a_run_that_cannot_go_on_is_one_line(trained, tmp_path, name, harm, words):
    shutil.copytree(trained, tmp_path / "run")
    harm(tmp_path / "run" / name)
    with pytest.raises(RunError, match=words) as raised:
        resume(tmp_path / "run", quiet=True)
    assert "\n" not in str(raised.value)


def test_settings_of_another_version_are_one_line(trained, tmp_path):
    shutil.copytree(trained, tmp_path / "run")
    about = json.loads((trained / "config.json").read_text())
    about["settings"]["model"]["sparkle"] = 3
    (tmp_path / "run" / "config.json").write_text(json.dumps(about | {"recurra": "9.9"}))
    with pytest.raises(RunError, match=r"written by Recurra 9\.9, does not fit version .*: `sparkle` is not a setting"):
        load(tmp_path / "run")


# Going on


def test_a_stopped_run_goes_on_to_the_same_bits(trained, tmp_path):
    asked = iter([False] * 2 + [True] * 1000)
    train(text=TEXT, out=tmp_path / "run", epochs=3, stop=lambda: next(asked), **TINY)
    assert listeners.read_metrics(tmp_path / "run")[-1]["reason"] == "stopped"
    resume(tmp_path / "run", quiet=True)
    same(trained, tmp_path / "run")


@pytest.mark.slow
def test_a_finished_run_is_only_opened(trained, tmp_path):
    shutil.copytree(trained, tmp_path / "run")
    model = resume(tmp_path / "run", quiet=True)
    assert model.generate("the ", 20, seed=2) == load(trained).generate("the ", 20, seed=2)
    same(trained, tmp_path / "run")


@pytest.mark.slow
def test_ctrl_c_says_how_to_go_on(trained, tmp_path):
    def interrupt(event):
        if event["event"] == "train" and event["step"] == 20:
            signal.raise_signal(signal.SIGINT)

    folder = tmp_path / "run"
    with pytest.raises(Interrupted, match=f"Continue with: recurra train --resume {folder}") as raised:
        train(text=TEXT, out=folder, epochs=3, listeners=[interrupt], **TINY)
    assert raised.value.exit_code == 130
    assert load(folder)  # what was learned so far is there
    resume(folder, quiet=True)
    same(trained, folder)


CHILD = """
import sys, torch, recurra
torch.set_num_threads(1)
settings = dict(preset="tiny", batch_size=4, window=16, epochs=8, dropout=0.1, save_every=0.05, sample_every=100)
if sys.argv[1] == "train":
    recurra.train(sys.argv[2], out=sys.argv[3], listeners=[lambda e: print(e["event"], flush=True)], **settings)
else:
    from recurra.tasks.language import resume
    resume(sys.argv[3], listeners=[lambda e: print(e["event"], flush=True)])
"""


@pytest.mark.soak  # in `make test`: tests/fitting/test_faults.py
def test_killed_at_random_moments_a_run_goes_on_to_the_same_bits(tmp_path):
    """kill -9 at random moments."""
    text, whole, killed = tmp_path / "text.txt", tmp_path / "whole", tmp_path / "killed"
    text.write_text(TEXT)

    def child(verb, folder):
        command = [sys.executable, "-c", CHILD, verb, str(text), str(folder)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    with child("train", whole) as process:
        assert process.stdout.read().endswith("end\n")
    random, deaths = chance(), 0
    for _ in range(10):
        with child("resume" if (killed / "config.json").exists() else "train", killed) as process:
            for _ in range(random.randrange(1, 250)):
                process.stdout.readline()
            process.kill()
            deaths += process.wait() == -signal.SIGKILL
    assert deaths, "every process was done before it was killed"
    resume(killed, quiet=True)
    same(whole, killed)


def test_what_was_replaced_is_said(tmp_path, capsys):
    (tmp_path / "text.txt").write_bytes(TEXT.encode() + b"\xff")
    train(tmp_path / "text.txt", out=tmp_path / "run", invalid="replace", **TINY | {"quiet": False})
    said = capsys.readouterr()
    assert "text.txt: 1 invalid byte sequences became U+FFFD" in said.err
    assert "finished after" in said.err
    assert said.out == ""


def test_quiet_is_quiet(tmp_path, capsys):
    train(text=TEXT, out=tmp_path / "run", **TINY)
    assert capsys.readouterr() == ("", "")


def test_a_failure_leaves_a_folder_that_was_there(tmp_path, monkeypatch):
    def full(*arguments, **about):
        raise RunError("config.json could not be written")

    monkeypatch.setattr(folders, "write_settings", full)
    with pytest.raises(RunError):
        train(text=TEXT, out=tmp_path, **TINY)
    assert os.listdir(tmp_path) == []


def test_validation_data_is_another_text(tmp_path):
    (tmp_path / "other.txt").write_text("THE QUICK FOX. " * 20)
    train(text=TEXT, out=tmp_path / "run", validation_data=tmp_path / "other.txt", **TINY)
    corpus = Corpus.open(tmp_path / "run")
    assert corpus.vocabulary.decode(corpus.valid[:16]).startswith("THE QUICK FOX. ")
    assert corpus.vocabulary.decode(corpus.train).rstrip("\n") == TEXT
    with pytest.raises(DataError, match="the text is empty"):
        train(text=TEXT, out=tmp_path / "none", validation_data=text_document(""), **TINY)
    assert not (tmp_path / "none").exists()


def test_a_run_tells_nobody_where_its_data_lay(tmp_path, monkeypatch):
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/book.txt").write_text(TEXT)
    train(tmp_path / "secret/book.txt", tmp_path / "elsewhere" / "run", **TINY)
    written = [path for path in (tmp_path / "elsewhere/run").iterdir() if b"secret" in path.read_bytes()]
    assert written == []
    assert json.loads((tmp_path / "elsewhere/run/config.json").read_text())["sources"] == {"paths": ["book.txt"]}


def test_data_that_is_named_again_must_be_the_same(trained, tmp_path):
    (tmp_path / "same.txt").write_text(TEXT)
    (tmp_path / "other.txt").write_text(TEXT + "!")
    shutil.copytree(trained, tmp_path / "run")
    resume(tmp_path / "run", data=tmp_path / "same.txt")
    with pytest.raises(DataError, match="was trained on other data; a run is resumed only with the same text"):
        resume(tmp_path / "run", data=tmp_path / "other.txt")


def test_a_rate_that_is_far_too_high_ends_with_its_own_words_not_with_a_sample_s(tmp_path):
    with pytest.raises(DivergenceError, match="infinite or NaN 6 times"):
        train(text=TEXT, out=tmp_path / "run", **TINY | {"lr": 1e7, "clip": 0.0, "sample_every": 1})


@pytest.mark.slow
def test_a_corpus_by_name_learns_more_than_the_frequencies(tmp_path):
    model = train("manual", out=tmp_path / "run", **TINY | {"batch_size": 16, "window": 64})
    assert evaluate(model, text="The statement is executed. If the name is bound, the value is returned.")["nats"] < 2.6
