"""Rows of unequal length: `lengths=` against torch.nn with a PackedSequence, and against the padded batch without lengths.

    python benchmarks/bench_ragged.py

Training step (forward and backward), 64 rows, 64 inputs, 128 units, one thread and all.
"""

import statistics

import torch
from pairs import header, in_turns, ratio
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

import recurra.nn

SPREADS = {"all full": 1.0, "half to full": 0.5, "1 to full": 0.0}
BATCH, INPUTS, UNITS = 64, 64, 128


def case(kind: str, time: int, least: float) -> dict[str, list[float]]:
    theirs = getattr(nn, kind)(INPUTS, UNITS)
    ours = getattr(recurra.nn, kind)(INPUTS, UNITS)
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(time, BATCH, INPUTS)
    lengths = torch.randint(max(1, int(least * time)), time + 1, (BATCH,))
    lengths[0] = time

    def packed():
        y, _ = theirs(pack_padded_sequence(x, lengths, enforce_sorted=False))
        pad_packed_sequence(y)[0].sum().backward()

    return in_turns(
        {
            "packed": packed,
            "lengths": lambda: ours(x, lengths=lengths)[0].sum().backward(),
            "padded": lambda: theirs(x)[0].sum().backward(),
        },
        runs=5,
    )


def main() -> None:
    for threads in (1, torch.get_num_threads()):
        torch.set_num_threads(threads)
        print(header())
        print(f"{'layer':6}{'steps':>6}  {'lengths':14}{'lengths=, ms':>13}{'over packed':>13}{'over padded':>13}")
        for kind in ("LSTM", "GRU", "RNN"):
            for time in (20, 200):
                for name, least in SPREADS.items():
                    seconds = case(kind, time, least)
                    packed, padded = (ratio(seconds[k], seconds["lengths"]) for k in ("packed", "padded"))
                    milliseconds = 1e3 * statistics.median(seconds["lengths"])
                    print(f"{kind:6}{time:6}  {name:14}{milliseconds:13.1f}{packed:12.2f}x{padded:12.2f}x", flush=True)


if __name__ == "__main__":
    torch.manual_seed(0)
    main()
