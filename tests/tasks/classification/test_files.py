"""Files of labelled sequences, and the commands `classify` and `tag` from end to end."""

import io
import json

import click
import numpy as np
import pytest

from recurra import tensorfiles
from recurra.cli import classify, frame, tag
from recurra.errors import DataError
from recurra.tasks.classification import SequenceClassifier
from recurra.tasks.classification.files import read_files
from recurra.tasks.sequences.files import read_ts
from recurra.tasks.tagging.conll import read_conll

HEADER = "# words\n@problemName toy\n@timeStamps false\n@classLabel true a b\n@data\n"
TINY = ["--hidden-size", "8", "--epochs", "4", "--lr", "0.02", "--average", "0", "-q"]


def put(folder, name, text):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


# Files


def test_ts_files(tmp_path):
    X, y = read_ts(put(tmp_path, "a.ts", HEADER + "1,2,3:4,5,6:a\n\n7.5:8:b\n"))
    assert [row.tolist() for row in X] == [[[1, 4], [2, 5], [3, 6]], [[7.5, 8]]]
    assert X[0].dtype == np.float32
    assert y == ["a", "b"]
    X, y = read_ts(put(tmp_path, "b.ts", "@classLabel false\n@DATA\n1,2\n"))
    assert (X[0].tolist(), y) == ([[1], [2]], None)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("@data\n1,?,3\n", r"a.ts, line 2: a value is missing \(\?\); fill it"),
        ("@data\n1,x,3\n", "a.ts, line 2: 'x' is no number"),
        ("@data\n1,2:3\n", r"a.ts, line 2: features of \[1, 2\] steps; expected one length"),
        (HEADER + "1,2:a\n1,2:3,4:b\n", "a.ts, line 7: 2 features; expected 1, as in the first case"),
        (HEADER + "a\n", "a.ts, line 6: features of"),
        ("@timeStamps true\n@data\n", "a.ts, line 1: the series have time stamps, which are not read"),
        ("@targetLabel true\n@data\n", "a.ts, line 1: the target is a number, not a class"),
        ("1,2,3\n", "a.ts, line 1: '1,2,3'; expected a header, such as @classLabel"),
        ("@problemName x\n", "a.ts has no line @data; is it a .ts file, and whole?"),
        ("@data\n", "a.ts holds no sequences"),
    ],
)
def test_ts_files_that_cannot_be(tmp_path, text, words):
    with pytest.raises(DataError, match=words):
        read_files(put(tmp_path, "a.ts", text))


def test_the_real_ts_files(real_data):
    X, y = read_ts(real_data("japanese_vowels/JapaneseVowels_TRAIN.ts"))
    assert (len(X), len(set(y)), X[0].shape[1]) == (270, 9, 12)
    assert sorted({len(row) for row in X})[:: len({len(row) for row in X}) - 1] == [7, 26]
    X, y = read_ts(real_data("arrowhead/ArrowHead_TRAIN.ts"))
    assert (len(X), {row.shape for row in X}, sorted(set(y))) == (36, {(251, 1)}, ["0", "1", "2"])


def test_tables(tmp_path):
    path = put(tmp_path, "a.csv", '\ufefftext,id,label\n"one, two\nthree",1, yes \nfour,2,no\n\n')
    X, y = read_files(path)
    assert (X, y.tolist()) == (["one, two\nthree", "four"], ["yes", "no"])
    X, y = read_files([path, put(tmp_path, "b.tsv", "text\tlabel\nfive\tno\n")])
    assert (X[-1], y[-1]) == ("five", "no")
    X, y = read_files(put(tmp_path, "c.csv", "word,kind\nsix,no\n"), text_column="word", label_column="kind")
    assert (X, y.tolist()) == (["six"], ["no"])
    assert read_files(put(tmp_path, "d.csv", "text\nseven\n")) == (["seven"], None)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b\n1,2\n", "a.csv has no column 'text'; its columns: a, b"),
        ("", "a.csv is empty; expected a first row that names the columns"),
        ("text,label\na,b,c\n", "a.csv, line 2: 3 cells; expected 2, as in the first row"),
        ("text,label\na,x\n ,b\n", "a.csv, line 3: the text is empty; leave the row out"),
        ("text,label\na,\n", "a.csv, line 2: the label is empty; leave the row out"),
        ("text,label\n", "a.csv holds no sequences"),
    ],
)
def test_tables_that_cannot_be(tmp_path, text, words):
    with pytest.raises(DataError, match=words):
        read_files(put(tmp_path, "a.csv", text))


