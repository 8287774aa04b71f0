"""What a learner reads about a cell, in words; the equations are the cell's own."""

from typing import NamedTuple


class Lesson(NamedTuple):
    """A cell in the studio: what it is called there, what it is, what each gate does, and when to pick it."""

    title: str
    summary: str
    gates: dict[str, str]
    """For each of the cell's gates, in their order, what it does."""
    pick: str


LSTM_GATES = {
    "i": "how much of the candidate is written into the memory",
    "f": "how much of the memory is kept: 1 keeps all, 0 forgets",
    "g": "the candidate: what could be written, from -1 to 1",
    "o": "how much of the memory is shown to the layer above and to the next step",
}
GRU_GATES = {
    "r": "how much of the past the candidate sees",
    "z": "how much of the past is kept: 1 keeps all, 0 takes the candidate",
    "n": "the candidate: the new state, before it is mixed with the old one",
}
