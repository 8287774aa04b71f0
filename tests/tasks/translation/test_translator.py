"""Translating: batches, learning, resuming, files, the command, bad input."""

import datetime
import io
import itertools
import json
import re
import shlex

import click
import numpy as np
import pytest
import torch
from helpers.support import assert_close, randomise
from helpers.translators import network

from recurra.cli import frame, translate
from recurra.errors import ConfigError, DataError, DtypeError, NotFittedError, RunError
from recurra.tasks.translation import Translator, dates, read_pairs, reversed_words, scores, translator
from recurra.tasks.translation.config import PairsConfig
from recurra.tasks.translation.neighbours import Neighbours
from recurra.tasks.translation.search import search
from recurra.tasks.translation.task import IGNORED, Languages, TranslationTask, together
from recurra.tasks.translation.toys import spellings_of
from recurra.training import clock

# Of a model that learned next to nothing, most translations are cut.
pytestmark = pytest.mark.filterwarnings("ignore:.*translations are cut")
PAIRS = reversed_words(60, longest=4)
TINY = dict(
    hidden_size=12, embedding_size=8, epochs=2, batch_size=16, average=0.0, unit="character", monitor="validation"
)


# The task


LETTERS = PairsConfig(unit="character", min_count=1)


def test_what_is_given_and_what_is_to_be_found():
    languages = Languages.learn([("ab", "xy"), ("c", "z")], LETTERS)
    rows = languages.rows([("ab", "xy"), ("c", "z")])
    source, lengths, given, targets = together(rows, torch.device("cpu"))
    assert lengths.tolist() == [2, 1]
    assert [languages.target.decode(row) for row in given] == ["xy", "z"]
    assert given[:, 0].tolist() == [languages.target.eod] * 2
    assert targets[0].tolist() == [*given[0, 1:].tolist(), languages.target.eod]
    assert targets[1].tolist()[1:] == [languages.target.eod, IGNORED]
    assert languages.source.encode("q").tolist() == [languages.source.unk]


def test_exact_means_what_the_search_finds():
    model = randomise(network(target=6), 2.0)  # with smaller weights it would say the same of every text
    languages = Languages.learn([("abcde", "xyzw")], LETTERS)
    texts, unk = ["".join(letters) for letters in itertools.product("abcde", repeat=3)], languages.target.unk
    found = search(
        model, [languages.source.encode(a).astype("int64") for a in texts], limit=8, end=0, copies=[100] * 200
    )
    ended = {
        a: languages.target.decode(ids)
        for a, ids in zip(texts, found, strict=True)
        if 0 < len(ids) < 8 and unk not in ids
    }
    assert len(ended) > 5
    wrong = [(a, b[::-1] + "x") for a, b in ended.items()]
    task = TranslationTask(model, languages, wrong, [*ended.items(), *wrong], batch_size=4, seed=1)
    assert task.evaluate(model)["accuracy"] == 0.5


def test_batches_follow_from_their_place_alone():
    languages = Languages.learn(PAIRS, LETTERS)
    task = TranslationTask(network(), languages, PAIRS, [], 16, seed=3)
    first = task.batch(1, 2)
    task.batch(0, 0)
    assert all(map(torch.equal, first, task.batch(1, 2)))
    assert sum(len(task.batch(0, i)[0]) for i in range(task.steps)) == 60
    assert task.evaluate(task.model) == {}
    assert task.sample(task.model, 1) is None


# Learning


@pytest.mark.slow
def test_it_learns_to_reverse_words_and_looks_at_the_right_letters():
    made = dict.fromkeys(reversed_words(700, longest=5))
    pairs, unseen = list(made)[:600], list(made)[600:]
    plain = {"unit": "character", "dropout": 0.0, "token_dropout": 0.0, "label_smoothing": 0.0, "validation": 0.1}
    model = Translator(hidden_size=48, embedding_size=24, epochs=15, batch_size=32, lr=1e-2, average=0.9, **plain)
    assert model.fit(pairs).score(unseen) >= 0.7
    assert model.history[-1]["accuracy"] > 0.5
    right = next(word for word, back in unseen if len(word) == 5 and model.translate([word]) == [back])
    output, matrix, *_ = model.alignment(right)
    assert output == right[::-1]
    assert matrix.shape == (5, 5)
    assert matrix.argmax(1)[0] >= 3  # the first letter comes from the end
    assert matrix.argmax(1)[-1] <= 1


