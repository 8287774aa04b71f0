"""`recurra tag` from end to end."""

import json

from helpers.commands import put

TINY = ["--hidden-size", "8", "--epochs", "4", "--lr", "0.02", "--average", "0", "-q"]


def test_tag_from_a_file_to_labels(alone, tmp_path):
    text = "".join(f"the D\n{noun} N\nruns V\n\n" for noun in ["cat", "dog"] * 15)
    put(tmp_path, "train.conll", text)
    assert alone("tag", "train.conll", "--crf", *TINY) == "runs/train-1\n"
    assert alone("tag", "train.conll", "--model", "train-1") == text
    assert alone.err == "100.00% of 90 labels are right\n"
    put(tmp_path, "words", "the\ndog\n")
    found = json.loads(alone("tag", "words", "--model", "train-1", "--json"))
    assert found == [{"words": ["the", "dog"], "labels": ["D", "N"]}]
    put(tmp_path, "words", "\n-DOCSTART-\n\nthe\n\n\ndog\n")
    put(tmp_path, "others", "the")
    out = alone("tag", "words", "others", "--model", "train-1")
    assert out == "\n-DOCSTART-\n\nthe D\n\n\ndog N\n\nthe D\n", "line by line as it came, and each file for itself"
    put(tmp_path, "words", "the\n\ndog cat\n")
    alone("tag", "words", "--model", "train-1", fails=1)
    assert "line 3: 2 columns; expected 1, as in the first line" in alone.err
