"""Which units matter most when they are held still: many held units measured side by side, on one stretch of a text.

Each unit is held at either end of the range it has in the text, once at its lowest and once at its highest value; the end at
which the loss changes more counts.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.func import functional_call, vmap
from torch.nn import functional as F

from recurra.errors import ConfigError, setting
from recurra.generation.session import evaluating
from recurra.inside.clamps import Clamp, clamped
from recurra.inside.reading import Reading, check_state, embedded, encode
from recurra.tasks.language.model import LanguageModel

STEPS, CANDIDATES = 200, 64
"""Tokens of the text on which the effect is measured, and units whose effect is."""
_SIDE_BY_SIDE = 32
"""Held units that are run at the same time: it bounds the memory."""


@dataclass(frozen=True)
class UnitEffect:
    """What holding one unit does."""

    clamp: Clamp
    """The unit, and the end of its range at which the loss changes more."""
    change: float
    """Mean loss with the unit held less that without, in nats a token."""


def effects(
    model: LanguageModel,
    reading: Reading,
    *,
    state: str | None = None,
    candidates: int = CANDIDATES,
    steps: int = STEPS,
) -> list[UnitEffect]:
    """The units by how much the loss changes when each is held: `effects(model, read(model, text))[0].clamp`.

    state: default the last one, which the cell carries (c of an LSTM). candidates: as many units are tried, those that vary
    most in the text, in all layers together; a unit that hardly moves changes nothing when it is held. steps: the tokens of the
    text, from its beginning, on which the loss is measured.

    ConfigError for a state that is not there, for a model with a bounded `context`, which carries no state, and for an inner
    state of a cell whose step is not traceable. A text of one token has no loss: the list is empty.
    """
    if model.config.context:
        raise ConfigError(
            f"this model reads {setting('context', model.config.context)} tokens again at each step: it carries no state"
        )
    state = check_state(reading.cell, state) or reading.cell.state_names[-1]
    ids = torch.from_numpy(encode(model, reading.text)[:steps]).to(model.device)
    if len(ids) < 2:
        return []
    places = _liveliest(reading, state, candidates)
    ends = [Clamp(layer, unit, float(end), state) for layer, unit, *both in places for end in both]
    # The first of them makes the twin, whose vectors are then set for each unit in turn.
    twin = clamped(model, ends[:1])
    held, values = _vectors(ends, twin.layers.num_layers, twin.layers.hidden_size, twin.layers.weight_ih_l0)

    def loss(held: Tensor, values: Tensor) -> Tensor:
        vectors = {
            f"{name}_{state}_l{layer}": part[layer]
            for name, part in (("held", held), ("value", values), ("initial", values))
            for layer in range(len(held))
        }
        y, _ = functional_call(twin.layers, vectors, (ids[:-1],), {"embedding": embedded(model)})
        return F.cross_entropy(model.head(y), ids[1:])

    with torch.inference_mode(), evaluating(twin):
        after = vmap(loss, chunk_size=_SIDE_BY_SIDE)(held, values).cpu().numpy()
    changes = after - reading.losses[1 : len(ids)].mean()
    strongest = np.abs(changes.reshape(-1, 2)).argmax(1) + 2 * np.arange(len(places))
    return sorted((UnitEffect(ends[k], float(changes[k])) for k in strongest), key=lambda one: -abs(one.change))


def _liveliest(reading: Reading, state: str, most: int) -> list[tuple[int, int, float, float]]:
    """(layer, unit, lowest, highest) of the units that vary most."""
    found = [
        (values.var(), layer, unit, values.min(), values.max())
        for layer, states in enumerate(reading.states)
        for unit, values in enumerate(states[state].T)
    ]
    return [row[1:] for row in sorted(found, key=lambda row: -row[0])[:most]]


def _vectors(clamps: list[Clamp], layers: int, units: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Which unit is held and at what, (clamps, layers, units) each."""
    held, values = like.new_zeros(2, len(clamps), layers, units)
    for row, one in enumerate(clamps):
        held[row, one.layer, one.unit], values[row, one.layer, one.unit] = 1, one.value
    return held, values