@pytest.mark.slow
def test_a_run_is_kept_stopped_and_gone_on_with(tmp_path, monkeypatch):
    monkeypatch.setattr(clock, "TICK", 0.0)  # whether to stop is asked after each step
    whole = Translator(**TINY).fit(PAIRS, out=tmp_path / "whole")
    steps = []
    watch = [lambda event: steps.append(event.get("step", 0))]
    Translator(**TINY).fit(PAIRS, out=tmp_path / "cut", listeners=watch, stop=lambda: steps[-1] >= 3)
    assert max(steps) < 8  # cut in the middle
    gone_on = Translator.resume(tmp_path / "cut", PAIRS)
    assert_close(gone_on.model.state_dict(), whole.model.state_dict(), 1e-30)
    loaded = Translator.load(tmp_path / "whole")
    texts = ["abc", "zyx", "é?"]
    assert loaded.translate(texts) == whole.translate(texts)
    assert loaded.translate(texts, beam=3) == whole.translate(texts, beam=3)
    with pytest.raises(DataError, match="was trained on other data; a run is resumed only with the same pairs"):
        Translator.resume(tmp_path / "cut", PAIRS[1:])
    with pytest.raises(RunError, match="fitted on data in memory; give the same again"):
        Translator.resume(tmp_path / "cut")
    with pytest.raises(RunError, match="in use"):
        Translator(**TINY).fit(PAIRS, out=tmp_path / "whole")
    with pytest.raises(RunError, match="holds a training run"):
        loaded.save(tmp_path / "whole")
    loaded.save(tmp_path / "saved")
    assert Translator.load(tmp_path / "saved").translate(texts) == whole.translate(texts)
    with pytest.raises(RunError, match="holds a saved model, not a run"):
        Translator.resume(tmp_path / "saved", PAIRS)
    (tmp_path / "saved/target.json").write_text("{")
    with pytest.raises(RunError, match="the vocabulary is damaged"):
        Translator.load(tmp_path / "saved")
    (tmp_path / "saved/target.json").unlink()
    with pytest.raises(RunError, match=r"target\.json is missing. Restore the file from a copy"):
        Translator.load(tmp_path / "saved")


@pytest.mark.slow
def test_words_as_tokens():
    pairs = [("the cat sleeps", "le chat dort"), ("the dog sleeps", "le chien dort")] * 4
    model = Translator(**TINY | {"epochs": 100, "lr": 2e-2, "unit": "word"}, validation=0).fit(pairs)
    assert len(model.learned.target) <= 7
    assert model.alignment("the cat sleeps").source == [" the", " cat", " sleeps"]
    assert model.translate(["the dog sleeps", "the cat sleeps"]) == ["le chien dort", "le chat dort"]
    assert set(model.alignment("the bird sings").target) <= {" le", " chat", " chien", " dort"}


def test_validation_of_ones_own_and_no_validation():
    model = Translator(**TINY).fit(PAIRS, validation_data=[("qqq", "ß")])
    assert "ß" not in model.learned.target.symbols, "what is only there to choose by is not learned from"
    assert Translator(**TINY, validation=0).fit(PAIRS).history[-1]["loss"] > 0


def test_a_picture(tmp_path):
    one = Translator(**TINY).fit(PAIRS).alignment("a b")
    if not len(one.matrix):
        one = one._replace(matrix=np.ones((1, 3), np.float32) / 3, target=["x"])
    assert one.draw(tmp_path / "a.png").read_bytes()[:4] == b"\x89PNG"


def test_weights_are_chosen_by_chrf_and_the_nearest_pair_stands_beside(tmp_path):
    model = Translator(**TINY | {"monitor": "chrf"}).fit(PAIRS, out=tmp_path / "run", validation_data=PAIRS[:9])
    best = max(model.history, key=lambda row: row["chrf"])
    assert model.history[-1]["best"] == best["chrf"]
    assert {row["nearest_chrf"] for row in model.history} == {100.0}, "what is learned is its own nearest pair"
    found = Translator.load(tmp_path / "run").evaluate(PAIRS[:9], beam=1)
    assert found["chrf"] == pytest.approx(best["chrf"])
    assert found["nearest_chrf"] == 100
    assert set(found) == {"accuracy", "chrf", "bleu", "nearest_chrf"}
    (tmp_path / "run" / "memory.json").write_text("[1]")
    with pytest.raises(RunError, match=r"memory.json is damaged: expected a list of pairs of texts"):
        Translator.load(tmp_path / "run")


