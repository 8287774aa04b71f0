"""Every task in any surroundings: names that are not UTF-8, folders with links, float64 by default, forms of Unicode."""

import io
import os
import sys
import unicodedata
import warnings

import numpy as np
import polars as pl
import pytest
import torch
from helpers import distributed_child, fault_driver, pieces, sounds

import recurra
from recurra.cli import frame
from recurra.data import read_documents
from recurra.generation.config import GenerationConfig
from recurra.generation.writer import Writer
from recurra.tasks.classification import SequenceClassifier
from recurra.tasks.classification.files import read_files
from recurra.tasks.forecasting.series import columns
from recurra.tasks.music import sources
from recurra.tasks.speech import character_error_rate, sound, word_error_rate, words
from recurra.tasks.speech.manifest import read_manifest
from recurra.tasks.tagging import SequenceTagger
from recurra.tasks.video import labels as video_labels
from recurra.terminal import lossless

SETTINGS = {"hidden_size": 4, "epochs": 1}
ODD = os.fsdecode(b"caf\xe9")

# Names

DAYS = "".join(f"a,{day},{day % 7}\n" for day in range(60))
FILES = {  # command → what its file is called and holds, what else it takes to learn, and to use what was learned
    "train": (".txt", "the cat sat on the mat, and the dog sat.\n" * 60, ["--preset", "tiny"], None),
    "forecast": (
        ".csv",
        "unique_id,ds,y\n" + DAYS,
        ["--preset", "tiny", "--horizon", "3"],
        ".csv",
    ),
    "classify": (".csv", "text,label\n" + "ab,x\nba,y\n" * 20, [], ".txt"),
    "regress": (".csv", "text,target\n" + "ab,1\nba,2\n" * 20, [], ".txt"),
    "tag": (".conll", "Ada B-PER\nsaw O\n\n" * 20, [], ".conll"),
    "translate": (".tsv", "ab\tba\ncd\tdc\n" * 20, [], ".tsv"),
}


@pytest.mark.slow
@pytest.mark.parametrize("command", FILES)
def test_a_file_and_a_run_may_have_names_of_any_bytes(command, tmp_path, monkeypatch):
    printed = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(printed, "latin-1"))
    lossless(sys.stdout)
    ending, content, settings, to = FILES[command]
    monkeypatch.chdir(tmp_path)
    os.mkdir(ODD)
    data, run, out = (f"{ODD}/{name}" for name in (f"{ODD}{ending}", f"run-{ODD}", f"out-{ODD}{to}"))
    with open(data, "w", encoding="utf-8") as file:
        file.write(content)

    def done(*words):
        assert frame.run(list(words)) == 0

    done(command, data, "-o", run, "-q", "--epochs", "1", *settings)
    assert not os.path.exists("runs")
    assert printed.getvalue() == os.fsencode(run) + b"\n"
    done(command, "--resume", run, "-q")
    if to:
        done(command, data, "--model", run, "--to", out)
        assert os.path.getsize(out)
    else:
        done("generate", run, "--length", "5", "-o", f"{ODD}/out.txt")


def test_a_sound_may_have_a_name_of_any_bytes(tmp_path):
    plain = sounds.write(tmp_path / "a.wav")
    plain.rename(tmp_path / f"{ODD}.wav")
    assert sum(map(len, sound.read(tmp_path / f"{ODD}.wav")[1]))


# Folders


