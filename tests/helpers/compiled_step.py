"""Runs a cell's generated C++ for one time step through ctypes, and the same step by torch's autograd, to compare."""

import ctypes
import functools
import hashlib
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import SimpleNamespace

import torch
import torch.nn.functional as F
from helpers.support import as_after_a_step

from recurra.backends.cpu.abi import Step
from recurra.expr.compile import generate

NATIVE = Path(__file__).parents[2] / "native"
COMPILER = next(filter(None, map(shutil.which, ("g++", "clang++", "c++"))), None)
FLAGS = ["-std=c++17", "-O2", "-ffp-contract=fast", "-fno-math-errno", "-fno-trapping-math", "-fPIC", "-shared"]
# What GCC's levels of x86-64 need of the processor.
NEEDS = {"x86-64": {"sse2"}, "x86-64-v3": {"avx2", "fma", "bmi2"}, "x86-64-v4": {"avx512f", "avx512dq", "avx512vl"}}
GUARD = 64
KINDS = {"f32": (torch.float32, ctypes.c_float), "f64": (torch.float64, ctypes.c_double)}


def instruction_sets() -> list[str]:
    """The levels that this machine runs; [""] where the processor is another."""
    try:
        flags = set(Path("/proc/cpuinfo").read_text().split())
    except OSError:
        flags = set()
    return [name for name, needs in NEEDS.items() if needs <= flags] or [""]


@functools.cache
def _folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="recurra-step-"))


