"""PyTorch's own kernels, for the cells it has: oneDNN on the CPU (LSTM in float32 and bf16), cuDNN on the GPU.

Lengths and resets are not something those kernels know, and packing is slow, so the same work is put to them in other
words. The states at each row's length are looked up in the outputs; the LSTM's c, which is not among them, is held by its
own gates: one more input column, 1 past the row's end, drives the forget gate to 1 and the input gate to 0. A reset cuts
the sequence in time.
"""

import warnings
from collections.abc import Callable
from contextlib import contextmanager, nullcontext

import torch
from torch import Tensor

from recurra.backends.call import Call, Ran, Weights, active_steps, flip_steps, is_transformed, resets_of
from recurra.backends.equations import join
from recurra.backends.options import KINDS
from recurra.cells import Cell, Elman

NAME = "torch"
READS_TOKENS = False

FREEZE = 1e4  # saturates a sigmoid in every floating type, and is finite in half precision
# PyTorch's own functions in the place of an Elman cell's activation, which a cell does not know.
ACTIVATIONS = {torch.tanh: "tanh", torch.relu: "relu"}


def _functions(cell: Cell) -> tuple[Callable, Callable] | None:
    """PyTorch's function for a sequence, and for a single step."""
    if type(cell) is Elman and cell.activation in ACTIVATIONS:
        cell = Elman(ACTIVATIONS[cell.activation])
    return (getattr(torch, cell.pytorch), getattr(torch, f"{cell.pytorch}_cell")) if cell.pytorch else None


def why_not(call: Call) -> str | None:
    """Why PyTorch's kernels cannot run this call; None if they can."""
    time, batch, _ = call.sizes
    projected = call.weights[0].w_r is not None
    keeps_more = len(call.cell.state_names) > 1 or call.lengths is not None
    tests = (
        (_functions(call.cell) is None, f"PyTorch has no kernel for {call.cell!r}"),
        (projected and call.cell.pytorch != "lstm", "PyTorch projects the LSTM alone"),
        (call.heads > 1, "heads are not in PyTorch's kernels"),
        *((True, f"{KINDS[name].words} is not in PyTorch's kernels") for name in call.options),
        (call.keep_gates, "PyTorch's kernels do not give out the gates"),
        (call.keep_states and keeps_more, "PyTorch's kernels give out the last state only"),
        (time == 0 or batch == 0, "PyTorch's kernels refuse an empty sequence or batch"),
        (_in_half(call), "oneDNN has no LSTM in float16 on many processors"),
        (is_transformed(), "torch.func transforms need the equations"),
        (call.resets is not None and torch.jit.is_tracing(), "a trace would hold the places of these resets"),
    )
    return next((reason for wrong, reason in tests if wrong), None)


def _in_half(call: Call) -> bool:
    """Whether autocast would put an LSTM to oneDNN in float16."""
    half = torch.is_autocast_enabled("cpu") and torch.get_autocast_dtype("cpu") == torch.float16
    return half and call.cell.pytorch == "lstm" and call.weights[0].w_x.is_cpu


def run(call: Call) -> Ran:
    """Run the layer by PyTorch's kernel."""
    if call.lengths is None and call.resets is None:
        return _kernel(call, call.x, call.weights, call.states)
    return join([_direction(call, d) for d in range(len(call.weights))])


def _direction(call: Call, d: int) -> Ran:
    """One direction with lengths or resets, as forward runs over pieces of (perhaps flipped) time."""
    time, backward = call.x.shape[0], d == 1
    x, weights, resets = call.x, call.weights[d], call.resets
    active = None if call.lengths is None else active_steps(call.lengths, time)
    if resets is not None:
        resets = resets_of(resets[..., None], active, backward)
    flip = flip_steps(call.lengths, x) if backward else None
    if backward:
        x = x.gather(0, flip.expand(x.shape))
        resets = None if resets is None else resets.gather(0, flip)
    if active is not None and call.cell.pytorch == "lstm":
        x, weights = _holding_c(x, weights, active)

    cuts = [] if resets is None else resets.flatten(1).any(1).nonzero().flatten().tolist()
    states, ys = call.states[d], []
    for start, stop in zip([0, *(c for c in cuts if c)], [*(c for c in cuts if c), time], strict=True):
        if start in cuts:
            states = tuple(torch.where(resets[start], i, s) for i, s in zip(call.initial[d], states, strict=True))
        before = states
        ran = _kernel(call, x[start:stop], [weights], [states])
        states = ran.states[0]
        if active is not None:
            states = _at_lengths(ran.y, states, before, (call.lengths - start).clamp(0, stop - start))
        ys.append(ran.y)
    y = torch.cat(ys)
    y = y if active is None else torch.where(active, y, 0)
    y = y if flip is None else y.gather(0, flip.expand(y.shape))
    return Ran(y, [states], [{"h": y}] if call.keep_states else [], [])


