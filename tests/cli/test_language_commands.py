"""What the commands do, on a run of a second: train, generate, evaluate, compare, card, corpora, demo."""

import io
import json
import re
import signal
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from recurra.cli import compare, frame, shown
from recurra.data import Corpus
from recurra.errors import DivergenceError
from recurra.generation import generate, memorisation
from recurra.tasks import language
from recurra.tasks.language import compare as comparison
from recurra.tasks.language.config import LanguageConfig
from recurra.text import build_vocabulary
from recurra.training import Interrupted

TEXT = "the cat sat on the mat, and the dog sat on the cat.\n" * 60


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with a book and a run of it."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "book.txt").write_text(TEXT, "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert frame.run(["train", "book.txt", "--preset", "tiny", "--epochs", "4", "--quiet"]) == 0
    return folder


@pytest.fixture
def recurra(home, capsys, monkeypatch):
    """recurra("card", "rnn") beside that run → what it prints; `.err` has the rest. Any failure fails the test."""
    monkeypatch.chdir(home)
    monkeypatch.delenv("RECURRA_DEBUG", raising=False)

    def run(*arguments, fails=0):
        code = frame.run([str(a) for a in arguments])
        out, run.err = capsys.readouterr()
        assert code == fails, run.err
        return out

    return run


def test_train_prints_the_folder_and_says_what_to_do_next(recurra, home):
    out = recurra("train", "book.txt", "--preset", "tiny", "--out", home / "here")
    assert out == f"{home}/here\n"
    assert f"Let it write:  recurra generate {home}/here" in recurra.err
    assert "training for" in recurra.err
    assert "finished" in recurra.err


def test_epochs_on_the_command_line_win_over_a_files_and_a_presets_minutes(recurra, home):
    (home / "long.json").write_text('{"minutes": 0.02}')
    flags = ["--hidden-size", 4, "--embedding-size", 4, "--epochs", 1, "-q", "--out"]
    recurra("train", "book.txt", "--config", "long.json", *flags, "of-file")
    recurra("train", "book.txt", "--preset", "demo", *flags, "of-preset")
    for run in ("of-file", "of-preset"):
        training = json.loads((home / run / "config.json").read_text("utf-8"))["settings"]["training"]
        assert (training["epochs"], training["minutes"]) == (1, None)


def test_train_resumes_and_starts_from_another(recurra):
    assert recurra("train", "--resume", "book-1", "-q") == "runs/book-1\n"
    out = recurra("train", "book.txt", "--init-from", "book-1", "--epochs", 1, "--out", "more", "-q")
    assert out == "more\n"
    model = language.load("more")
    assert model.config.hidden_size == language.load("book-1").config.hidden_size == 32


def test_generate_streams_what_the_library_draws(recurra, home):
    model = language.load("book-1")
    options = {"length": 70, "seed": 5, "temperature": 0.8}
    want = generate(model, model.vocabulary, "the ", **options)[0].text
    flags = ["--length", 70, "--seed", 5, "--temperature", 0.8]
    assert recurra("generate", "runs/book-1", "-p", "the ", *flags) == want + "\n"
    assert recurra.err == ""
    assert recurra("generate", "-p", "the ", *flags) == want + "\n", "the newest run"
    assert recurra("generate", "-p", "the ", *flags, "--no-keep-prompt") == want[4:] + "\n"


def test_generate_reads_the_prompt_from_a_file_or_a_pipe(recurra, home, monkeypatch):
    (home / "prompt").write_bytes(b"the cat\n")
    flags = ["--length", 30, "--seed", 5]
    want = recurra("generate", "-p", "the cat\n", *flags)
    assert want.startswith("the cat\n")
    assert recurra("generate", "--prompt-file", "prompt", *flags) == want
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"the cat\n")))
    assert recurra("generate", "--prompt-file", "-", *flags) == want


