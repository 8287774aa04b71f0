"""The command that writes text."""

import io
import json
import os
import re
import shutil
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from recurra.data import Corpus
from recurra.generation import generate, memorisation
from recurra.tasks import language


def test_generate_streams_what_the_library_draws(beside, home):
    model = language.load("book-1")
    options = {"length": 70, "seed": 5, "temperature": 0.8}
    want = generate(model, model.vocabulary, "the ", **options)[0].text
    flags = ["--length", 70, "--seed", 5, "--temperature", 0.8]
    assert beside("generate", "runs/book-1", "-p", "the ", *flags) == want + "\n"
    assert beside.err == ""
    assert beside("generate", "-p", "the ", *flags) == want + "\n", "the newest run"
    assert beside("generate", "-p", "the ", *flags, "--no-keep-prompt") == want[4:] + "\n"


def test_generate_reads_the_prompt_from_a_file_or_a_pipe(beside, home, monkeypatch):
    (home / "prompt").write_bytes(b"the cat\n")
    flags = ["--length", 30, "--seed", 5]
    want = beside("generate", "-p", "the cat\n", *flags)
    assert want.startswith("the cat\n")
    assert beside("generate", "--prompt-file", "prompt", *flags) == want
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"the cat\n")))
    assert beside("generate", "--prompt-file", "-", *flags) == want


def test_generate_writes_several_samples_a_file_and_json(beside, home):
    flags = ["--length", 40, "--seed", 5, "--samples", 3]
    found = json.loads(beside("generate", "-p", "the", *flags, "--json", "--probabilities", "--memorisation"))
    texts = [sample["text"] for sample in found["samples"]]
    assert (found["run"], found["prompt"], len(set(texts))) == ("runs/book-1", "the", 3)
    for sample in found["samples"]:
        assert (sample["seed"], sample["finish"], sample["tokens"]) == (5, "length", 40)
        spans = sample["probabilities"]
        assert "".join(s["text"] for s in spans) == sample["continuation"]
        assert np.log([s["probability"] for s in spans]).sum() == pytest.approx(sample["log_probability"])
        assert 0 < sample["memorisation"]["longest"] <= 40
    out = beside("generate", "-p", "the", *flags)
    assert re.split(r"── sample \d of 3 ─+\n", out)[1:] == [text + "\n" for text in texts]
    beside("generate", "-p", "the", "--length", 40, "--seed", 5, "-o", "out.txt")
    assert (home / "out.txt").read_text() == texts[0]
    assert beside.err.endswith("\nwrote out.txt\n")
    beside("generate", "-p", "the", *flags, "--json", "-o", "out.json")
    assert [s["text"] for s in json.loads((home / "out.json").read_text())["samples"]] == texts


def test_generate_says_which_run_writes(beside, home, tmp_path):
    beside("generate", "--length", 5)
    assert re.fullmatch(r"runs/book-1, trained (\d{4}-\d\d-\d\d )?\d\d:\d\d\n", beside.err)
    for name, content in {
        "music-1": '{"schema": "music/1"}',
        "later 2": '{"schema": "language/2"}',
        "junk": "{",
    }.items():
        (home / "runs" / name).mkdir()
        (home / "runs" / name / "config.json").write_text(content)
    (home / "runs/music-1/model.safetensors").write_bytes(b"")
    try:
        os.utime(home / "runs/later 2/config.json", (4e9, 4e9))
        beside("generate", "--length", 5)
        assert "runs/book-1, trained" in beside.err
        assert "; 'runs/later 2' is newer, and has no weights yet\n" in beside.err
        rows = json.loads(beside("runs", "--json"))
        assert {(row["run"], row["task"]) for row in rows} >= {("book-1", "language"), ("music-1", "music")}
    finally:
        for name in ("music-1", "later 2", "junk"):
            shutil.rmtree(home / "runs" / name)


def test_without_a_run_the_shipped_model_writes(recurra):
    code, out, err = recurra("generate", "--length", 30, "--seed", 1, "-p", "The ")
    assert (code, len(out)) == (0, 35)
    assert err.startswith("no language model in runs/ yet: this is manual-lstm, a small one that ships")


