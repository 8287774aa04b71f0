"""`recurra classify` from end to end."""

import json
import re

import click
import pytest
from helpers.commands import piped, put, without_reading

from recurra import tensorfiles
from recurra.cli import classify, regress, tag

HEADER = "# words\n@problemName toy\n@timeStamps false\n@classLabel true a b\n@data\n"
TINY = ["--hidden-size", "8", "--epochs", "4", "--lr", "0.02", "--average", "0", "-q"]


def test_classify_from_a_table_to_labels(alone, tmp_path, monkeypatch):
    rows = "".join(f"{text},{label}\n" for text, label in [("good fine", "yes"), ("bad poor", "no")] * 20)
    put(tmp_path, "reviews.csv", "text,label\n" + rows)
    assert alone("classify", "reviews.csv", "--unit", "word", *TINY) == "runs/reviews-1\n"
    assert alone.err == ""
    out = alone("classify", "reviews.csv", "--model", "reviews-1")
    assert out.splitlines()[0] == "label,probability"
    assert [line.split(",")[0] for line in out.splitlines()[1:]] == ["yes", "no"] * 20
    assert alone.err == "100.00% of 40 are right\n"
    piped(monkeypatch, b"good\n\nbad\n")
    found = json.loads(alone("classify", "-", "--model", "reviews-1", "--json"))
    assert [row["label"] for row in found] == ["yes", None, "no"]
    assert found[1]["probabilities"] == {}
    piped(monkeypatch, b"good\n\nbad\n")
    rows = alone("classify", "-", "--model", "reviews-1").split("\n")
    assert [row.split(",")[0] for row in rows] == ["label", "yes", "", "no", ""]
    assert rows[2] == ","
    assert sum(found[0]["probabilities"].values()) == pytest.approx(1)
    assert alone("classify", "reviews.csv", "--model", "runs/reviews-1", "--to", "out.csv", "-q") == ""
    assert (tmp_path / "out.csv").read_text() == out
    alone("classify", "reviews.csv", "--model", "runs/reviews-1", "--to", tmp_path / "reviews.csv", fails=2)
    assert "reviews.csv is a file that is read, and would be lost; name another" in alone.err


def test_a_run_knows_the_columns_that_it_was_learned_from(alone, tmp_path):
    rows = "".join(f"{k},{text},{label}\n" for k, (text, label) in enumerate([("good", "yes"), ("bad", "no")] * 20))
    put(tmp_path, "mail.csv", "no,words,kind\n" + rows)
    alone("classify", "mail.csv", "--text-column", "words", "--label-column", "kind", "--unit", "word", *TINY)
    alone("classify", "mail.csv", "--model", "mail-1")
    assert alone.err == "100.00% of 40 are right\n"
    put(tmp_path, "new.csv", "no,words\n7,good\n8,good\n9,good\n")
    assert len(alone("classify", "new.csv", "--model", "mail-1").splitlines()) == 4
    assert alone.err == ""
    put(tmp_path, "other.csv", "words,right\n" + 5 * "good,yes\ngood good,yes\nbad,no\nbad bad,no\n")
    alone("classify", "other.csv", "--model", "mail-1")
    assert alone.err == "label: right\n100.00% of 20 are right\n"
    alone("classify", "mail.csv", "--model", "mail-1", "--label-column", "no", fails=1)
    assert "mail.csv has no column 'text'" in alone.err