def test_generate_writes_several_samples_a_file_and_json(recurra, home):
    flags = ["--length", 40, "--seed", 5, "--samples", 3]
    found = json.loads(recurra("generate", "-p", "the", *flags, "--json", "--probabilities", "--memorisation"))
    texts = [sample["text"] for sample in found["samples"]]
    assert (found["run"], found["prompt"], len(set(texts))) == ("runs/book-1", "the", 3)
    for sample in found["samples"]:
        assert (sample["seed"], sample["finish"], sample["tokens"]) == (5, "length", 40)
        spans = sample["probabilities"]
        assert "".join(s["text"] for s in spans) == sample["continuation"]
        assert np.log([s["probability"] for s in spans]).sum() == pytest.approx(sample["log_probability"])
        assert 0 < sample["memorisation"]["longest"] <= 40
    out = recurra("generate", "-p", "the", *flags)
    assert re.split(r"── sample \d of 3 ─+\n", out)[1:] == [text + "\n" for text in texts]
    recurra("generate", "-p", "the", "--length", 40, "--seed", 5, "-o", "out.txt")
    assert (home / "out.txt").read_text() == texts[0]
    assert recurra.err == "wrote out.txt\n"
    recurra("generate", "-p", "the", *flags, "--json", "-o", "out.json")
    assert [s["text"] for s in json.loads((home / "out.json").read_text())["samples"]] == texts


def test_generate_shows_probabilities_as_a_table_in_a_pipe(recurra):
    rows = [line.split("\t") for line in recurra("generate", "--length", 25, "--probabilities").splitlines()]
    assert len("".join(json.loads(text) for _, text in rows)) == 25
    assert all(0 < float(probability) <= 1 for probability, _ in rows)


def test_generate_reports_what_is_copied(recurra):
    text = recurra("generate", "-p", "the cat sat", "--length", 60, "--temperature", 0, "--memorisation")
    model = language.load("book-1")
    tokens = model.vocabulary.encode(text[len("the cat sat") : -1])
    found = memorisation(tokens, Corpus.open("runs/book-1").train)
    assert f"the longest copied span has {found.longest} tokens" in recurra.err
    assert f"{found.share:.0%} lies in copied spans of 32 tokens or more" in recurra.err


def test_generate_searches(recurra):
    likely = json.loads(recurra("generate", "-p", "the", "--length", 20, "--beam", 8, "--samples", 2, "--json"))
    greedy = json.loads(recurra("generate", "-p", "the", "--length", 20, "--temperature", 0, "--json"))
    totals = [sample["log_probability"] for sample in likely["samples"]]
    assert totals == sorted(totals, reverse=True)
    assert totals[0] >= greedy["samples"][0]["log_probability"] - 1e-6
    assert likely["samples"][0]["seed"] is None


def test_generate_names_what_the_model_cannot_read(recurra):
    recurra("generate", "-p", "thé", fails=1)
    assert "recurra: error: prompt: 'é' (U+00E9) at offset 2 (line 1, column 3)" in recurra.err
    assert "--unknown bytes" in recurra.err


@pytest.mark.parametrize("arguments", [["generate", "tune"], ["evaluate", "tune", "book.txt"]], ids=" ".join)
def test_a_run_of_another_task_is_told(recurra, home, arguments):
    (home / "tune").mkdir(exist_ok=True)
    (home / "tune/config.json").write_text('{"schema": "music/1"}')
    recurra(*arguments, fails=1)
    assert "reads 'language/1', and this run is of music" in recurra.err
    assert recurra.err.count("\n") == 1


def test_a_model_with_a_context_generates_with_it(recurra, home):
    flags = ["--mode", "windows", "--stride", 20, "--context", 5, "--window", 5, "--out", "windows", "-q"]
    recurra("train", "book.txt", "--preset", "tiny", *flags)
    want = recurra("generate", "windows", "--length", 50, "--seed", 1, "-p", "the cat sat")
    assert recurra("generate", "windows", "--length", 50, "--seed", 1, "-p", "the cat sat", "--context", 5) == want
    assert recurra("generate", "windows", "--length", 50, "--seed", 1, "-p", "the cat sat", "--context", 2) != want