def test_a_limit_that_no_pair_has_is_refused(tmp_path):
    Translator(**TINY).fit(PAIRS, out=tmp_path / "run")
    path = tmp_path / "run" / "config.json"
    content = json.loads(path.read_text())
    assert 0 < content["learned"]["limit"] < 1000
    for limit in (2**53 - 1, -1):
        content["learned"]["limit"] = limit
        path.write_text(json.dumps(content))
        with pytest.raises(
            RunError, match=f"config.json is damaged: its longest translation has {limit} tokens; expected 0 to 20,000"
        ):
            Translator.load(tmp_path / "run")


def test_without_sacrebleu_another_measure_chooses(monkeypatch):
    monkeypatch.setattr(scores.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"monitor='chrf' needs sacrebleu, which is missing. Install it: pip install"):
        Translator().fit(PAIRS)
    model = Translator(**TINY).fit(PAIRS)
    assert set(model.evaluate(PAIRS[:5])) == {"accuracy"}


def test_scores_are_of_what_is_seen():
    assert scores.scores(["e\u0301te\u0301"], ["\u00e9t\u00e9"])["chrf"] == 100
    assert scores.measures(["e\u0301"], ["\u00e9"])["accuracy"] == 1


def test_the_nearest_pair_is_that_of_the_most_common_pieces():
    pairs = [("delete the file", "1"), ("open the window", "2"), ("deletes", "3")]
    near = Neighbours(pairs)
    assert [near.of(text)[1] for text in ("Delete files", "windows", "qq", "deletes")] == ["1", "2", "1", "3"]


def test_byte_pairs_are_the_default_and_have_a_size():
    pairs = [(f"open file {k}", f"Datei {k} öffnen") for k in range(60)]
    model = Translator(hidden_size=8, embedding_size=4, epochs=1).fit(pairs)
    assert model.learned.source.unit == model.learned.target.unit == "bpe"
    assert " file" in model.alignment("open file 3").source
    small = Translator(hidden_size=8, embedding_size=4, epochs=1, vocabulary_size=260).fit(pairs)
    assert len(small.learned.source) <= 260 < len(model.learned.source)
    assert model.translate(["日本", "open"])[0] != "", "bytes that no text has are read as one blank"
    assert model.learned.read("日本").max() == len(model.learned.source)
    with pytest.raises(ConfigError, match="`vocabulary_size` is 200; expected 258 or more byte pairs"):
        Translator(vocabulary_size=200)


def test_rare_words_teach_what_is_unknown():
    pairs = [("the cat", "le chat")] * 9 + [("the lynx", "le lynx")]
    model = Translator(**TINY | {"unit": "word"}).fit(pairs, validation_data=pairs[:1])
    assert " lynx" not in model.learned.source.symbols
    assert model.learned.source.unk in model.learned.read("the lynx")
    assert "<unk>" not in "".join(model.translate(["the lynx", "a dog"]))


def test_what_is_cut_is_reported(monkeypatch):
    model = Translator(**TINY).fit(PAIRS)
    monkeypatch.setattr(translator, "search", lambda *_, **__: [[1] * model.learned.limit, [1]])
    with pytest.warns(
        UserWarning, match=r"1 of 2 translations are cut, the first of 'abc': at most 8 tokens are written"
    ):
        model.translate(["abc", "a"])


# What is made in code


def test_dates_are_right_and_reproducible():
    pairs = dates(300, seed=5)
    assert pairs == dates(300, seed=5)
    assert pairs != dates(300, seed=6)
    for text, iso in pairs:
        day = datetime.date.fromisoformat(iso)
        assert text in spellings_of(day)
        assert 1950 <= day.year <= 2049
    forms = spellings_of(datetime.date(1987, 6, 3))
    assert len(set(forms)) == 15
    assert {"the 3rd of June, 1987", "6/3/87", "03.06.1987", "Wednesday, 3 June 1987"} <= set(forms)
    assert "the 11th of May, 2001" in spellings_of(datetime.date(2001, 5, 11))
    assert "the 22nd of May, 2001" in spellings_of(datetime.date(2001, 5, 22))
    assert all(a == b[::-1] and 2 <= len(a) <= 4 for a, b in PAIRS)


