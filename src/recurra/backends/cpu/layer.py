"""The backend: which calls the compiled kernels run, and from a Call to the operator's arguments and back."""

import sys

import torch
import torch.nn.functional as F
from torch import Tensor

from recurra.backends import equations
from recurra.backends.call import Call, Operands, Ran, is_transformed
from recurra.backends.cpu import abi, library, operator
from recurra.backends.cpu.library import Unavailable
from recurra.backends.cpu.work import IO, Results, Work
from recurra.cells import Cell

NAME = "cpu"
READS_TOKENS = True


def why_not(call: Call) -> str | None:
    """Why the compiled kernels cannot run this call; None if they can. The first call of a cell compiles it."""
    x = call.x if call.embedding is None else call.embedding
    if x.device.type != "cpu":
        return f"its kernels are for the CPU, and x is on {x.device.type}"
    if _dtype(x) not in IO:
        return f"it has no kernels for {str(_dtype(x)).removeprefix('torch.')}"
    if _is_for_onnx():
        return "torch.onnx knows no operator of Recurra's"
    if is_transformed():
        return "torch.func transforms need the equations"
    if not torch.compiler.is_compiling() and (operator.is_forward_ad() or torch.jit.is_tracing()):
        return "forward-mode derivatives and torch.jit.trace need the equations"
    if call.keep_gates and _trains(call):
        return "gates that are returned have no gradients in its kernels: call under torch.no_grad()"
    if call.heads > 1 and len(call.facts.h_gates) > abi.MOST_GATES:
        return f"its kernels take at most {abi.MOST_GATES} gates of W_h with heads"
    return cell_reason(call.cell) or None


def run(call: Call) -> Ran:
    """Run the layer by the cell's compiled kernel."""
    time, batch, _ = call.sizes
    if not time or not batch:  # nothing to compute, and the equations know the shapes
        return equations.run(call.embedded())
    if call.embedding is not None and (
        len(call.weights) > 1 or 2 * call.embedding.shape[0] > time * batch or "input" in call.cell.given_names
    ):
        call = call.embedded()  # a table of all products would cost more than the products that are read
    ran = _ran(call, operator.layer(work(call), call.kept))
    kind = _result_type(call)
    return ran if ran.y.dtype is kind else ran._replace(y=ran.y.to(kind), states=_all_to(ran.states, kind))


def _dtype(x: Tensor) -> torch.dtype:
    """The type that the layer runs in: autocast's for all but float64, as PyTorch does it."""
    if torch.is_autocast_enabled("cpu") and x.dtype != torch.float64:
        return torch.get_autocast_dtype("cpu")
    return x.dtype


def _result_type(call: Call) -> torch.dtype:
    """The type of y and of the states after the last step: under autocast PyTorch's GRU alone keeps that of its state."""
    x = call.x if call.embedding is None else call.embedding
    return x.dtype if call.cell.pytorch == "gru" else _dtype(x)


def _all_to(states: list[tuple[Tensor, ...]], kind: torch.dtype) -> list[tuple[Tensor, ...]]:
    return [tuple(part.to(kind) for part in direction) for direction in states]


def _trains(call: Call) -> bool:
    if not torch.is_grad_enabled():
        return False
    x = call.x if call.embedding is None else call.embedding
    operands = Operands(x, call.weights, call.states, call.initial, (*call.given.values(),)).flat()
    return any(part is not None and part.requires_grad for part in operands)


def _constant(function):
    """What it gives is the same at every call, so torch.compile may take it for a constant, and need not look at how a
    compiler is found. It is torch.compiler.assume_constant_result without that one's import of torch._dynamo: a second."""
    function._dynamo_marked_constant = True
    return function


@_constant
def _is_for_onnx() -> bool:
    """Whether torch.onnx.export runs the layer, by its path over torch.export; the other one traces."""
    flags = sys.modules.get("torch.onnx._internal.exporter._flags")
    return flags is not None and flags._is_onnx_exporting


@_constant
def cell_reason(cell: Cell) -> str:
    """Why no kernel runs this cell; "" where one does. The first question compiles it."""
    if len(cell.state_names) > abi.MOST_STATES or len(cell.vectors) > abi.MOST_VECTORS:
        return f"its kernels take at most {abi.MOST_STATES} states and {abi.MOST_VECTORS} learned vectors"
    if len(cell.given_names) > abi.MOST_GIVEN:
        return f"its kernels take at most {abi.MOST_GIVEN} given numbers"
    try:
        made = library.made(cell)
    except Unavailable as reason:
        return str(reason)
    if made.meta.fields["of"] and len(made.h_gates) > abi.MOST_GATES:
        return f"its kernels take at most {abi.MOST_GATES} gates of W_h with h.of"
    return ""


@_constant
def _cell_key(cell: Cell) -> str:
    return library.made(cell).key


@_constant
def _shown(cell: Cell) -> str:
    """The gates that the kernel gives out, in its order."""
    return " ".join(library.made(cell).meta.shown_names)


@_constant
def _threads() -> int:
    return torch.get_num_threads()


def work(call: Call) -> Work:
    """The call as the operator takes it."""
    x, weights, tokens = call.x, call.weights, None
    batch_major = x.stride(0) < x.stride(1)
    io = IO[_dtype(x if call.embedding is None else call.embedding)]
    if call.embedding is None:
        x = x if x.dtype == _dtype(x) else x.to(_dtype(x))
    else:
        tokens, x, weights = x.long(), _table(call), [one._replace(w_x=None, b_x=None) for one in weights]
    given = tuple([x if name == "input" else call.given[name] for name in call.cell.given_names])
    return Work(
        _cell_key(call.cell),
        io,
        _threads(),
        call.keep_states,
        call.keep_gates,
        _trains(call),
        batch_major,
        Operands(x, weights, call.states, call.initial if call.resets is not None else [], given),
        call.lengths,
        call.resets,
        call.options,
        tokens,
    )


def _table(call: Call) -> Tensor:
    """(tokens, G*H): W_x e + b_x for every token's embedding e. In float32 also under autocast: it is summed up further."""
    number = torch.float64 if call.embedding.dtype == torch.float64 else torch.float32
    one = call.weights[0]
    with torch.autocast("cpu", enabled=False):
        bias = None if one.b_x is None else one.b_x.to(number)
        return F.linear(call.embedding.to(number), one.w_x.to(number), bias)


def _ran(call: Call, made: Results) -> Ran:
    """The operator's results as a backend gives them."""
    kept_states = [dict(zip(call.cell.state_names, part, strict=True)) for part in made.kept_states]
    shown = _shown(call.cell).split() if call.keep_gates else []
    kept_gates = [dict(zip(shown, part, strict=True)) for part in made.kept_gates]
    return Ran(made.y, made.states, kept_states, kept_gates)
