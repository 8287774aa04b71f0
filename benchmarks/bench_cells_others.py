"""Cells of the literature: the same numbers as packages that others wrote, and how many times as fast as a loop in PyTorch.

    python benchmarks/bench_cells_others.py --install     first fetches torchrecurrent, ncps and xlstm with pip
    python benchmarks/bench_cells_others.py               about a minute; what is not installed is left out

Numbers: outputs, and gradients of the input and of every weight, in float64 with our weights copied in, the largest difference
as a fraction of the largest value. Where a package departs from the paper, the row says in which equation. Time: training steps
in float32 beside a lean loop, which multiplies the inputs of all steps at once and computes only what the cell needs.
"""

import subprocess
import sys

import torch
from pairs import geometric_mean, header, installed, milliseconds, paired, ratio
from report import Report, arguments
from torch import Tensor
from torch.func import functional_call
from torch.nn import functional as F

from recurra import cells
from recurra.expr import sigmoid, tanh
from recurra.nn import Recurrent

PACKAGES = {
    "torchrecurrent": [],
    "ncps": [],
    "xlstm": ["--no-deps"],
}  # of xlstm one file without its dependencies is read
LIMIT = 1e-12
TIME, BATCH, HIDDEN = 100, 32, 128  # what is timed
INPUTS, UNITS = 5, 7  # what is compared


class OldLEM(cells.LEM):
    """LEM as torchrecurrent has it: the output moves to what the inner state was before the step."""

    def step(self, x, h, s):
        a, b = sigmoid(x.a + h.a), sigmoid(x.b + h.b)
        z = (1 - a) * s.z + a * tanh(x.n + h.n)
        return s.next(h=(1 - b) * s.h + b * tanh(x.m + h.of(s.z).m), z=z)


def stepwise(module, names: dict, carried: int):
    """A cell of torchrecurrent over all steps. names: its parameter → a function of ours by name; carried: its states."""

    def run(x: Tensor, w: dict) -> Tensor:
        weights = {name: make(w) for name, make in names.items()}
        state = x.new_zeros(x.shape[1], UNITS)
        state, ys = (state,) * carried if carried > 1 else state, []
        for step in x:
            state = functional_call(module, weights, (step, state), strict=False)
            ys.append(state[0] if carried > 1 else state)
        return torch.stack(ys)

    return run