def test_evaluate_prints_what_the_library_measures(recurra):
    measured = language.evaluate(language.load("book-1"), "book.txt")
    found = json.loads(recurra("evaluate", "book-1", "book.txt", "--json"))
    assert found == {"run": "runs/book-1", **measured}
    out = recurra("evaluate", "runs/book-1", "book.txt")
    assert f"{measured['bits_per_character']:.4f}" in out
    assert f"{len(TEXT):,}" in out
    recurra("evaluate", "book-1", "no.txt", fails=1)
    assert "there is no file `no.txt`" in recurra.err


def test_card_counts_the_classics(recurra):
    counts = {card["name"]: card["parameters"] for card in json.loads(recurra("card", "--json"))}
    assert counts == {"rnn": 112, "lstm": 448, "gru": 336}
    out = recurra("card", "lstm", "--layers", 2, "--batch", 3)
    assert out.startswith("4 inputs, 8 units, 2 layers\n")
    assert "batch 3" in out
    assert json.loads(recurra("card", "mingru", "--json"))[0]["name"] == "mingru"


def test_corpora_lists_and_fetches(recurra, home, monkeypatch):
    rows = {row["name"]: row for row in json.loads(recurra("corpora", "--json"))}
    assert rows["manual"]["here"]
    assert len(rows["tinyshakespeare"]["sha256"]) == 64
    assert all(name in recurra("corpora") for name in rows)
    monkeypatch.setattr("recurra.data.corpora.corpus_path", lambda name: home / name)
    assert recurra("corpora", "--fetch", "tinyshakespeare") == f"tinyshakespeare: {home}/tinyshakespeare\n"
    assert json.loads(recurra("corpora", "--fetch", "a", "--json")) == {"a": f"{home}/a"}


def test_compare_trains_at_equal_size(recurra, home):
    flags = ["--preset", "tiny", "--cells", "rnn,gru", "--parameters", "4k", "--epochs", 1, "--out", "both", "-q"]
    found = json.loads(recurra("compare", "book.txt", *flags, "--json"))
    assert [row["cell"] for row in found["cells"]] == ["rnn", "gru"]
    for row in found["cells"]:
        assert row["parameters"] == pytest.approx(4000, rel=0.05)
        model = language.load(row["folder"])
        assert (model.config.cell, model.config.hidden_size) == (row["cell"], row["hidden_size"])
        assert 0 < row["nats"] < np.log(len(model.vocabulary))
    assert (home / "both/compare.png").read_bytes().startswith(b"\x89PNG")
    lines = compare._table(found["cells"]).splitlines()
    header = ["cell", "units", "parameters", "nats/char", "bits/char", "chars/s", "steps", "seconds"]
    assert lines[0].split() == header
    best = min(found["cells"], key=lambda row: row["nats"])
    assert lines[1].split()[:2] == [best["cell"], str(best["hidden_size"])], "the best comes first"


@pytest.mark.parametrize(
    ("cell", "step"), [("rnn", 1), ("lstm", 1), ("mingru", 1), ("peephole-lstm", 1), ("transformer", 16)]
)
def test_the_hidden_size_comes_nearest_to_the_budget(cell, step):
    vocabulary, model = build_vocabulary(["abcdefgh"]), LanguageConfig(embedding_size=8, context=10)
    for budget in (8_000, 20_000, 123_456):
        size = comparison.hidden_size(model, cell, vocabulary, budget)
        off = {
            s: abs(comparison.parameters(model, cell, vocabulary, s) - budget)
            for s in (size - step, size, size + step)
            if s > 0
        }
        assert size % step == 0
        assert off[size] == min(off.values())


