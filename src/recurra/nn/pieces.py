"""A layer over time in pieces, each checkpointed: `checkpoint_every`.

In training only the states between pieces are kept. On the way back each piece runs once more, with everything its own
gradient needs, from the states before it. A direction that reads backward starts its pieces from each row's end.
"""

import dataclasses

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from recurra.backends.call import Call, Ran, active_steps, flip_steps, resets_of
from recurra.backends.choice import run as run_whole
from recurra.backends.equations import join
from recurra.backends.options import at_steps, of_direction


def run(call: Call, backend: str, every: int) -> Ran:
    """Run one layer. every: steps of a piece, 0 for all; without gradients there is nothing to save, and it runs whole.

    What a cell is given may have a last dimension with a number for each direction: each then runs by itself.
    """
    every = 0 if call.x.shape[0] <= every or not torch.is_grad_enabled() else every
    if not every and all(part.dim() == 3 for part in call.given.values()):
        return run_whole(call, backend)
    call = call.embedded()
    return join([_direction(call, d, backend, every) for d in range(len(call.weights))])


def _direction(call: Call, d: int, backend: str, every: int) -> Ran:
    one = dataclasses.replace(
        call,
        weights=[call.weights[d]],
        states=[call.states[d]],
        initial=call.initial[d : d + 1],
        options=of_direction(call.options, d),
        kept=None,  # of the layer's weights in both directions
        given={name: part[..., d] if part.dim() == 4 else part for name, part in call.given.items()},
    )
    if d == 0:
        return _forward(one, backend, every)
    flip = flip_steps(call.lengths, call.x)

    def turned(tensor: Tensor) -> Tensor:
        return tensor.gather(0, flip.expand(tensor.shape))

    active = None if call.lengths is None else active_steps(call.lengths, call.x.shape[0])
    one.x = turned(call.x)
    one.given = {name: turned(part) for name, part in one.given.items()}
    if call.resets is not None:
        one.resets = turned(resets_of(call.resets[..., None], active, backward=True))[..., 0]
    one.options = at_steps(one.options, turned)
    ran = _forward(one, backend, every)
    states = [{name: turned(kept) for name, kept in part.items()} for part in ran.kept_states]
    if active is not None:  # read backward, a row stands still before its end, not after
        starts = dict(zip(call.cell.state_names, call.states[d], strict=True))
        states = [{n: torch.where(active, kept, starts[n]) for n, kept in part.items()} for part in states]
    gates = [{name: turned(kept) for name, kept in part.items()} for part in ran.kept_gates]
    return Ran(turned(ran.y), ran.states, states, gates)


def _forward(call: Call, backend: str, every: int) -> Ran:
    """One direction, forward in time."""
    if not every:
        return run_whole(call, backend)
    time, states, runs = call.x.shape[0], call.states[0], []
    for start in range(0, time, every):
        span = slice(start, min(start + every, time))
        piece = dataclasses.replace(call, x=call.x[span], given={name: part[span] for name, part in call.given.items()})
        if call.lengths is not None:
            piece.lengths = (call.lengths - start).clamp(0, span.stop - start)
        if call.resets is not None:
            piece.resets = call.resets[span]
        piece.options = at_steps(call.options, lambda part, span=span: part[span])
        ran = _checkpointed(piece, states, backend)
        states = ran.states[0]
        runs.append(ran)

    def whole(part: int) -> list[dict[str, Tensor]]:
        return [{n: torch.cat([ran[part][0][n] for ran in runs]) for n in runs[0][part][0]}] if runs[0][part] else []

    return Ran(torch.cat([ran.y for ran in runs]), [states], whole(2), whole(3))


def _checkpointed(piece: Call, states: tuple[Tensor, ...], backend: str) -> Ran:
    names: list[list[str]] = []

    def flat(x: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        ran = run_whole(dataclasses.replace(piece, x=x, states=[states]), backend)
        kept = [part[0] if part else {} for part in (ran.kept_states, ran.kept_gates)]
        names[:] = [list(part) for part in kept]
        return ran.y, *ran.states[0], *(tensor for part in kept for tensor in part.values())

    # Nothing in a piece is drawn at random: masks came with the call.
    y, *rest = checkpoint(flat, piece.x, *states, use_reentrant=False, preserve_rng_state=False)
    given, rest = rest[: len(states)], iter(rest[len(states) :])
    kept = [[dict(zip(part, rest, strict=False))] if part else [] for part in names]
    return Ran(y, [tuple(given)], *kept)
