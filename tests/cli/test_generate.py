"""The command that writes text."""

import io
import json
import re
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
    assert beside.err == "wrote out.txt\n"
    beside("generate", "-p", "the", *flags, "--json", "-o", "out.json")
    assert [s["text"] for s in json.loads((home / "out.json").read_text())["samples"]] == texts


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