def test_compare_sets_a_transformer_beside_the_cells(recurra, home):
    found = json.loads(
        recurra(
            "compare", "book.txt", "--cells", "lstm,transformer", "--parameters", "80k", "--epochs", 1, "--json", "-q"
        )
    )
    sizes = {row["cell"]: row["parameters"] for row in found["cells"]}
    assert sizes.keys() == {"lstm", "transformer"}
    assert abs(sizes["transformer"] / sizes["lstm"] - 1) < 0.25


def test_compare_keeps_what_is_done(recurra, home, monkeypatch):
    def train_one(documents, folder, preset, values, quiet, real=comparison.train_one):
        if values["cell"] == "gru":
            raise DivergenceError("the loss of gru became infinite")
        if values["cell"] == "minlstm":
            raise Interrupted("stopped at step 3")
        return real(documents, folder, preset, values, quiet)

    monkeypatch.setattr(comparison, "train_one", train_one)
    flags = ["--preset", "tiny", "--parameters", "4k", "--epochs", 1, "-q"]
    table = recurra("compare", "book.txt", "--cells", "gru,rnn", *flags, fails=1)
    assert [line.split()[0] for line in table.splitlines()[:2]] == ["cell", "rnn"]
    assert recurra.err == "recurra: error: the loss of gru became infinite\n"
    table = recurra("compare", "book.txt", "--cells", "rnn,minlstm,lstm", *flags, fails=130)
    assert table.split("\n\n")[0].count("\n") == 1, "the one that was done"


def test_compare_says_where_nothing_was_held_out(recurra, home):
    (home / "all.json").write_text('{"validation": 0}')
    flags = ["--cells", "rnn", "--preset", "tiny", "--parameters", "4k", "--epochs", 1, "-q"]
    assert "losses on the training text" in recurra("compare", "book.txt", *flags, "--config", "all.json")
    assert "losses on the training text" not in recurra("compare", "book.txt", *flags)
    (home / "size.json").write_text('{"hidden_size": 5}')
    recurra("compare", "book.txt", *flags, "--config", "size.json", fails=2)
    assert "--config has hidden_size, which is chosen here by --parameters" in recurra.err


def test_demo_shows_a_sample_and_what_to_try(recurra, home, monkeypatch):
    asked = {}

    def train(source, preset, **options):
        asked.update(source=source, preset=preset, **options)
        return language.load("book-1")

    monkeypatch.setattr("recurra.cli.demo._PROMPT", "the ")
    monkeypatch.setattr(language, "train", train, raising=False)
    out = recurra("demo", "--minutes", 0.5)
    assert asked == {"source": "manual", "preset": "demo", "minutes": 0.5}
    assert "What it writes after 'the '" in out
    assert "recurra generate runs/book-1" in out
    assert "recurra train book.txt" in out
    assert "\n  recurra studio  " in out


def test_tables_and_json():
    assert shown.table(["a", "n"], [["x", "1"], ["long", "1,000"]]) == "a         n\nx         1\nlong  1,000"
    assert json.loads(shown.to_json({"x": [float("nan"), float("inf"), 1.5, "é"]})) == {"x": [None, None, 1.5, "é"]}


@pytest.mark.slow
def test_ctrl_c_saves_and_says_how_to_go_on(home):
    flags = ["--preset", "tiny", "--epochs", "100000", "--out", "endless"]
    command = [sys.executable, "-m", "recurra", "train", "book.txt", *flags]
    lines = []
    with subprocess.Popen(command, cwd=home, stderr=subprocess.PIPE, text=True) as child:
        for line in child.stderr:
            lines.append(line)
            if line.startswith("training for"):
                child.send_signal(signal.SIGINT)
    assert child.returncode == 130
    assert lines[-1].startswith("recurra: stopped at step ")
    assert "recurra train --resume endless" in lines[-1]
    assert (home / "endless/state.safetensors").exists()
