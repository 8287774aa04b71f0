"""Spans in labels such as B-PER I-PER O, and how many of them are found."""

from collections.abc import Iterable, Sequence

from recurra.errors import ShapeError

_ON, _ENDS = ("I", "M", "E", "L"), ("E", "L", "S", "U")
_MARKS = ("B", *_ON, *_ENDS)


def spans(labels: Iterable[str]) -> set[tuple[str, int, int]]:
    """Kind, start and end of each span: `spans(["B-PER", "I-PER", "O"])` → {("PER", 0, 2)}; the end is not in it.

    B- begins a span, I- continues one of its kind, or begins one where there is none (CoNLL-2000's reading). Where ends
    are marked too, M- is another I-, E- and L- the last of a span, S- and U- all of one. Anything else is outside.
    """
    found, kind, start = set(), None, 0
    for at, label in enumerate([*map(str, labels), "O"]):
        mark, _, name = label.partition("-")
        if kind is not None and (mark not in _ON or name != kind):
            found.add((kind, start, at))
            kind = None
        if mark in _MARKS and kind is None:
            kind, start = name, at
        if mark in _ENDS:
            found.add((kind, start, at + 1))
            kind = None
    return found


def span_f1(y: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> float:
    """The F1 of whole spans, from 0 to 1: `span_f1([["B-PER", "O"]], [["B-PER", "O"]])` → 1.0.

    A span counts as found where kind, start and end are right (Tjong Kim Sang & De Meulder 2003). Without any span on
    either side it is 1. ShapeError if the sequences are not as many, or not as long.
    """
    if len(y) != len(predicted):
        raise ShapeError(f"`y` has {len(y)} sequences and `predicted` {len(predicted)}; expected as many")
    right = asked = given = 0
    for i, (want, got) in enumerate(zip(y, predicted, strict=True)):
        if len(want) != len(got):
            raise ShapeError(f"`y[{i}]` has {len(want)} labels and `predicted[{i}]` {len(got)}; expected as many")
        want, got = spans(want), spans(got)
        right, asked, given = right + len(want & got), asked + len(want), given + len(got)
    return 2 * right / (asked + given) if asked + given else 1.0