def test_classify_prints_sets_of_labels(alone, tmp_path, monkeypatch):
    rows = "".join(
        f"{text},{label}\n" for text, label in [("good fine", "yes"), ("bad poor", "no"), ("so so", "maybe")] * 20
    )
    put(tmp_path, "reviews.csv", "text,label\n" + rows)
    alone("classify", "reviews.csv", "--unit", "word", "--validation", "12", *TINY, "--epochs", "20", "--out", "run")
    out = alone("classify", "reviews.csv", "--model", "run", "--coverage", "0.9").splitlines()
    assert out[:3] == ["label,probability,set", f"yes,{out[1].split(',')[1]},yes", f"no,{out[2].split(',')[1]},no"]
    assert alone.err == "100.00% of 60 are right; 100.00% of the sets hold the right label, with 1 labels each\n"
    piped(monkeypatch, b"good\n\nbad\n")
    found = json.loads(alone("classify", "-", "--model", "run", "--json", "--coverage", "0.9"))
    assert [row["set"] for row in found] == [["yes"], [], ["no"]]
    piped(monkeypatch, b"good\n\nbad\n")
    assert alone("classify", "-", "--model", "run", "--coverage", "0.9").splitlines()[2] == ",,"
    about = json.loads((tmp_path / "run/config.json").read_text())
    about["learned"]["held"]["values"] = [0.8] * 12  # as of a model that needs a second label now and then
    (tmp_path / "run/config.json").write_text(json.dumps(about))
    out = alone("classify", "reviews.csv", "--model", "run", "--coverage", "0.9").splitlines()
    assert re.fullmatch(r"yes,0\.\d{4},yes(\|no|\|maybe)*", out[1])
    refused = {
        "0.99": (
            1,
            "--coverage 0.99 needs 99 held-out sequences, and this model had 12; fit with a larger --validation, or",
        ),
        "9": (2, "--coverage is 9.0; expected a fraction between 0 and 1"),
    }
    for coverage, (code, words) in refused.items():
        alone("classify", "reviews.csv", "--model", "run", "--coverage", coverage, fails=code)
        assert words in alone.err
    alone("classify", "reviews.csv", "--coverage", "0.9", fails=2)
    assert "without --model, DATA is learned from; drop --coverage" in alone.err


def test_classify_goes_on_from_its_files(alone, tmp_path):
    cases = "".join(f"{k},{k + 1},{k + 2}:{'ab'[k % 2]}\n" for k in range(30))
    put(tmp_path, "a.ts", HEADER + cases)
    out = alone("classify", "a.ts", *TINY[:-1], "--out", "kept")
    assert out == "kept\n"
    assert "validation (not used to choose the weights): accuracy " in alone.err
    assert "right: " in alone.err or "wrong: " in alone.err
    assert "Use it:  recurra classify a.ts --model kept" in alone.err, "a file that is there"
    before = tensorfiles.read(tmp_path / "kept/model.safetensors", "model/1")[0]
    (tmp_path / "kept/model.safetensors").unlink()
    state = tmp_path / "kept/state.safetensors"
    state.unlink()  # as after a stop before the first save
    assert alone("classify", "--resume", "kept", "-q") == "kept\n"
    after = tensorfiles.read(tmp_path / "kept/model.safetensors", "model/1")[0]
    assert all((before[name] == after[name]).all() for name in before)
    put(tmp_path, "a.ts", HEADER + cases.replace("1,", "9,"))
    alone("classify", "--resume", "kept", fails=1)
    assert "was trained on other data" in alone.err


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        ("classify", 2, "DATA is missing: name a file or a folder"),
        ("classify none.csv", 1, "there is no file none.csv"),
        ("classify a.csv --hidden-size 0", 2, "--hidden-size is 0; expected 1 or more"),
        ("classify a.csv --pooling lats", 2, "--pooling is lats; did you mean last?"),
        ("classify a.csv --epoch 3", 2, "no such option"),
        ("classify a.csv --model none", 1, "there is no run 'none'"),
        ("classify a.csv --model x --lr 1", 2, "--model uses a run as it was fitted; drop --lr"),
        ("classify a.csv --resume x", 2, "--resume continues the run as it is; drop DATA"),
        ("classify one.csv", 1, "one class only, yes; expected two or more"),
        ("tag --to x", 2, "without --model, DATA is learned from; drop --to"),
    ],
)
def test_wrong_use_is_one_line(alone, tmp_path, line, code, words):
    put(tmp_path, "a.csv", "text,label\none,1\ntwo,2\n")
    put(tmp_path, "one.csv", "text,label\none,yes\ntwo,yes\n")
    alone(*line.split(), fails=code)
    assert words in alone.err
    assert without_reading(alone.err).count("\n") == 1
    assert not (tmp_path / "runs").exists(), "nothing is left behind"


@pytest.mark.parametrize("command", [classify.command, tag.command, regress.command])
def test_help_tells_the_tasks_own_defaults(command):
    # With its own settings: a command keeps the help option that it is first asked for.
    text = command.get_help(click.Context(command, info_name=command.name, **command.context_settings))
    assert "[default: 0.003; more than 0]" in " ".join(text.split())
    assert "[default: 0.005]" not in " ".join(text.split())