@functools.cache
def compiled(source: str, march: str = "", extra: tuple[str, ...] = ()) -> ctypes.CDLL:
    """A translation unit as a loaded library."""
    stem = hashlib.sha256(f"{source}{march}{extra}".encode()).hexdigest()[:16]
    file = _folder() / f"{stem}.cpp"
    file.write_text(source)
    level = [f"-march={march}"] if march else []
    command = [COMPILER, *FLAGS, *level, *extra, "-Wall", "-Wextra", "-Werror", "-I", str(NATIVE), str(file)]
    done = subprocess.run([*command, "-o", str(file.with_suffix(".so")), "-lm"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return ctypes.CDLL(str(file.with_suffix(".so")))


@functools.cache
def joined(cells: tuple, march: str = "", kinds: tuple[str, ...] = ("f32", "f64")) -> dict:
    """Several cells compiled as one translation unit, quickly: cell → (library, how its functions' names begin)."""
    parts = ['#include "step.h"\n#include "vector.h"\n']
    for k, cell in enumerate(cells):
        body = generate(cell).source.partition('#include "vector.h"\n')[2]
        if len(kinds) == 1:  # what is not exported is not compiled
            other = "f32" if kinds == ("f64",) else "f64"
            body = re.sub(rf"RECURRA_EXPORT void RECURRA_NAME\(\w+_{other}\).*?\n}}\n", "", body, flags=re.S)
        parts.append(f"#undef RECURRA_NAME\n#define RECURRA_NAME(name) recurra_{k}_##name")
        parts.append(f"namespace cell_{k} {{\n{body}\n}}\n")
    library = compiled("\n".join(parts), march, ("-O1",))
    return {cell: (library, f"recurra_{k}") for k, cell in enumerate(cells)}


class Arena:
    """Arrays that start as NaN, with guards on both sides that must stay as they are."""

    def __init__(self, dtype: torch.dtype):
        self.dtype, self.whole = dtype, []

    def new(self, *shape: int, start: torch.Tensor | None = None) -> torch.Tensor:
        count = torch.Size(shape).numel()
        whole = torch.full((count + 2 * GUARD,), float("nan"), dtype=self.dtype)
        whole[:GUARD] = whole[-GUARD:] = 12345.0
        self.whole.append(whole)
        inside = whole[GUARD : GUARD + count].view(shape)
        if start is not None:
            inside.copy_(start)
        return inside

    def check(self) -> None:
        for whole in self.whole:
            assert bool((whole[:GUARD] == 12345.0).all()), "something was written before an array"
            assert bool((whole[-GUARD:] == 12345.0).all()), "something was written past an array"


def random_case(cell, rows: int, units: int, seed: int = 0, scale: float = 1.0) -> dict:
    """Inputs of a step, gradients of what it gives, and the weights of `h.of`; float64 values that float32 holds."""
    random = torch.Generator().manual_seed(seed)

    def values(*shape):
        return (torch.randn(*shape, generator=random, dtype=torch.float64) * scale).float().double()

    gates, states = len(cell.gate_names), len(cell.state_names)
    return {
        "x": values(rows, gates, units),
        "h": values(rows, gates, units),
        "state": [as_after_a_step(cell, name, values(rows, units)) for name in cell.state_names],
        "vector": [values(units) for _ in cell.vectors],
        "dnext": [values(rows, units) for _ in range(states)],
        "w": values(gates, units, units) / max(units, 1) ** 0.5,
        "b": values(gates, units),
        "given": [values(rows, units) for _ in cell.given_names],
        "doutput": values(rows, units),
    }


def by_autograd(cell, case: dict) -> dict:
    """New states, gates and every gradient, by torch in float64."""
    names = cell.gate_names
    x, h = case["x"].clone().requires_grad_(), case["h"].clone().requires_grad_()
    state = [s.clone().requires_grad_() for s in case["state"]]
    vector = [v.clone().requires_grad_() for v in case["vector"]]
    given = [g.clone().requires_grad_() for g in case["given"]]
    parts = {}

    def product(v, gate):
        if gate is None:
            return h.unbind(1)
        if v is state[0]:
            return h[:, gate]
        parts[gate] = F.linear(v, case["w"][gate], case["b"][gate])
        if not parts[gate].requires_grad:  # of a value that no gradient flows through
            parts[gate].requires_grad_()
        parts[gate].retain_grad()
        return parts[gate]

    by_name = [
        dict(zip(listed, values, strict=True))
        for listed, values in ((names, x.unbind(1)), (cell.state_names, state), (cell.vectors, vector))
    ]
    now = dict(zip(cell.given_names, given, strict=True))
    new, gates = cell.step(*cell.arguments(by_name[0], product, *by_name[1:], given=now))
    output = {name: gates[name] for name in cell.output.split()}
    new_and_output = zip((*new, *output.values()), (*case["dnext"], case["doutput"]), strict=False)
    losses = [(n * d).sum() for n, d in new_and_output if n.requires_grad]
    if losses:
        sum(losses).backward()
    dh = _or_zero(h).clone()
    for gate, part in parts.items():
        dh[:, gate] = _or_zero(part)
    result = {f"next.{name}": n.detach() for name, n in zip(cell.state_names, new, strict=True)}
    result |= {f"output.{name}": value.detach() for name, value in output.items()}
    result |= {f"gate.{name}": gates[name].detach().expand_as(case["x"][:, 0]) for name in names if name in gates}
    result |= {"dx": _or_zero(x), "dh": dh} if generate(cell).meta.h_gates else {"dx": _or_zero(x)}
    result |= {f"dstate.{name}": _or_zero(s) for name, s in zip(cell.state_names, state, strict=True)}
    result |= {f"dgiven.{name}": _or_zero(g) for name, g in now.items()}
    return result | {f"dvector.{name}": _or_zero(v) for name, v in zip(cell.vectors, vector, strict=True)}


def _or_zero(leaf):
    return torch.zeros_like(leaf) if leaf.grad is None else leaf.grad


def spread(values: torch.Tensor, gates: list[int], count: int) -> torch.Tensor:
    """Values of some gates among those of all: 0 for the others."""
    whole = values.new_zeros(len(values), count, values.shape[-1])
    whole[:, gates] = values
    return whole


def by_cpp(cell, case: dict, kind: str = "f64", march: str = "", keep: bool = True, made: tuple | None = None) -> dict:
    """The same by the generated code, as the core would call it. Without `keep`: no gradients, as in inference.

    made: the cell's part of what `joined` gave; None: it is compiled alone.
    """
    generated = generate(cell)
    meta, (library, prefix) = (
        SimpleNamespace(**generated.meta.fields),
        made or (compiled(generated.source, march), "recurra"),
    )
    dtype, _ = KINDS[kind]
    arena = Arena(dtype)
    rows, gates, units = case["x"].shape
    # The gates that have rows in W_x, and those in W_h.
    of_x, of_h = (list(map(cell.gate_names.index, names)) for names in (generated.meta.x_gates, generated.meta.h_gates))
    whole = case["x"] + case["h"] if meta.merged and of_h else case["x"]
    x = arena.new(rows, len(of_x), units, start=whole[:, of_x])
    # Gates that wait for an `of` stay NaN until the product is there.
    h = None if meta.merged else arena.new(rows, len(of_h), units, start=case["h"][:, of_h])
    for bits in meta.forward_gates:
        for gate in range(len(of_h)):
            if bits >> gate & 1:
                h[:, gate] = float("nan")
    lists = {
        "state": [arena.new(rows, units, start=s) for s in case["state"]],
        "vector": [arena.new(units, start=v) for v in case["vector"]],
        "next": [arena.new(rows, units) for _ in case["state"]],
        "dnext": [arena.new(rows, units, start=d) for d in case["dnext"]],
        "dstate": [arena.new(rows, units) for _ in case["state"]],
        "dvector": [arena.new(units, start=torch.full((units,), 0.5)) for _ in case["vector"]],
    }
    arrays = {
        "x": x,
        "h": h,
        "keep": arena.new(rows, meta.keep * units + meta.keep_row) if keep else None,
        "gate": arena.new(rows, meta.shown, units),
        "of": arena.new(rows, meta.of, units),
        "cross": arena.new(rows, meta.cross * units + meta.cross_row),
        "scratch": arena.new(max(meta.scratch, meta.scratch_backward), units),
        "dx": arena.new(rows, len(of_x), units),
        "dh": None if meta.merged else arena.new(rows, len(of_h), units),
        "dof": arena.new(rows, meta.of, units),
        "given": arena.new(rows, meta.given, units),
        "dgiven": arena.new(rows, meta.given, units),
        "output": arena.new(rows, units) if meta.output else None,
        "doutput": arena.new(rows, units, start=case["doutput"]) if meta.output else None,
    }
    for k, values in enumerate(case["given"]):
        arrays["given"][:, k] = values
    step, alive = Step(rows, units), []
    for name, tensors in lists.items():
        pointers = (ctypes.c_void_p * max(len(tensors), 1))(*(t.data_ptr() for t in tensors))
        alive.append(pointers)
        setattr(step, name, ctypes.addressof(pointers))
    for name, tensor in arrays.items():
        setattr(step, name, None if tensor is None else tensor.data_ptr())
    weights, bias = case["w"][of_h].to(dtype), case["b"][of_h].to(dtype)
    for stage in range(meta.forward_stages):
        if stage:
            for gate in range(len(of_h)):
                if meta.forward_gates[stage] >> gate & 1:
                    h[:, gate] = F.linear(arrays["of"][:, meta.forward_of[stage]], weights[gate], bias[gate])
        getattr(library, f"{prefix}_forward_{stage}_{kind}")(ctypes.byref(step))
    result = {f"next.{name}": t.clone() for name, t in zip(cell.state_names, lists["next"], strict=True)}
    result |= {f"gate.{name}": arrays["gate"][:, k].clone() for k, name in enumerate(generated.meta.shown_names)}
    result |= {f"output.{name}": arrays["output"].clone() for name in cell.output.split()}
    if keep:
        # Nothing crosses from the forward to the backward pass but what is kept, and states that are said to be read.
        for name in ("cross", "scratch", "of", "x", "h", "gate", "output"):
            if arrays[name] is not None:
                arrays[name].fill_(float("nan"))
        for k, old in enumerate(lists["state"]):
            if not meta.keeps_state >> k & 1:
                old.fill_(float("nan"))
        for stage in range(meta.backward_stages):
            if stage:
                bits, number = meta.backward_gates[stage], meta.backward_of[stage]
                dof = arrays["dof"][:, number]
                dof.zero_()
                for gate in range(len(of_h)):
                    if bits >> gate & 1:
                        dof += arrays["dh"][:, gate] @ weights[gate]
            getattr(library, f"{prefix}_backward_{stage}_{kind}")(ctypes.byref(step))
        result["dx"] = spread(arrays["dx"], of_x, gates)
        if of_h:
            result["dh"] = spread(arrays["dx"] if meta.merged else arrays["dh"], of_h, gates)
        result |= {f"dstate.{name}": t for name, t in zip(cell.state_names, lists["dstate"], strict=True)}
        result |= {f"dgiven.{name}": arrays["dgiven"][:, k] for k, name in enumerate(cell.given_names)}
        result |= {f"dvector.{name}": t - 0.5 for name, t in zip(cell.vectors, lists["dvector"], strict=True)}
    arena.check()
    return result