# Bad input


@pytest.mark.parametrize(
    ("pairs", "error", "words"),
    [
        ([], DataError, "`pairs` is empty"),
        ("abc", DtypeError, "`pairs` is str; expected a list of pairs"),
        (["ab"], DtypeError, r"`pairs\[0\]` is 'ab'; expected a pair"),
        ([("a", "b"), ("a", "b", "c")], DtypeError, r"`pairs\[1\]` is \('a', 'b', 'c'\)"),
        ([("a", float("nan"))], DtypeError, r"`pairs\[0\]\[1\]` is nan; expected a text"),
        ([("a", " ")], DataError, r"`pairs\[0\]\[1\]` is an empty text; leave it out"),
    ],
)
def test_pairs_that_cannot_be(pairs, error, words):
    with pytest.raises(error, match=words):
        Translator(**TINY).fit(pairs)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"hiden_size": 8}, "`hiden_size` is not a setting; did you mean `hidden_size`"),
        ({"hidden_size": 7}, "`hidden_size` is 7; expected an even number"),
        ({"heads": 2}, "`heads` has no effect with attention='general'"),
        ({"validation": 1.5}, "`validation` is 1.5; expected a fraction"),
        ({"attention": "dots"}, "`attention` is 'dots'; did you mean `dot`"),
    ],
)
def test_settings_that_cannot_be(values, words):
    with pytest.raises(ConfigError, match=words):
        Translator(**values)


def test_calls_that_cannot_be():
    model = Translator(**TINY)
    with pytest.raises(NotFittedError, match=r"is not fitted yet; call fit\(pairs\), or load a run"):
        model.translate(["a"])
    model.fit(PAIRS)
    with pytest.raises(DtypeError, match=r"`texts` is str; expected a list of texts: \[texts\]"):
        model.translate("abc")
    with pytest.raises(DataError, match=r"`texts\[1\]` is an empty text"):
        model.translate(["a", ""])
    with pytest.raises(ConfigError, match="`beam` is 0; expected a number of candidates from 1 to 64"):
        model.translate(["a"], beam=0)
    assert model.translate([]) == []


# Files and the command


def put(folder, name, content):
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder / name


def test_files(tmp_path):
    path = put(tmp_path, "a.tsv", "\ufeff3 May\t05-03 \r\n\n4 May\t05-04\n")
    assert read_pairs(path) == [("3 May", "05-03"), ("4 May", "05-04")]
    assert read_pairs([path], swap=True)[0] == ("05-03", "3 May")


def test_a_line_ends_at_a_line_break_alone(tmp_path):
    path = put(tmp_path, "a.tsv", "3\u2028May\t05\x8503\r\n4\x0cMay\t05-04")
    assert read_pairs(path) == [("3\u2028May", "05\x8503"), ("4\x0cMay", "05-04")]


def test_pairs_of_a_table_have_a_first_row_of_names(tmp_path):
    content = 'English;German\r\n"Hello; you";Hallo du\r\n;\r\nGood day;Guten Tag\r\n'
    for encoding in ("utf-8", "utf-16"):
        path = put(tmp_path, "a.csv", content.encode(encoding))
        assert read_pairs(path) == [("Hello; you", "Hallo du"), ("Good day", "Guten Tag")]
        assert read_pairs(path, swap=True)[0] == ("Hallo du", "Hello; you")
    with pytest.raises(DataError, match=r"b.csv, line 2: 3 columns; expected two, a text and its translation$"):
        read_pairs(put(tmp_path, "b.csv", "a,b,c\nx,y,z\n"))
    assert read_pairs(put(tmp_path, "c.tsv", "ja\tyes\n".encode("utf-16"))) == [("ja", "yes")]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("a\tb\n\nabc\n", "a.tsv, line 3: 1 column; expected two, a text and its translation with a tab between"),
        ("a\tb\tc\n", "a.tsv, line 1: 3 columns; expected two"),
        ("a\tb\n \tc\n", "a.tsv, line 2: one of the two columns is empty; fill it, or drop the line"),
        (b"a\tb\n\xff\t\n", "a.tsv, line 2: this is not UTF-8"),
    ],
)
def test_files_that_cannot_be(tmp_path, content, words):
    with pytest.raises(DataError, match=words):
        read_pairs(put(tmp_path, "a.tsv", content))
    with pytest.raises(DataError, match=r"there is no file .*none\.tsv"):
        read_pairs(tmp_path / "none.tsv")