def put(kind, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind == "sounds":
        sounds.write(path.with_suffix(".wav"))
    if kind == "music":
        pieces.scale().save(path.with_suffix(".mid"))
    else:
        path.with_suffix(".txt").write_text("one")


FOLDERS = {
    "texts": lambda folder: [document.name for document in read_documents(folder)],
    "sounds": lambda folder: [path for path, _ in read_manifest(folder)],
    "music": lambda folder: sources.read(folder, 4).parts["train"] + sources.read(folder, 4).parts["valid"],
    "classes": lambda folder: read_files(folder)[0],
}


@pytest.mark.parametrize("kind", FOLDERS)
def test_folders_are_read_alike_by_all(kind, tmp_path):
    """Linked folders are read, once; hidden ones are not, and are counted."""
    root = tmp_path / "root"
    for place in (
        root / "a" / "one",
        root / "a" / ".git" / "two",
        root / "a" / ".three",
        tmp_path / "outside" / "four",
    ):
        put(kind, place)
    for name, to in {"more": tmp_path / "outside", "again": tmp_path / "outside", "loop": root}.items():
        (root / "a" / name).symlink_to(to)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert len(FOLDERS[kind](root)) == 2
    assert kind == "texts" or "1 hidden folder" in str(caught[0].message)


# The default dtype


@pytest.mark.slow
@pytest.mark.parametrize("name", fault_driver.TASKS)
def test_a_default_dtype_of_float64_changes_nothing(name, tmp_path):
    uses, losses = fault_driver.TASKS[name](), []
    for dtype in (torch.float32, torch.float64):
        rows = []
        torch.set_default_dtype(dtype)
        try:
            fitted = uses.train(tmp_path / str(dtype), listeners=[rows.append])
            uses.save(fitted, tmp_path / f"saved-{dtype}")
            uses.load(tmp_path / f"saved-{dtype}")
        finally:
            torch.set_default_dtype(torch.float32)
        losses.append([row["loss"] for row in rows if row["event"] == "evaluate"])
    assert losses[0] == losses[1] != []


def answer(model, data):
    """What a model of any task says, as a text; data: of its kind."""
    if hasattr(model, "generate"):
        return model.generate("the", length=20, seed=1)
    if hasattr(model, "translate"):
        return str(model.translate([text for text, _ in data[0][:3]]))
    if hasattr(model, "transcribe"):
        return model.transcribe(data[0].examples[0][0], rate=data[0].rate)
    if hasattr(model, "compose") or hasattr(model.model, "compose"):
        return getattr(model, "model", model).compose(seed=1, length=4).chords()
    found = model.predict() if model.schema.startswith("forecast") else model.predict(data[0][:3])
    return str(found)


@pytest.mark.filterwarnings("ignore::recurra.tasks.translation.translator.TranslationCut")
@pytest.mark.parametrize("name", fault_driver.TASKS)
def test_a_default_device_that_is_not_the_models_changes_nothing(name, tmp_path):
    uses = fault_driver.TASKS[name]()
    data = () if name == "language" else distributed_child.TASKS[name]()[1]
    uses.train(tmp_path / "run")
    want = answer(uses.load(tmp_path / "run"), data)
    torch.set_default_device("meta")
    try:
        found = answer(uses.load(tmp_path / "run"), data)
    finally:
        torch.set_default_device(None)
    assert found == want != ""


# Forms of Unicode

APART, ONE = "e\u0301te\u0301", "\u00e9t\u00e9"


def test_error_rates_are_of_what_is_seen():
    for rate in (word_error_rate, character_error_rate):
        assert rate([APART, "a"], [ONE, "b"]) == rate([ONE, "a"], [ONE, "b"]) == rate([ONE, "a"], [APART, "b"])


def test_transcripts_teach_one_symbol_for_a_letter():
    vocabulary = words.learn([APART, ONE], "character")
    assert vocabulary.symbols == ("t", "é")
    assert words.encode(vocabulary, APART).tolist() == words.encode(vocabulary, ONE).tolist()


def test_labels_that_look_the_same_are_one_class():
    X, y = ["a", "b"] * 20, [APART, "x", ONE, "x"] * 10
    for labels in (y, np.array(y), np.array(y, object)):
        model = SequenceClassifier(**SETTINGS).fit(X, labels, quiet=True)
        assert model.classes_.tolist() == ["x", ONE]
        assert model.score(X, y) == model.score(X, [unicodedata.normalize("NFC", one) for one in y])


def test_words_and_tags_that_look_the_same_are_one():
    X, y = [[APART], ["b"], [ONE], ["b"]] * 10, [[APART], ["x"], [ONE], ["x"]] * 10
    model = SequenceTagger(character_size=2, **SETTINGS).fit(X, y, quiet=True)
    assert model.classes_.tolist() == ["x", ONE]
    assert sorted(model.learned.characters.symbols) == ["<unk>", "b", "t", "é"]
    assert np.array_equal(model.predict_proba([[APART]])[0], model.predict_proba([[ONE]])[0])


def test_series_are_known_by_names_that_look_the_same():
    frame = pl.DataFrame({"unique_id": [APART, ONE], "ds": [0, 1], "y": [1.0, 2.0]})
    assert columns.ids(columns.open_frame(frame), ("unique_id",))[0] == [ONE]


def test_tables_name_files_in_any_form(tmp_path):
    sounds.write(tmp_path / f"{APART}.wav")
    (tmp_path / "train.csv").write_text(f"path,text\n{ONE}.wav,one\n")
    assert read_manifest(tmp_path / "train.csv") == [(tmp_path / f"{APART}.wav", "one")]
    (tmp_path / "labels.csv").write_text(f"clip,label\n{ONE},{APART}\n")
    (tmp_path / f"{APART}.gif").touch()
    assert video_labels.read_labels(tmp_path / "labels.csv", [tmp_path / f"{APART}.gif"]) == {"label": [APART]}
    assert video_labels._rows([APART]) == [(ONE,)]


def test_a_prompt_is_read_in_the_form_that_was_learned_and_that_is_reported():
    model = recurra.train(text="un été. " * 100, preset="tiny", seed=1, epochs=1, quiet=True)
    want = model.generate(ONE, length=5, seed=1)
    with pytest.warns(
        UserWarning, match=r"the prompt was composed \(Unicode NFC\): so the model was trained, and it looks"
    ):
        assert model.generate(APART, length=5, seed=1) == want
    stopped = Writer(model.vocabulary, GenerationConfig(stop=(APART,)))
    assert [stopped.push(i) for i in model.vocabulary.encode("un été").tolist()][-1] == ""
    assert stopped.finish == "stop"


def test_a_model_of_texts_as_they_stood_is_prompted_as_it_was_trained():
    text = unicodedata.normalize("NFD", "un été. " * 100)
    model = recurra.train(text=text, preset="tiny", nfc=False, seed=1, epochs=1, quiet=True)
    want = model.generate(APART, length=5, seed=1)
    with pytest.warns(UserWarning, match=r"the prompt was taken apart \(Unicode NFD\): so the model was trained"):
        assert model.generate(ONE, length=5, seed=1) == want
