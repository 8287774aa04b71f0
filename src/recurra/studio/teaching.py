"""What each cell is for, in words: its title, what each gate does, and when to pick it. The equations are the cell's own."""

from typing import NamedTuple


class Lesson(NamedTuple):
    """What a learner is told of a cell."""

    title: str
    summary: str
    gates: dict[str, str]
    pick: str


_INPUT = "how much of the candidate is written into the memory"
_FORGET = "how much of the memory is kept: 1 keeps all, 0 forgets"
_CANDIDATE = "the candidate: what could be written, from -1 to 1"
_OUTPUT = "how much of the memory is shown to the layer above and to the next step"
_LSTM = {"i": _INPUT, "f": _FORGET, "g": _CANDIDATE, "o": _OUTPUT}
_RESET = "how much of the past the candidate sees"
_KEEP = "how much of the past is kept: 1 keeps all, 0 takes the candidate"

LESSONS = {
    "rnn": Lesson(
        "Elman RNN",
        "One state, made anew at each step from the input and the last state.",
        {"n": "the new state itself; nothing decides what is kept"},
        "To see what the gates of the others are good for, and where a few characters back are enough. It is the"
        " quickest a step, and its gradient fades soonest.",
    ),
    "rnn-relu": Lesson(
        "RNN with ReLU",
        "The plain cell without a ceiling: a state may grow, so that a gradient need not fade.",
        {"n": "the new state itself, nothing below 0"},
        "For experiments with long memory in a plain cell. It needs clipping and a small learning rate, or it explodes.",
    ),
    "lstm": Lesson(
        "LSTM",
        "A memory beside the state, which gates write, keep and show; gradients cross it unchanged.",
        _LSTM,
        "The safe first choice: it remembers long, and few settings can spoil it.",
    ),
    "gru": Lesson(
        "GRU",
        "One state with two gates: three quarters of an LSTM's parameters at the same width.",
        {"r": _RESET, "z": _KEEP, "n": "the candidate: the new state, before it is mixed with the old one"},
        "Where size or time is short: at equal parameters it is wider than an LSTM, and often learns as well.",
    ),
    "gru-original": Lesson(
        "GRU, first form",
        "The GRU as first published: the reset gate acts before the recurrent product.",
        {"r": _RESET, "z": _KEEP, "n": "the candidate, from a past that was reset before the product"},
        "To match models of that form. The other one is quicker, because its products need not wait for each other.",
    ),
    "peephole-lstm": Lesson(
        "Peephole LSTM",
        "An LSTM whose gates also see the memory that they guard.",
        _LSTM,
        "Where exact intervals count, such as rhythm or counting; on text it is close to the LSTM.",
    ),
    "layernorm-lstm": Lesson(
        "LSTM with layer norm",
        "An LSTM whose gates are normalised over the units, so that none saturates early.",
        _LSTM,
        "For several layers, high learning rates and small batches: it learns more a step, and a step takes longer.",
    ),
    "mingru": Lesson(
        "minGRU",
        "A GRU whose gate sees the input alone: the state is a running mean with a gate.",
        {"z": "how much of the candidate is taken: 1 takes all of it", "n": "the candidate, from the input alone"},
        "For speed on long sequences, with two layers or more: one layer alone cannot combine what it remembers.",
    ),
    "minlstm": Lesson(
        "minLSTM",
        "Two gates that see the input alone and share out the step between past and candidate.",
        {
            "f": "the past's share of the step, before the two are made to sum to one",
            "i": "the candidate's share of the step",
            "n": "the candidate, from the input alone",
        },
        "As minGRU, where keeping and writing should be learned apart.",
    ),
}


def lesson(name: str, cell) -> Lesson:
    """The lesson of a cell; for a user's own, what its class says of itself."""
    if name in LESSONS:
        return LESSONS[name]
    first = (type(cell).__doc__ or "A cell of your own.").strip().split("\n\n")[0]
    own = dict.fromkeys(cell.gate_names, "as its equations say")
    return Lesson(name, " ".join(first.split()), own, "A cell of your own: compare it with the others on your text.")