SAME = {name: lambda w, name=name: w[name] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")}


def rows(name: str, *blocks: int):
    """The blocks of one of our weights, in another order or a part of them."""
    return lambda w: torch.cat([w[name].split(UNITS)[k] for k in blocks])


def torchrecurrent_peers() -> dict:
    """Ours → (cell of ours, run of theirs, departure from the paper)."""
    import torchrecurrent as peers

    size = (INPUTS, UNITS)
    second = {"weight_ch": rows("weight_hh", 1), "bias_ch": rows("bias_hh", 1)}
    first = {"weight_hh": rows("weight_hh", 0), "bias_hh": rows("bias_hh", 0)}
    only_x = {"weight_ih": SAME["weight_ih"], "bias_ih": SAME["bias_ih"]}
    lem = {
        "weight_ih": rows("weight_ih", 1, 0, 2, 3),
        "bias_ih": rows("bias_ih", 1, 0, 2, 3),
        "weight_hh": rows("weight_hh", 1, 0, 2),
        "bias_hh": rows("bias_hh", 1, 0, 2),
        "weight_ch": rows("weight_hh", 3),
        "bias_ch": rows("bias_hh", 3),
    }
    own = {"vector_u": lambda w: w["u"], "bias_hh": lambda w: torch.zeros(UNITS, dtype=torch.float64)}
    swing = cells.CoRNN(0.1, 1.0, 1.0)
    departs = "y' from tanh(W z + ...) with the old z; the paper's equation 3 has the new one"
    return {
        "janet": (cells.JANET(), stepwise(peers.JANETCell(*size).double(), SAME, 2), ""),
        "mgu": (cells.MGU(), stepwise(peers.MGUCell(*size).double(), SAME, 1), ""),
        "indrnn": (
            cells.IndRNN(),
            stepwise(peers.IndRNNCell(*size, nonlinearity="relu").double(), only_x | own, 1),
            "",
        ),
        "cornn": (swing, stepwise(peers.coRNNCell(*size).double(), only_x | first | second, 2), ""),
        "lem": (cells.LEM(), stepwise(peers.LEMCell(*size).double(), lem, 2), departs),
        "lem, old z": (
            OldLEM(),
            stepwise(peers.LEMCell(*size).double(), lem, 2),
            "as theirs, to show that this is all",
        ),
    }


def ncps_peers() -> dict:
    from ncps.torch.cfc_cell import CfCCell

    module = CfCCell(INPUTS, UNITS, backbone_layers=0).double()
    gaps = torch.linspace(0.2, 2.0, 9, dtype=torch.float64)[:, None].expand(9, 4)

    def run(x: Tensor, w: dict) -> Tensor:
        h, ys, weights = x.new_zeros(x.shape[1], UNITS), [], {}
        for k, name in enumerate(("ff1", "ff2", "time_a", "time_b")):
            weights[f"{name}.weight"] = torch.cat([rows("weight_ih", k)(w), rows("weight_hh", k)(w)], 1)
            weights[f"{name}.bias"] = rows("bias_ih", k)(w) + rows("bias_hh", k)(w)
        for step, gap in zip(x, gaps, strict=True):
            h, _ = functional_call(module, weights, (step, h, gap[:, None]))
            ys.append(h)
        return torch.stack(ys)

    departs = "none in numbers; time's sign is + in its code and - in the paper, which W_a takes up"
    return {"CfC": (cells.CfC(), run, departs, {"dt": gaps})}


def xlstm_peers() -> dict:
    """The file of the reference that holds one step, without the package around it, which wants a GPU's kernels."""
    import importlib.util
    from pathlib import Path

    (root,) = importlib.util.find_spec("xlstm").submodule_search_locations
    spec = importlib.util.spec_from_file_location("slstm", Path(root, "blocks/slstm/src/vanilla/slstm.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def run(x: Tensor, w: dict) -> Tensor:
        states, ys = x.new_zeros(4, x.shape[1], UNITS), []
        for step in x:
            a, b = F.linear(step, w["weight_ih"]), F.linear(states[0], w["weight_hh"])
            states, _ = module.slstm_forward_pointwise(a, b, w["bias_ih"] + w["bias_hh"], states, {})
            ys.append(states[0])
        return torch.stack(ys)

    return {"slstm": (cells.SLSTM(), run, "")}


PEERS = {"torchrecurrent": torchrecurrent_peers, "ncps": ncps_peers, "xlstm": xlstm_peers}


def difference(cell, theirs, call: dict) -> tuple[float, float]:
    """The largest difference of outputs, and of gradients, each as a fraction of the largest value of its tensor."""
    torch.manual_seed(0)
    layer = Recurrent(cell, INPUTS, UNITS, dtype=torch.float64)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.normal_(0, 0.5)
    x = torch.randn(9, 4, INPUTS, dtype=torch.float64, requires_grad=True)
    dy = torch.randn(9, 4, UNITS, dtype=torch.float64)
    named = {name.removesuffix("_l0"): p for name, p in layer.named_parameters()}
    found = []
    for y in (layer(x, **call)[0], theirs(x, named)):
        found.append([y, *torch.autograd.grad((y * dy).sum(), [x, *named.values()])])
    apart = [((a - b).abs().max() / b.abs().max()).item() for a, b in zip(*found, strict=True)]
    return apart[0], max(apart[1:])


def loop(layer: Recurrent, step):
    """A lean loop: `step(x, s, U, w)` gets a step's W_x x, the states, a product with rows of W_h, the vectors, perhaps dt."""
    known, w = cells.facts(layer.cell), {name.removesuffix("_l0"): p for name, p in layer.named_parameters()}

    def run(x: Tensor, dt: Tensor | None = None):
        a, s, ys = F.linear(x, w["weight_ih"], w["bias_ih"]), [x.new_zeros(x.shape[1], layer.hidden_size)], []
        s = s * len(layer.cell.state_names)

        def product(v: Tensor, first: int = 0, last: int = len(known.h_gates)) -> Tensor:
            rows = slice(first * layer.hidden_size, last * layer.hidden_size)
            return F.linear(v, w["weight_hh"][rows], w["bias_hh"][rows])

        for t, now in enumerate(a):
            s = step(now, s, product, w, *([] if dt is None else [dt[t, :, None]]))
            ys.append(s[0])
        return torch.stack(ys), s

    return run


def coupled(x, s, U, w):
    f, g, o = (x + U(s[0])).chunk(3, -1)
    c = torch.lerp(g.tanh(), s[1], f.sigmoid())
    return o.sigmoid() * c.tanh(), c


def janet(x, s, U, w):
    a, n = (x + U(s[0])).chunk(2, -1)
    return (a.sigmoid() * s[0] + (1 - (a - 1).sigmoid()) * n.tanh(),)


def mgu(x, s, U, w):
    x_f, x_n = x.chunk(2, -1)
    f = (x_f + U(s[0], 0, 1)).sigmoid()
    return (torch.lerp(s[0], (x_n + U(f * s[0], 1, 2)).tanh(), f),)


def sru(x, s, U, w):
    f, n, r, k = x.chunk(4, -1)
    f, r = (f + w["peephole_f"] * s[1]).sigmoid(), (r + w["peephole_r"] * s[1]).sigmoid()
    c = torch.lerp(n, s[1], f)
    return torch.lerp(k, c, r), c


def slstm(x, s, U, w):
    h, c, n, m = s
    i, f, z, o = (x + U(h)).chunk(4, -1)
    past = F.logsigmoid(f) + m
    m = torch.maximum(past, i) if n.any() else i
    keep, write = (past - m).exp(), (i - m).exp()
    c, n = keep * c + write * z.tanh(), keep * n + write
    return o.sigmoid() * c / n, c, n, m


def rg_lru(x, s, U, w):
    r, i, n = x.chunk(3, -1)
    a = (8 * r.sigmoid() * F.logsigmoid(w["decay"])).exp()
    return (a * s[0] + (1 - a * a).sqrt() * i.sigmoid() * n,)


def hgrn(x, s, U, w):
    f, n, o = x.chunk(3, -1)
    bound = w["bound"].sigmoid()
    c = torch.lerp(F.silu(n), s[1], bound + (1 - bound) * f.sigmoid())
    return o.sigmoid() * c, c


def lem(x, s, U, w):
    x_abn, x_m = x.split([3 * s[0].shape[-1], s[0].shape[-1]], -1)
    a, b, n = (x_abn + U(s[0], 0, 3)).chunk(3, -1)
    z = torch.lerp(s[1], n.tanh(), a.sigmoid())
    return torch.lerp(s[0], (x_m + U(z, 3, 4)).tanh(), b.sigmoid()), z


def cornn(x, s, U, w):
    z = s[1] + 0.1 * ((x + U(s[0], 0, 1) + U(s[1], 1, 2)).tanh() - 0.2 * s[0] - 6.4 * s[1])
    return s[0] + 0.1 * z, z


def cfc(x, s, U, w, dt):
    f, g, a, b = (x + U(s[0])).chunk(4, -1)
    return (torch.lerp(f.tanh(), g.tanh(), (a * dt + b).sigmoid()),)


def gru_d(x, s, U, w, dt):
    k = (-(w["rate"] * dt + w["shift"]).relu()).exp() * s[0]
    x_rz, x_n = x.split([2 * k.shape[-1], k.shape[-1]], -1)
    r, z = (x_rz + U(k, 0, 2)).sigmoid().chunk(2, -1)
    return (torch.lerp(k, (x_n + U(r * k, 2, 3)).tanh(), z),)


LOOPS = {
    "coupled-lstm": coupled,
    "janet": janet,
    "mgu": mgu,
    "indrnn": lambda x, s, U, w: ((x + w["u"] * s[0]).relu(),),
    "sru": sru,
    "slstm": slstm,
    "rg-lru": rg_lru,
    "hgrn": hgrn,
    "lem": lem,
    "cornn": cornn,
    "cfc": cfc,
    "gru-d": gru_d,
}


def beside(name: str, step, seconds: float) -> dict[str, list[float]]:
    """Seconds of a training step of the layer and of the loop, which give the same outputs."""
    torch.manual_seed(0)
    layer = Recurrent(name, HIDDEN, HIDDEN)
    lean, x, dy = loop(layer, step), torch.randn(TIME, BATCH, HIDDEN), torch.randn(TIME, BATCH, HIDDEN)
    given = {word: torch.rand(TIME, BATCH) for word in layer.cell.call_names}
    torch.testing.assert_close(lean(x, **given)[0], layer(x, **given)[0], rtol=1e-3, atol=1e-4)
    weights = list(layer.parameters())

    def training(run):
        return lambda: torch.autograd.grad((run(x, **given)[0] * dy).sum(), weights)

    return paired({"loop": training(lean), "ours": training(layer)}, seconds)


def main() -> int:
    parser = arguments(__doc__, threads=1, seconds=1.0)
    parser.add_argument("--install", action="store_true", help="fetch the packages with pip first")
    options = parser.parse_args()
    if options.install:
        for name, flags in PACKAGES.items():
            subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", *flags, name], check=True)
    torch.set_num_threads(options.threads)
    report = Report(__doc__, options)
    here = [name for name in PEERS if installed(name)]
    report.say(header(*here))
    report.table(f"{'cell':>12}", f"{'beside':>16}", "outputs", "gradients", "departs from its paper")
    for package in here:
        for name, (cell, theirs, departs, *call) in PEERS[package]().items():
            outputs, gradients = difference(cell, theirs, *(call or [{}]))
            report.row(name, package, f"{outputs:.0e}", f"{gradients:.0e}", departs or "no")
            if name != "lem":
                report.target(f"{name} as in {package}: {max(outputs, gradients):.0e}", max(outputs, gradients) < LIMIT)
    for name in PEERS:
        if name not in here:
            report.say(f"left out: {name}, which is not installed (--install)")
    report.say(f"Training steps of {TIME} steps, batch {BATCH}, {HIDDEN} units, float32")
    report.table(f"{'cell':>14}", "ours ms", "loop ms", "loop / ours")
    ratios = []
    for name, step in LOOPS.items():
        seconds = beside(name, step, options.seconds)
        ratios.append(ratio(seconds["loop"], seconds["ours"]))
        report.row(name, milliseconds(seconds["ours"]), milliseconds(seconds["loop"]), ratios[-1])
    report.say(f"Geometric mean: {geometric_mean(ratios):.1f} times as fast as the loop")
    report.target(f"no cell slower than its loop: {min(ratios):.1f}", min(ratios) >= 1)
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
