"""One layer against oneDNN's primitives themselves: LSTM, linear-before-reset GRU and RNN, training step and forward.

    pip install onednn-devel-cpu-gomp           oneDNN 3.2 with OpenMP: the newest on PyPI with PyTorch's threads
    python benchmarks/bench_onednn.py           about eight minutes on two cores

PyTorch holds a newer oneDNN, but of its recurrent primitives it gives out the LSTM alone. This calls all three through
oneDNN's C++ interface, in its favour: weights in its own layouts beforehand, gradients left in them, no Python between the
passes, buffers reused. The LSTM is measured too, beside torch.nn's, to see what the older version loses. Forward on the
newest oneDNN: see bench_onnxruntime.py, through OpenVINO. Results are held against ours before anything is timed.
"""

import ctypes
import sys
from pathlib import Path

import torch
from compiled import load
from layers import GATES, OURS, QUICK, SIZES, TIME, Comparison, check, forward, pair, train
from pairs import header, paired
from report import Report, arguments
from torch import Tensor

PEER = "oneDNN"
KINDS = {"LSTM": 0, "GRU": 1, "RNN": 2}
# torch.nn's row blocks in oneDNN's order: LSTM i f g o as they are, GRU z r n.
ORDER = {"LSTM": (0, 1, 2, 3), "GRU": (1, 0, 2), "RNN": (0,)}


def library() -> ctypes.CDLL | None:
    """The primitives, or None where oneDNN's headers and library are not in this environment."""
    root = Path(sys.prefix)
    if not (root / "include/oneapi/dnnl/dnnl.hpp").exists() or not list((root / "lib").glob("libdnnl.so*")):
        return None
    found = load("onednn_layers.cpp", f"-I{root}/include", f"-L{root}/lib", "-ldnnl", f"-Wl,-rpath,{root}/lib")
    found.onednn_layer.restype = ctypes.c_void_p
    return found


class Primitive:
    """A layer on oneDNN with the weights of a torch.nn layer."""

    def __init__(self, found: ctypes.CDLL, layer: torch.nn.RNNBase, x: Tensor):
        self.found, self.kind, self.hidden = found, type(layer).__name__, layer.hidden_size
        (time, batch, inputs), hidden = x.shape, layer.hidden_size
        w_x, w_h, b_x, b_h = (self._ordered(w.detach()) for w in layer.parameters())
        b = torch.stack([*(b_x + b_h)[:-1], b_x[-1], b_h[-1]]) if self.kind == "GRU" else b_x + b_h
        self.weights = [w_x.permute(2, 0, 1).contiguous(), w_h.permute(2, 0, 1).contiguous(), b.contiguous()]
        sizes = [ctypes.c_long(size) for size in (time, batch, inputs, hidden)]
        self.handle = found.onednn_layer(KINDS[self.kind], *sizes, *map(_pointer, self.weights))
        if not self.handle:
            raise SystemExit(f"oneDNN has no {self.kind} here")
        self.handle = ctypes.c_void_p(self.handle)
        self.y, self.dx = torch.empty(time, batch, hidden), torch.empty_like(x)

    def _ordered(self, weight: Tensor) -> Tensor:
        return weight.unflatten(0, (len(ORDER[self.kind]), self.hidden))[list(ORDER[self.kind])]

    def forward(self, x: Tensor) -> Tensor:
        self.found.onednn_forward(self.handle, _pointer(x), _pointer(self.y))
        return self.y

    def train(self, x: Tensor, dy: Tensor) -> None:
        self.found.onednn_train(self.handle, *map(_pointer, (x, dy, self.y, self.dx)))

    def results(self) -> list[Tensor]:
        """What the last training step gave, laid out as torch.nn does: y, and the gradients of x, W_x, W_h."""
        got = [torch.empty_like(w) for w in self.weights[:2]]
        for k, to in enumerate(got):
            self.found.onednn_gradient(self.handle, k, _pointer(to))
        back = list(ORDER[self.kind])  # swapping two blocks is its own inverse
        return [self.y, self.dx, *(g.permute(1, 2, 0)[back].flatten(0, 1) for g in got)]

    def close(self) -> None:
        self.found.onednn_free(self.handle)


def _pointer(tensor: Tensor) -> ctypes.c_void_p:
    return ctypes.c_void_p(tensor.data_ptr())


def case(found: ctypes.CDLL, kind: str, mode: str, batch: int, hidden: int, seconds: float) -> dict[str, list[float]]:
    """Times of oneDNN, ours and, where it says something, torch.nn."""
    torch.manual_seed(0)
    theirs, ours = pair(kind, hidden, hidden)
    x = torch.randn(TIME, batch, hidden, requires_grad=True)
    dy = torch.randn(TIME, batch, hidden)
    primitive = Primitive(found, theirs, x)
    try:
        if mode == "forward":
            check([primitive.forward(x)], [forward(ours, x)])
            ways = {PEER: lambda: primitive.forward(x), OURS: lambda: forward(ours, x)}
            ways |= {"torch.nn": lambda: forward(theirs, x)} if kind == "LSTM" else {}
        else:
            primitive.train(x, dy)
            check(primitive.results(), train(ours, x, dy)[:4])
            ways = {PEER: lambda: primitive.train(x, dy), OURS: lambda: train(ours, x, dy)}
            ways |= {"torch.nn": lambda: train(theirs, x, dy)} if kind == "LSTM" else {}
        return paired(ways, seconds)
    finally:
        primitive.close()


def main() -> int:
    parser = arguments(__doc__, quick=False, seconds=1.2, threads=[2, 1])
    parser.set_defaults(seconds=0.8)
    parser.add_argument("--kinds", nargs="+", choices=list(GATES), default=list(GATES))
    parser.add_argument("--modes", nargs="+", choices=["training", "forward"], default=["training", "forward"])
    options = parser.parse_args()
    found = library()
    if found is None:
        print(
            "oneDNN is not in this environment, so there is nothing to compare with: pip install onednn-devel-cpu-gomp"
        )
        return 0
    report = Report(__doc__, options)
    report.say(header("onednn-cpu-gomp"))
    comparison, against_torch = Comparison(report, PEER), []
    for threads in options.threads:
        torch.set_num_threads(threads)
        for kind in options.kinds:
            for mode in options.modes:
                for size in QUICK if options.quick else SIZES:
                    seconds = case(found, kind, mode, *size, options.seconds)
                    comparison.add(kind, mode, threads, size, seconds)
                    if "torch.nn" in seconds:
                        against_torch.append((mode, threads, size, seconds))
    comparison.summary({(kind, mode): (1.0, 1.0) for kind in GATES for mode in ("training", "forward")})
    if against_torch:
        report.say("The same primitive in PyTorch's newer oneDNN, called through torch.nn.LSTM:")
        beside = Comparison(report, PEER, "torch.nn")
        for mode, threads, size, seconds in against_torch:
            beside.add("LSTM", mode, threads, size, seconds)
        beside.summary({})
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