@pytest.fixture
def recurra(tmp_path, capsys, monkeypatch):
    """recurra("translate", "pairs.tsv") in an empty folder with pairs.tsv → what it prints; `.err` has the rest."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RECURRA_DEBUG", raising=False)
    put(tmp_path, "pairs.tsv", "".join(f"{a}\t{b}\n" for a, b in PAIRS))

    def run(*arguments, fails=0):
        try:
            code = translate.command.main([str(a) for a in arguments], "recurra translate", standalone_mode=False)
        except Exception as error:
            code, message = frame.explain(error)
            click.echo(message, err=True)
        out, run.err = capsys.readouterr()
        assert (code or 0) == fails, run.err
        return out

    return run


TINY_FLAGS = ["--hidden-size", "12", "--embedding-size", "8", "--epochs", "2", "--average", "0", "-q"]
TINY_FLAGS += ["--unit", "character", "--monitor", "validation"]


@pytest.mark.slow
def test_the_command(recurra, tmp_path, monkeypatch):
    assert recurra("pairs.tsv", *TINY_FLAGS) == "runs/pairs-1\n"
    assert recurra("--resume", "pairs-1", "-q") == "runs/pairs-1\n"
    assert recurra("pairs.tsv", *TINY_FLAGS, "--swap", "--out", "other") == "other\n"
    out = recurra("abc", "xyz", "--model", "pairs-1")
    assert out.count("\n") == 2
    assert recurra("pairs.tsv", "--model", "pairs-1", "--to", "found.txt") == ""
    numbers = r"chrF \d+\.\d \(the nearest learned pairs: \d+\.\d\), BLEU \d+\.\d; \d+\.\d\d% of 60 are exactly right\n"
    assert re.fullmatch(numbers, recurra.err)
    assert len((tmp_path / "found.txt").read_text().split("\n")) == 61
    rows = json.loads(recurra("abc", "--model", "pairs-1", "--json", "--beam", "2", "--draw", "a.png"))
    assert set(rows[0]) == {"text", "output", "matrix", "target", "source"}
    assert rows[0]["source"] == ["a", "b", "c"]
    assert all(len(str(share)) <= 6 for row in rows[0]["matrix"] for share in row), "four digits behind the point"
    assert (tmp_path / "a.png").read_bytes()[:4] == b"\x89PNG"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"abc\nxyz\n")))
    assert recurra("-", "--model", "pairs-1") == out
    one, two = out.splitlines()
    put(tmp_path, "lines.txt", "\nabc\n \nxyz\n")
    assert recurra("lines.txt", "--model", "pairs-1") == f"\n{one}\n\n{two}\n"
    rows = json.loads(recurra("lines.txt", "--model", "pairs-1", "--json"))
    assert [row["output"] for row in rows] == ["", one, "", two]
    assert set(rows[0]) == set(rows[1])
    put(tmp_path, "some.tsv", f"abc\t{one}\n\nxyz\tno\n")
    assert recurra("some.tsv", "--model", "pairs-1") == f"{one}\n\n{two}\n"
    assert recurra.err.endswith("; 50.00% of 2 are exactly right\n")
    # A date is a text, though it looks like a path; so is what no file's name could hold.
    assert recurra("5/3/87", "ab" * 300, "--model", "pairs-1").count("\n") == 2
    put(tmp_path, "blank.txt", "\n\n")
    for text, code, words in [
        ("missing.txt", 1, "there is no file missing.txt; if it is a text, give it through a pipe"),
        ("runs/none", 1, "there is no file runs/none;"),
        ("", 2, "a text is empty; give a text, a file, or - for standard input"),
        ("blank.txt", 1, "there is no text to translate in blank.txt"),
    ]:
        recurra(text, "--model", "pairs-1", fails=code)
        assert words in recurra.err
        assert recurra.err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["none.tsv"], 1, "there is no file none.tsv"),
        (["abc", "--model", "none"], 1, "there is no run 'none'"),
        (["abc", "--draw", "a.png"], 2, "without --model, DATA is learned from; drop --draw"),
        (["pairs.tsv", "--beam", "4"], 2, "without --model, DATA is learned from; drop --beam"),
        (["abc", "--model", "none", "--draw", "a.bmp"], 2, "a.bmp ends in '.bmp'; expected .png, .svg or .pdf"),
        (
            ["abc", "--model", "none", "--draw", "no/a.png"],
            2,
            "no/a.png cannot be written: there is no folder no; make it",
        ),
        (["pairs.tsv", "--hidden-size", "7"], 2, "--hidden-size"),
        (["pairs.tsv", "--heads", "2"], 2, "--heads has no effect with --attention general"),
        ([], 2, "DATA is missing"),
    ],
)
def test_uses_that_cannot_be(recurra, arguments, code, words):
    recurra(*arguments, fails=code)
    assert words in recurra.err


def test_pairs_from_a_pipe_have_a_name_and_are_asked_for_again(recurra, tmp_path, monkeypatch):
    def pipe(pairs):
        content = "".join(f"{a}\t{b}\n" for a, b in pairs).encode()
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))

    pipe(PAIRS)
    assert recurra("-", *TINY_FLAGS) == "runs/text-1\n"
    pipe(PAIRS)
    assert recurra("--resume", "text-1", "-q") == "runs/text-1\n"
    pipe(PAIRS[1:])
    recurra("--resume", "text-1", "-q", fails=1)
    assert "was trained on other data" in recurra.err


def test_the_best_weights_are_chosen_by_a_file_of_pairs(recurra, tmp_path):
    put(tmp_path, "dev.tsv", "ab\tba\nabc\tcba\n")
    assert recurra("pairs.tsv", *TINY_FLAGS, "--validation-data", "dev.tsv") == "runs/pairs-1\n"
    kept = json.loads((tmp_path / "runs/pairs-1/config.json").read_text())["sources"]
    assert kept == {"paths": ["../../pairs.tsv"], "validation": ["../../dev.tsv"], "swap": False}
    assert recurra("--resume", "pairs-1", "-q") == "runs/pairs-1\n"
    (tmp_path / "pairs.tsv").rename(tmp_path / "moved.tsv")
    assert recurra("--resume", "pairs-1", "-q", "--data", "moved.tsv") == "runs/pairs-1\n"
    put(tmp_path, "dev.tsv", "ab\tbb\n")
    recurra("--resume", "pairs-1", "-q", "--data", "moved.tsv", fails=1)
    assert "was trained on other data" in recurra.err


def test_one_path_is_one_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    put(tmp_path, "pairs.tsv", "".join(f"{a}\t{b}\n" for a, b in PAIRS))
    model = Translator.from_files("pairs.tsv", hidden_size=4, embedding_size=4, epochs=1, quiet=True)
    assert str(model.folder) == "runs/pairs-1"
    Translator.resume(model.folder)


def test_an_empty_file(recurra, tmp_path):
    put(tmp_path, "empty.tsv", "\n")
    recurra("empty.tsv", fails=1)
    assert "empty.tsv is empty; expected a text, a tab and its translation on each line" in recurra.err


def test_the_report_shows_pairs_and_a_command_that_can_be_pasted():
    report = Translator(**TINY).fit(PAIRS).report()
    assert len(report.examples) in range(1, 7)
    assert all(line.startswith(("right: ", "wrong: ")) and " → " in line for line in report.examples)
    text = shlex.split(report.next)
    assert text[:2] == ["recurra", "translate"]
    assert text[2] in dict(PAIRS), "a text of the pairs"
    assert Translator(**TINY | {"validation": 0}).fit(PAIRS).report().lines() == [
        "nothing was held out, so that there is no score"
    ]


def test_bleu_of_short_texts_counts_as_many_words_as_they_have():
    import sacrebleu

    wanted = ["red house two", "b"]
    assert scores.scores(wanted, wanted)["bleu"] == pytest.approx(100)
    assert 50 < scores.scores(["red house two", "a"], wanted)["bleu"] < 100
    found, wanted = ["a b c d e", "x"], ["a b c d f", "x"]
    assert scores.scores(found, wanted)["bleu"] == pytest.approx(sacrebleu.corpus_bleu(found, [wanted]).score)
