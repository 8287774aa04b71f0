"""The reference: the cell's own `step`, once for every time step, in PyTorch.

Slow and always right. It runs every cell with every option, on any device and in any floating type, and PyTorch
differentiates it: first and higher derivatives, vmap, torch.func. Everything else is measured against it.
"""

import warnings

import torch
import torch.nn.functional as F
from torch import Tensor

from recurra.backends.call import Call, Ran, Weights, active_steps, resets_of

NAME = "equations"
READS_TOKENS = False


def why_not(call: Call) -> str | None:
    """Always None: the equations run everything."""
    return None


def run(call: Call) -> Ran:
    """Run the layer by the cell's equations."""
    if torch.jit.is_tracing():
        warnings.warn(
            f"{call.cell!r} is traced by its equations: the trace is for {int(call.x.shape[0])} steps alone. "
            "torch.export makes a graph for any number",
            stacklevel=2,
        )
    return join([_direction(call, d) for d in range(len(call.weights))])


def join(directions: list[Ran]) -> Ran:
    """One layer's result from that of each direction."""
    y = torch.cat([ran.y for ran in directions], -1) if len(directions) > 1 else directions[0].y
    return Ran(y, *([part for ran in directions for part in ran[k]] for k in (1, 2, 3)))


def _direction(call: Call, d: int) -> Ran:
    cell, weights, (time, _, units) = call.cell, call.weights[d], call.sizes
    names, gates, of_h = cell.state_names, call.facts.x_gates, call.facts.h_gates
    # Where there are no steps y is a part of this product: it then has gradients.
    products = F.linear(call.x, weights.w_x, weights.b_x)
    inputs = _by_step(products, len(gates))
    options = {name: parts[d] for name, parts in call.options.items()}
    product = _product(weights, len(of_h), *options.get("mask", (None,)), call.heads)
    zones = options.get("zoneout") or options.get("zone_share")
    whole = call.facts.whole

    given = call.given | ({"input": call.x} if "input" in cell.given_names else {})
    backward = d == 1
    active = None if call.lengths is None else active_steps(call.lengths, time)
    resets = None if call.resets is None else resets_of(call.resets[..., None], active, backward)
    old, ys = call.states[d], [None] * time
    kept_states, kept_gates = [None] * time, [None] * time
    for t in reversed(range(time)) if backward else range(time):
        if resets is not None:
            old = tuple(torch.where(resets[t], i, o) for i, o in zip(call.initial[d], old, strict=True))
        x = {name: gate[t] for name, gate in zip(gates, inputs, strict=True)}
        states = dict(zip(names, old, strict=True))
        now = {name: part[t] for name, part in given.items()}
        new, shown = cell.step(*cell.arguments(x, product, states, weights.vectors, whole, of_h, now))
        new = tuple(_as_layer(n, call.x) for n in new)
        shown = {name: _as_layer(gate, call.x) for name, gate in shown.items()}
        output = shown.pop(cell.output) if cell.output else None
        if weights.w_r is not None:
            new = (F.linear(new[0], weights.w_r), *new[1:])
        if "state_clip" in options:
            new = tuple(n.clamp(-c, c) if c else n for n, c in zip(new, options["state_clip"], strict=True))
        if zones is not None:
            new = tuple(_zone(z, t, o, n) for z, o, n in zip(zones, old, new, strict=True))
        if active is not None:
            new = tuple(torch.where(active[t], n, o) for n, o in zip(new, old, strict=True))
            shown = {name: torch.where(active[t], gate, 0) for name, gate in shown.items()}
        y = new[0] if output is None else output
        ys[t] = y if active is None else torch.where(active[t], y, 0)
        kept_states[t], kept_gates[t] = new, shown
        old = new

    outputs = units if weights.w_r is None else weights.w_r.shape[0]
    y = torch.stack(ys) if time else products[..., :outputs]
    states = {n: _stack(kept_states, k, y, units) for k, n in enumerate(names)} if call.keep_states else {}
    shown = {n: _stack(kept_gates, n, y, units) for n in call.facts.shown} if call.keep_gates else {}
    return Ran(y, [old], [states], [shown])


def _by_step(product: Tensor, gates: int) -> list[tuple[Tensor, ...]]:
    """(time, batch, gates*units) → for each gate, its (batch, units) at each step."""
    return [gate.unbind(0) for gate in product.unflatten(-1, (gates, -1)).unbind(-2)]


def _product(weights: Weights, gates: int, mask: Tensor | None, heads: int):
    """W_h v + b_h, as cells.base.Product wants it; `mask` is recurrent dropout on v."""

    def product(v: Tensor, gate: int | None):
        v = _as_layer(v, weights.w_h)
        v = v if mask is None else v * mask
        if heads > 1:
            each = _by_head(weights, gates, heads, v)
            return each if gate is None else each[gate]
        if gate is None:
            return F.linear(v, weights.w_h, weights.b_h).unflatten(-1, (gates, -1)).unbind(-2)
        rows = weights.w_h.unflatten(0, (gates, -1))[gate]
        return F.linear(v, rows, None if weights.b_h is None else weights.b_h.unflatten(0, (gates, -1))[gate])

    return product


def _as_layer(v: Tensor, like: Tensor) -> Tensor:
    """A step's value in the layer's type: where(condition, 1.0, 0.0) of plain numbers has PyTorch's default type."""
    if v.dtype == like.dtype or torch.is_autocast_enabled(like.device.type):
        return v
    return v.to(like.dtype)


def _by_head(weights: Weights, gates: int, heads: int, v: Tensor) -> tuple[Tensor, ...]:
    """The product with heads: a unit's row of W_h multiplies the outputs of its own head alone."""
    blocks = weights.w_h.unflatten(0, (gates, heads, -1))  # (G, heads, units of a head, outputs of a head)
    product = torch.einsum("bno,gnuo->gbnu", v.unflatten(-1, (heads, -1)), blocks).flatten(2)
    if weights.b_h is not None:
        product = product + weights.b_h.unflatten(0, (gates, 1, -1))
    return product.unbind(0)


def _zone(zone: Tensor | float, t: int, old: Tensor, new: Tensor) -> Tensor:
    """Zoneout: a random fraction of the units keeps its old value in training, the expected value in evaluation."""
    if isinstance(zone, Tensor):
        return torch.where(zone[t], old, new)
    return zone * old + (1 - zone) * new


def _stack(steps: list, key, like: Tensor, units: int) -> Tensor:
    if not steps:
        return like.new_zeros(0, like.shape[1], units if key else like.shape[-1])
    return torch.stack([step[key] for step in steps])