def test_folders_by_class(tmp_path):
    put(tmp_path, "names/Greek.txt", "Papas\n\nKostas\n")
    put(tmp_path, "names/Irish.txt", "O'Neal\n")
    X, y = read_files(tmp_path / "names")
    assert (X, y.tolist()) == (["Papas", "Kostas", "O'Neal"], ["Greek", "Greek", "Irish"])
    put(tmp_path, "mail/ham/1.txt", "dear\nall")
    put(tmp_path, "mail/spam/deep/2.txt", "buy")
    put(tmp_path, "mail/spam/empty.txt", "")
    put(tmp_path, "mail/spam/.hidden", "no")
    X, y = read_files(tmp_path / "mail")
    assert (X, y.tolist()) == (["dear\nall", "buy"], ["ham", "spam"])


def test_sources_that_cannot_be(tmp_path, monkeypatch):
    a = put(tmp_path, "a.csv", "text,label\none,1\n")
    with pytest.raises(DataError, match=r"there is no file .*b.csv; did you mean `.*a.csv`\?"):
        read_files(tmp_path / "b.csv")
    with pytest.raises(DataError, match=r"c.ts holds numbers, unlike .*a.csv"):
        read_files([a, put(tmp_path, "c.ts", HEADER + "1:a\n")])
    with pytest.raises(DataError, match=r"d.csv has no labels, but other sources have"):
        read_files([a, put(tmp_path, "d.csv", "text\ntwo\n")])
    (tmp_path / "e.csv").write_bytes(b"text,label\n\xff,1\n")
    with pytest.raises(DataError, match=r"e.csv is not UTF-8: byte 11 is 0xFF; convert it"):
        read_files(tmp_path / "e.csv")
    with pytest.raises(DataError, match=r"d.csv has no labels to learn from; a table needs a column of them"):
        SequenceClassifier.from_files(tmp_path / "d.csv")


def piped(monkeypatch, content):
    """Standard input as a terminal with strict UTF-8 gives it."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content), "utf-8", "strict"))


def test_a_line_ends_at_a_line_break_alone(tmp_path, monkeypatch):
    text = "one\u2028more\r\n\ntwo\x85\x0cthree\n"
    want = ["one\u2028more", "", "two\x85\x0cthree"]
    assert read_files(put(tmp_path, "a.txt", text)) == (want, None)
    piped(monkeypatch, text.encode())
    assert read_files("-") == (want, None)
    X, y = read_files(put(tmp_path, "a.csv", 'text,label\na\u2028b,x\n"c\x85\nd",y\x0c\n'))
    assert (X, y.tolist()) == (["a\u2028b", "c\x85\nd"], ["x", "y"])
    put(tmp_path, "names/Greek.txt", text)
    assert read_files(tmp_path / "names")[0] == [want[0], want[2]]
    with pytest.raises(DataError, match=r"a.txt holds no sequences"):
        read_files(put(tmp_path, "a.txt", "\n \n"))


def test_standard_input_that_is_not_utf8(monkeypatch):
    for read in (read_files, read_conll):
        piped(monkeypatch, b"caf\xe9\n")
        with pytest.raises(DataError, match="standard input is not UTF-8: byte 3 is 0xE9; convert it"):
            read("-")


# Commands


@pytest.fixture
def recurra(tmp_path, capsys, monkeypatch):
    """recurra("classify", ...) in an empty folder → what it prints; `.err` has the rest. Any failure fails the test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RECURRA_DEBUG", raising=False)
    commands = {"classify": classify.command, "tag": tag.command}
    monkeypatch.setattr(frame, "COMMANDS", (*frame.COMMANDS, *(commands.keys() - set(frame.COMMANDS))))
    monkeypatch.setattr(frame.Commands, "get_command", lambda self, ctx, name: commands[name])

    def run(*arguments, fails=0):
        code = frame.run([str(a) for a in arguments])
        out, run.err = capsys.readouterr()
        assert code == fails, run.err
        return out

    return run


