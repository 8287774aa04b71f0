"""One recurrent layer beside a peer's: the sizes, the work in them, the two ways to run one, and the table of the ratios."""

from collections import defaultdict

import torch
from pairs import geometric_mean, milliseconds, ratio
from report import Report
from torch import Tensor, nn

import recurra.nn

TIME = 100
SIZES = [(batch, hidden) for batch in (1, 16, 64, 256) for hidden in (32, 128, 256, 512)]
QUICK = [(1, 32), (16, 128)]
GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
OURS = "recurra"


def operations(
    kind: str, batch: int, hidden: int, training: bool, inputs: int | None = None, time: int = TIME
) -> float:
    """Operations in the matrix products, a multiply-add as two; backward takes each product's two gradients."""
    inputs = hidden if inputs is None else inputs
    return (3 if training else 1) * 2.0 * time * batch * GATES[kind] * hidden * (inputs + hidden)


def pair(kind: str, inputs: int, hidden: int, **options) -> tuple[nn.Module, nn.Module]:
    """torch.nn's layer and ours, with the same weights."""
    theirs = getattr(nn, kind)(inputs, hidden, **options)
    ours = getattr(recurra.nn, kind)(inputs, hidden, **options)
    ours.load_state_dict(theirs.state_dict())
    return theirs, ours


def forward(layer: nn.Module, x: Tensor) -> Tensor:
    """Inference: nothing is kept for a gradient."""
    with torch.no_grad():
        return layer(x)[0]


def train(layer: nn.Module, x: Tensor, dy: Tensor) -> list[Tensor]:
    """Forward and backward: the gradients of x, as for a layer above another, and of every weight.

    The gradient of y is a dense one, as the layer above would send; that of y.sum() is a single number, stretched.
    """
    y, _ = layer(x)
    return [y, *torch.autograd.grad(y, [x, *layer.parameters()], dy)]


def check(got: list[Tensor], want: list[Tensor], limit: float = 2e-3) -> None:
    """A speed counts only beside the right numbers: the largest error of each tensor, relative to its largest value."""
    for place, (a, b) in enumerate(zip(got, want, strict=True)):
        error = (a.float() - b.float()).abs().max() / b.float().abs().max()
        if not error <= limit:  # also where it is NaN
            raise SystemExit(
                f"results differ: tensor {place} of {len(want)} is off by {error:.1e} of its largest value"
            )


class Comparison:
    """A table of our layers beside one peer's, with the geometric mean and the worst case of each group."""

    def __init__(self, report: Report, peer: str, ours: str = OURS):
        self.report, self.peer, self.ours = report, peer, ours
        self.groups: dict[tuple, dict[tuple, float]] = defaultdict(dict)
        report.table(
            "layer", "mode", "threads", "batch", "hidden", f"{peer} ms", "GFLOP/s", f"{ours} ms", "GFLOP/s", "ratio"
        )

    def add(self, kind: str, mode: str, threads: int, size: tuple[int, int], seconds: dict[str, list[float]]) -> None:
        """One measured case; `seconds` has the peer's and ours."""
        work = operations(kind, *size, training=mode == "training")
        times = [milliseconds(seconds[name]) for name in (self.peer, self.ours)]
        speed = [f"{work / time / 1e6:.1f}" for time in times]
        times = [f"{time:.2f}" for time in times]
        faster = ratio(seconds[self.peer], seconds[self.ours])
        self.groups[kind, mode, threads][size] = faster
        self.report.row(kind, mode, threads, *size, times[0], speed[0], times[1], speed[1], f"{faster:.2f}")

    def summary(self, targets: dict[tuple[str, str], tuple[float, float]]) -> None:
        """For each layer, mode and number of threads the mean and the worst, held against (least mean, least of all)."""
        self.report.table("layer", "mode", "threads", "mean ratio", "worst", "batch", "hidden", "best")
        for (kind, mode, threads), ratios in self.groups.items():
            mean, where = geometric_mean(ratios.values()), min(ratios, key=ratios.get)
            worst, best = ratios[where], max(ratios.values())
            self.report.row(kind, mode, threads, f"{mean:.2f}", f"{worst:.2f}", *where, f"{best:.2f}")
            if (kind, mode) not in targets:
                continue
            least_mean, least = targets[kind, mode]
            head = f"{kind} {mode}, {threads} threads, against {self.peer}"
            if least_mean > least:
                self.report.target(f"{head}: mean {mean:.2f}, wanted {least_mean}", mean >= least_mean)
            at = f"at batch {where[0]}, hidden {where[1]}"
            self.report.target(f"{head}: worst {worst:.2f} {at}, wanted {least}", worst >= least)