def _holding_c(x: Tensor, weights: Weights, active: Tensor) -> tuple[Tensor, Weights]:
    """The same layer with one more input, 1 past a row's end, that shuts the input gate and opens the forget gate."""
    units = weights.w_x.shape[0] // 4
    column = weights.w_x.new_tensor((-FREEZE, FREEZE, 0.0, 0.0)).repeat_interleave(units)[:, None]
    x = torch.cat([x, (~active).to(x.dtype)], -1)
    return x, weights._replace(w_x=torch.cat([weights.w_x, column], 1))


def _at_lengths(y: Tensor, after: tuple, before: tuple, steps: Tensor) -> tuple[Tensor, ...]:
    """States after each row's own number of steps: h is looked up in the outputs, c was frozen by its gates."""
    last = y.gather(0, (steps - 1).clamp(min=0)[None, :, None].expand(1, -1, y.shape[-1]))[0]
    ran = (steps > 0)[:, None]
    return tuple(torch.where(ran, s, b) for s, b in zip((last, *after[1:]), before, strict=True))


def _kernel(call: Call, x: Tensor, weights: list[Weights], states: list[tuple[Tensor, ...]]) -> Ran:
    function, step = _functions(call.cell)
    projected = weights[0].w_r is not None
    if x.shape[0] == 1 and x.device.type == "cpu" and not (projected or torch.jit.is_tracing()):
        return _step(step, call, x[0], weights, states)
    hx = [torch.stack(s) for s in zip(*states, strict=True)]
    flat = [w for one in weights for w in one[:5] if w is not None]
    # The flag that follows the dropout rate only lets cuDNN and oneDNN keep what a backward pass needs: also in eval(). In a
    # trace it is a constant, and cuDNN alone insists on it.
    keeps = x.is_cuda if torch.jit.is_tracing() else torch.is_grad_enabled()
    rest = (weights[0].b_x is not None, 1, 0.0, keeps, len(weights) == 2, False)
    with _quiet() if x.is_cuda or projected else nullcontext():
        y, *last = function(x, hx if len(hx) > 1 else hx[0], flat, *rest)
    ended = [tuple(s[d] for s in last) for d in range(len(weights))]
    kept = [{"h": part} for part in y.chunk(len(weights), -1)] if call.keep_states else []
    return Ran(y, ended, kept, [])


def _step(function: Callable, call: Call, x: Tensor, weights: list[Weights], states: list[tuple[Tensor, ...]]) -> Ran:
    """A single step, x (batch, features): setting a sequence kernel up takes several times as long as the step itself."""
    ended = []
    for state, one in zip(states, weights, strict=True):
        new = function(x, state if len(state) > 1 else state[0], one.w_x, one.w_h, one.b_x, one.b_h)
        ended.append(new if isinstance(new, tuple) else (new,))
    y = torch.cat([state[0] for state in ended], -1)[None] if len(ended) > 1 else ended[0][0][None]
    kept = [{"h": state[0][None]} for state in ended] if call.keep_states else []
    return Ran(y, ended, kept, [])


@contextmanager
def _quiet():
    """Without what PyTorch says of its own affairs: how cuDNN's weights lie, which library takes a projection."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "RNN module weights are not part of single contiguous chunk")
        warnings.filterwarnings("ignore", "LSTM with projections is not supported with oneDNN")
        yield