def test_classify_from_a_table_to_labels(recurra, tmp_path, monkeypatch):
    rows = "".join(f"{text},{label}\n" for text, label in [("good fine", "yes"), ("bad poor", "no")] * 20)
    put(tmp_path, "reviews.csv", "text,label\n" + rows)
    assert recurra("classify", "reviews.csv", "--unit", "word", *TINY) == "runs/reviews-1\n"
    assert recurra.err == ""
    out = recurra("classify", "reviews.csv", "--model", "reviews-1")
    assert out.splitlines()[0] == "label,probability"
    assert [line.split(",")[0] for line in out.splitlines()[1:]] == ["yes", "no"] * 20
    assert recurra.err == "100.00% of 40 are right\n"
    piped(monkeypatch, b"good\n\nbad\n")
    found = json.loads(recurra("classify", "-", "--model", "reviews-1", "--json"))
    assert [row["label"] for row in found] == ["yes", None, "no"]
    assert found[1]["probabilities"] == {}
    piped(monkeypatch, b"good\n\nbad\n")
    rows = recurra("classify", "-", "--model", "reviews-1").split("\n")
    assert [row.split(",")[0] for row in rows] == ["label", "yes", "", "no", ""]
    assert rows[2] == ","
    assert sum(found[0]["probabilities"].values()) == pytest.approx(1)
    assert recurra("classify", "reviews.csv", "--model", "runs/reviews-1", "--to", "out.csv", "-q") == ""
    assert (tmp_path / "out.csv").read_text() == out
    recurra("classify", "reviews.csv", "--model", "runs/reviews-1", "--to", tmp_path / "reviews.csv", fails=2)
    assert "reviews.csv is a file that is read, and would be lost; name another" in recurra.err


def test_classify_goes_on_from_its_files(recurra, tmp_path):
    cases = "".join(f"{k},{k + 1},{k + 2}:{'ab'[k % 2]}\n" for k in range(30))
    put(tmp_path, "a.ts", HEADER + cases)
    out = recurra("classify", "a.ts", *TINY[:-1], "--out", "kept")
    assert out == "kept\n"
    assert "Use it:  recurra classify DATA --model kept" in recurra.err
    before = tensorfiles.read(tmp_path / "kept/model.safetensors", "model/1")[0]
    (tmp_path / "kept/model.safetensors").unlink()
    state = tmp_path / "kept/state.safetensors"
    state.unlink()  # as after a stop before the first save
    assert recurra("classify", "--resume", "kept", "-q") == "kept\n"
    after = tensorfiles.read(tmp_path / "kept/model.safetensors", "model/1")[0]
    assert all((before[name] == after[name]).all() for name in before)
    put(tmp_path, "a.ts", HEADER + cases.replace("1,", "9,"))
    recurra("classify", "--resume", "kept", fails=1)
    assert "was trained on other data" in recurra.err


def test_tag_from_a_file_to_labels(recurra, tmp_path):
    text = "".join(f"the D\n{noun} N\nruns V\n\n" for noun in ["cat", "dog"] * 15)
    put(tmp_path, "train.conll", text)
    assert recurra("tag", "train.conll", "--crf", *TINY) == "runs/train-1\n"
    assert recurra("tag", "train.conll", "--model", "train-1") == text
    assert recurra.err == "100.00% of 90 labels are right\n"
    put(tmp_path, "words", "the\ndog\n")
    found = json.loads(recurra("tag", "words", "--model", "train-1", "--json"))
    assert found == [{"words": ["the", "dog"], "labels": ["D", "N"]}]
    put(tmp_path, "words", "\n-DOCSTART-\n\nthe\n\n\ndog\n")
    put(tmp_path, "others", "the")
    out = recurra("tag", "words", "others", "--model", "train-1")
    assert out == "\n-DOCSTART-\n\nthe D\n\n\ndog N\n\nthe D\n", "line by line as it came, and each file for itself"
    put(tmp_path, "words", "the\n\ndog cat\n")
    recurra("tag", "words", "--model", "train-1", fails=1)
    assert "line 3: 2 columns; expected 1, as in the first line" in recurra.err


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
def test_wrong_use_is_one_line(recurra, tmp_path, line, code, words):
    put(tmp_path, "a.csv", "text,label\none,1\ntwo,2\n")
    put(tmp_path, "one.csv", "text,label\none,yes\ntwo,yes\n")
    recurra(*line.split(), fails=code)
    assert words in recurra.err
    assert recurra.err.count("\n") == 1
    assert not (tmp_path / "runs").exists(), "nothing is left behind"


@pytest.mark.parametrize("command", [classify.command, tag.command])
def test_help_tells_the_tasks_own_defaults(command):
    text = command.get_help(click.Context(command, info_name=command.name))
    assert "[default: 0.003; more than 0]" in " ".join(text.split())
    assert "[default: 0.005]" not in " ".join(text.split())
