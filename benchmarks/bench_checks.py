"""What the checks before native code cost: a single step at batch 1 with them and without.

    python benchmarks/bench_checks.py

Sizes, strides and storages of x and of every weight are compared at each call (`backends/cpu/door.py`, `watch.py`). Here that
is taken out of one side, which is otherwise the same layer, in turns with the other; float32, one thread, no gradients. A state
is looked at while it is read, on both sides. Samples are short, so that most of them are not broken off for another process;
the median of them counts.
"""

import contextlib
import statistics
import sys
from unittest import mock

import torch
from pairs import header, paired, ratio
from report import Report, arguments

from recurra.backends.cpu import door
from recurra.nn import LSTM

CALLS = 20  # a sample


def _whole(tensor) -> bool:
    return True


@contextlib.contextmanager
def unchecked(layer: LSTM):
    """The layer's next calls without its checks."""
    (record,) = layer._fast.free
    record.calls[0].call.watch = None
    with mock.patch.object(door, "is_whole", _whole):
        yield
    record.calls[0].call.watch = record.watch.address


def case(units: int, with_state: bool, seconds: float) -> tuple[dict[str, list[float]], float]:
    """Seconds of `CALLS` calls each way, and the percentage that the checks take."""
    torch.manual_seed(0)
    layer, x = LSTM(units, units, backend="cpu"), torch.randn(1, 1, units)
    state = (torch.zeros(1, 1, units), torch.zeros(1, 1, units)) if with_state else None

    def run() -> None:
        for _ in range(CALLS):
            layer(x, state)

    def run_unchecked() -> None:
        with unchecked(layer):
            run()

    def empty() -> None:  # what `unchecked` costs by itself
        with unchecked(layer):
            pass

    run()
    times = paired({"checked": run, "unchecked": run_unchecked, "empty": empty}, seconds, most=2000, sample=1e-9)
    bare = [a - b for a, b in zip(times["unchecked"], times["empty"], strict=True)]
    return times | {"unchecked": bare}, 100 * (1 - 1 / ratio(times["checked"], bare))


def main() -> int:
    options = arguments(__doc__, seconds=4.0).parse_args()
    torch.set_num_threads(1)
    report = Report(__doc__, options)
    report.say(header())
    report.table("units", "state  ", "checked, us", "without, us", "checks, %")
    most = 0.0
    with torch.no_grad():
        for units in (16, 128):
            for with_state in (False, True):
                times, percent = case(units, with_state, options.seconds)
                mean = [1e6 * statistics.median(times[way]) / CALLS for way in ("checked", "unchecked")]
                report.row(units, "yes" if with_state else "zeros", *mean, percent)
                most = max(most, percent)
    report.target("at most 1 % of a call", most <= 1.0)
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