def test_several_prompts_in_one_call(beside):
    flags = ["--length", 20, "--seed", 3]
    single = [beside("generate", "-p", prompt, *flags)[:-1] for prompt in ("the", "a cat")]
    out = beside("generate", "-p", "the", "-p", "a cat", *flags)
    assert re.split(r"── '[a-z ]+' ─+\n", out)[1:] == [text + "\n" for text in single]
    found = json.loads(beside("generate", "-p", "the", "-p", "a cat", *flags, "--json"))
    assert found["prompts"] == ["the", "a cat"]
    assert [sample["prompt"] for sample in found["samples"]] == ["the", "a cat"]
    assert [sample["text"] for sample in found["samples"]] == single


def test_items_are_whole_and_those_that_are_new_are_marked(beside, home, monkeypatch):
    names = [f"{a}{b}{c}" for a in "abcde" for b in ("nna", "lla", "rin") for c in ("", "th", "do", "x")]
    (home / "names.txt").write_text("\n".join(names) + "\n")
    beside("train", "names.txt", "--preset", "tiny", "--epochs", 30, "-o", "names")
    assert "60 items one a line, shuffled, each from a fresh state" in beside.err
    assert "Use it:  recurra generate names --samples 20" in beside.err
    out = beside("generate", "names", "--samples", 20, "--seed", 1).splitlines()
    assert len(out) == 20
    new = [name for name in out if name not in names]
    assert f"{len(new)} of 20 are new: no item of the training text\n" in beside.err
    found = json.loads(beside("generate", "names", "--samples", 20, "--seed", 1, "--json"))
    assert [sample["text"] for sample in found["samples"] if sample["new"]] == new
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    assert beside("generate", "names", "--samples", 20, "--seed", 1).count("  (new)\n") == len(new)
    assert "nats per character" in beside("evaluate", "names", "names.txt")


def test_generate_shows_probabilities_as_a_table_in_a_pipe(beside):
    rows = [line.split("\t") for line in beside("generate", "--length", 25, "--probabilities").splitlines()]
    assert len("".join(json.loads(text) for _, text in rows)) == 25
    assert all(0 < float(probability) <= 1 for probability, _ in rows)


def test_generate_reports_what_is_copied(beside):
    text = beside("generate", "-p", "the cat sat", "--length", 60, "--temperature", 0, "--memorisation")
    model = language.load("book-1")
    tokens = model.vocabulary.encode(text[len("the cat sat") : -1])
    found = memorisation(tokens, Corpus.open("runs/book-1").train)
    assert f"the longest copied span has {found.longest} tokens" in beside.err
    assert f"{found.share:.0%} lies in copied spans of 32 tokens or more" in beside.err


def test_generate_searches(beside):
    likely = json.loads(beside("generate", "-p", "the", "--length", 20, "--beam", 8, "--samples", 2, "--json"))
    greedy = json.loads(beside("generate", "-p", "the", "--length", 20, "--temperature", 0, "--json"))
    totals = [sample["log_probability"] for sample in likely["samples"]]
    assert totals == sorted(totals, reverse=True)
    assert totals[0] >= greedy["samples"][0]["log_probability"] - 1e-6
    assert likely["samples"][0]["seed"] is None


def test_generate_names_what_the_model_cannot_read(beside):
    beside("generate", "-p", "thé", fails=1)
    assert "recurra: error: prompt: 'é' (U+00E9) at offset 2 (line 1, column 3)" in beside.err
    assert "--unknown bytes" in beside.err


@pytest.mark.parametrize("arguments", [["generate", "tune"], ["evaluate", "tune", "book.txt"]], ids=" ".join)
def test_a_run_of_another_task_is_told(beside, home, arguments):
    (home / "tune").mkdir(exist_ok=True)
    (home / "tune/config.json").write_text('{"schema": "music/1"}')
    beside(*arguments, fails=1)
    assert "reads 'language/2', and this run is of music" in beside.err
    assert beside.err.count("\n") == 1


@pytest.mark.slow
def test_a_model_with_a_context_generates_with_it(beside, home):
    flags = ["--mode", "windows", "--stride", 20, "--context", 5, "--window", 5, "--out", "windows", "-q"]
    beside("train", "book.txt", "--preset", "tiny", *flags)
    want = beside("generate", "windows", "--length", 50, "--seed", 1, "-p", "the cat sat")
    assert beside("generate", "windows", "--length", 50, "--seed", 1, "-p", "the cat sat", "--context", 5) == want
    assert beside("generate", "windows", "--length", 50, "--seed", 1, "-p", "the cat sat", "--context", 2) != want
