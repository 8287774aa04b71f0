"""Labels in every form, tables of them, and those that are refused."""

import numpy as np
import pytest
from helpers.video_clips import NOISE

from recurra.errors import DataError, RecurraError
from recurra.tasks.video import VideoClassifier, read_labels, write_frames


@pytest.mark.parametrize(
    ("clips", "labels", "words"),
    [
        (NOISE, [0] * 12, "`label` is 0 for every clip; expected at least two classes"),
        (NOISE, [0, 1], "`clips` has 12 clips, but there are 2 labels"),
        (NOISE, [(0, 1)] * 11 + [(0,)], "clip 11 has 1 labels, but the first has 2"),
        (NOISE, [0.0, np.nan] * 6, "the label of clip 1 is missing"),
        (NOISE, 7, "`labels` is 7; expected a label, or a row of labels, for each clip"),
        (
            NOISE,
            {"a": [0, 1] * 6, "b": [0]},
            "the columns of `labels` have {'a': 12, 'b': 1} labels; expected one for each clip",
        ),
        (
            NOISE,
            np.arange(12).astype("datetime64[D]"),
            "the label of clip 0 is datetime.date(1970, 1, 1); expected a text",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_labels_that_cannot_be_used(clips, labels, words):
    with pytest.raises(RecurraError) as caught:
        VideoClassifier().fit(clips, labels)
    assert words in str(caught.value)


@pytest.fixture
def clips(tmp_path, monkeypatch):
    """Two clips of one name."""
    monkeypatch.chdir(tmp_path)
    for folder in ("clips", "more"):
        (tmp_path / folder).mkdir()
        write_frames(f"{folder}/0.npy", NOISE[0])
    return tmp_path


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("clip,kind\n0.npy,\n", "labels.csv, line 2: 0.npy has nothing under 'kind'; fill it in"),
        ("clip,kind\n0.npy,a\n0.npy,b\n", "labels.csv has two rows for 0.npy, in lines 2 and 3, that differ"),
        ("clip,kind\n0.npy,a,b\n", "labels.csv, line 2: 3 cells; expected 2, as in the first row"),
        ("clip,kind\n,a\n", "labels.csv, line 2: the row names no clip; expected 'clip' first"),
        ("clip,kind,kind\n0.npy,a,b\n", "line 1: clip, kind, kind; expected a name of its own over each column"),
        ("clip,kind\n0,a\n", "line 2: '0' may be clips/0.npy or more/0.npy; give each a row of its own, with its path"),
        ('clip,kind\n0,"' + "a" * 140_000, "labels.csv, line 2: a quotation mark has no end"),
        ("", "labels.csv is empty; expected a first row that names the columns"),
    ],
    ids=["empty", "twice", "many", "nameless", "columns", "ambiguous", "long", "nothing"],
)
def test_labels_that_would_be_lost_or_guessed(clips, rows, words):
    (clips / "labels.csv").write_text(rows)
    with pytest.raises(DataError) as caught:
        read_labels("labels.csv", ["clips/0.npy", "more/0.npy"])
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_clips_of_one_name_have_a_row_each(clips):
    (clips / "labels.csv").write_text("clip,kind\nclips/0.npy,a\nmore/0.npy,b\nmore/0.npy,b\n")
    assert read_labels("labels.csv", ["clips/0.npy", "more"]) == {"kind": ["a", "b"]}
    assert read_labels("labels.csv", [clips / "clips", clips / "more"]) == {"kind": ["a", "b"]}, "by the end of a path"
