"""Spans in labels, and their F1."""

import pytest

from recurra.errors import ShapeError
from recurra.tasks.tagging import span_f1, spans


def test_spans():
    assert spans(["B-PER", "I-PER", "O", "B-LOC", "B-LOC"]) == {("PER", 0, 2), ("LOC", 3, 4), ("LOC", 4, 5)}
    assert spans(["I-PER", "I-LOC", "O"]) == {("PER", 0, 1), ("LOC", 1, 2)}
    assert spans(["B", "I", "O", "I"]) == {("", 0, 2), ("", 3, 4)}
    assert spans(["D", "N", "V"]) == set()
    assert spans(["B-PER", "I-PER", "E-PER", "S-LOC", "O"]) == {("PER", 0, 3), ("LOC", 3, 4)}
    assert spans(["B-PER", "L-PER", "U-PER", "U-PER"]) == {("PER", 0, 2), ("PER", 2, 3), ("PER", 3, 4)}
    assert spans(["B", "M", "E", "S", "B", "E"]) == {("", 0, 3), ("", 3, 4), ("", 4, 6)}
    assert spans(["S-PER", "I-PER", "E-LOC", "B-LOC"]) == {("PER", 0, 1), ("PER", 1, 2), ("LOC", 2, 3), ("LOC", 3, 4)}
    y = [["B-PER", "I-PER", "O"], ["B-LOC", "O"]]
    assert span_f1(y, y) == 1
    assert span_f1(y, [["B-PER", "O", "O"], ["B-LOC", "B-LOC"]]) == pytest.approx(2 * 1 / (2 + 3))
    assert span_f1([["O"]], [["O"]]) == 1
    with pytest.raises(ShapeError, match=r"`y\[0\]` has 1 labels and `predicted\[0\]` 2"):
        span_f1([["O"]], [["O", "O"]])
    with pytest.raises(ShapeError, match="`y` has 1 sequences and `predicted` 0"):
        span_f1([["O"]], [])
