"""The numbers in a cell's drawing: what each part of it holds while a model reads a text; and what follows when one is changed.

All values are worked out by the equations, from the model's weights and the states of a Reading, in float64.
"""

import dataclasses

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from recurra.backends.call import Weights
from recurra.errors import ConfigError, setting
from recurra.expr.evaluate import evaluate
from recurra.expr.graph import Node
from recurra.generation.session import evaluating
from recurra.inside.drawing import Wiring, wiring
from recurra.inside.reading import Reading, check_layer, check_place, embedded, encode, recurrent, score
from recurra.tasks.language.model import LanguageModel


def wires(
    model: LanguageModel, reading: Reading, layer: int = 0, first: int = 0, count: int | None = None
) -> dict[str, np.ndarray]:
    """What each part of the drawing holds: `wires(model, read(model, text))["f"]` is (steps, units), float64.

    By the names of `wiring(model.layers.cell).parts`, but for the letter. layer: from 0. first, count: the steps of the text
    that are wanted; default all. A state's own part `c` is its value before the step, `c'` the one after.

    A model with a bounded `context` carries its state through the first of its steps only: `count` ends there.
    Raises ConfigError for a layer or steps that are not there, TraceError for a cell whose step is not traceable.
    """
    drawing, layers = wiring(reading.cell), recurrent(model)
    check_layer(reading.units, layer)
    last = min(len(reading.losses), model.config.context or len(reading.losses))
    if not 0 <= first < last or (count is not None and count < 1):
        raise ConfigError(f"`first` is {first} and `count` {count}; expected steps from 0 to {last - 1}")
    steps = slice(first, last if count is None else min(last, first + count))
    weights = layers.stack().weights[layer][0]
    weights = weights.like([None if w is None else w.detach().double().cpu() for w in weights.flat()])
    before = {name: _before(model, reading, layer, name)[steps] for name in reading.cell.state_names}
    with torch.inference_mode():
        values = _values(drawing, weights, _inputs(model, reading, layer)[steps], before)
    after = {f"{name}'": reading.states[layer][name][steps] for name in reading.cell.state_names}
    return values | {name: kept.astype(np.float64) for name, kept in after.items()}


def _before(model: LanguageModel, reading: Reading, layer: int, state: str) -> Tensor:
    """A state before each step, (steps, units)."""
    kept = torch.from_numpy(reading.states[layer][state]).double()
    start = getattr(model.layers, f"initial_{state}_l{layer}", None)
    start = torch.zeros_like(kept[0]) if start is None else start.detach().double().cpu()
    return torch.cat([start[None], kept[:-1]])


def _inputs(model: LanguageModel, reading: Reading, layer: int) -> Tensor:
    """What a layer reads at each step, (steps, features)."""
    ids = torch.from_numpy(encode(model, reading.text))
    x = embedded(model).detach().double().cpu()[ids]
    for below in range(layer):
        y = torch.from_numpy(reading.states[below][reading.cell.state_names[0]]).double()
        x = y + x if model.layers.residual and below else y
    return x


def _values(drawing: Wiring, weights: Weights, x: Tensor, before: dict[str, Tensor]) -> dict[str, np.ndarray]:
    graph, cell = drawing.graph, drawing.graph.cell
    units = len(next(iter(before.values()))[0])
    x_sums = _by_gate(F.linear(x, weights.w_x, weights.b_x), graph.x_gates, units)

    def product(v: Tensor) -> dict[int, Tensor]:
        return _by_gate(F.linear(v, weights.w_h, weights.b_h), graph.h_gates, units)

    h_sums = product(before[cell.state_names[0]]) if graph.h_gates else {}

    def leaf(node: Node) -> Tensor:
        match node.op:
            case "x":
                return x_sums[node.value]
            case "h":
                return h_sums[node.value]
            case "a":
                return x_sums[node.value] + h_sums.get(node.value, 0)
            case "of":
                stage, gate = node.value
                return product(evaluate([graph.ofs[stage]], leaf, units)[0])[gate]
            case "vector":
                return weights.vectors[list(cell.vectors)[node.value]]
        return before[cell.state_names[node.value]]

    names = list(drawing.nodes)
    found = evaluate([drawing.nodes[name] for name in names], leaf, units)
    return {name: value.double().expand(len(x), units).numpy() for name, value in zip(names, found, strict=True)}


def _by_gate(rows: Tensor, gates: tuple[int, ...], units: int) -> dict[int, Tensor]:
    return dict(zip(gates, rows.unflatten(-1, (len(gates), units)).unbind(-2), strict=True))


def nudge(
    model: LanguageModel, reading: Reading, at: int, layer: int, unit: int, value: float, state: str | None = None
) -> Reading:
    """The reading as it would continue if one carried number were another: `nudge(model, reading, 7, 0, 17, 1.5, "c")`.

    at: the step, from 0, after which the state is changed, on its way to the next; all before stays. state: default the
    output, the first one. ConfigError for a place that is not there, and for a model with a bounded `context`, which carries
    no state.
    """
    state = check_place(reading.cell, reading.units, layer, unit, state)
    if model.config.context:
        raise ConfigError(
            f"this model reads {setting('context', model.config.context)} tokens again at each step: it carries no state"
        )
    if not 0 <= at < len(reading.losses):
        raise ConfigError(f"`at` is {at}; expected 0 to {len(reading.losses) - 1}, the steps of the text")
    if not np.isfinite(value):
        raise ConfigError(f"`value` is {value!r}; expected a number")
    states = [{name: kept.copy() for name, kept in one.items()} for one in reading.states]
    states[layer][state][at, unit] = value
    ids, layers = encode(model, reading.text), recurrent(model)
    if at + 1 == len(ids):
        return dataclasses.replace(reading, states=states)
    carried = tuple(
        torch.from_numpy(np.stack([one[name][at] for one in states])).to(layers.like())
        for name in reading.cell.state_names
    )
    rest = torch.from_numpy(ids[at + 1 :]).to(model.device)
    with torch.inference_mode(), evaluating(model):
        y, _, trace = layers(
            rest,
            carried if len(carried) > 1 else carried[0],
            embedding=embedded(model),
            return_states=True,
            return_gates=bool(reading.gates[0]),
        )
        losses, likeliest, chances = score(model, y, ids[at + 1 :], reading.ids.shape[1])
    gates = [{name: kept.copy() for name, kept in one.items()} for one in reading.gates]
    for part, kept in ((states, trace.states), (gates, trace.gates)):
        for k, one in enumerate(part):
            for name in one:
                one[name][at + 1 :] = kept[name][k].cpu().numpy()
    # The next letter's loss is that of the step before, which was not touched.
    losses[0] = reading.losses[at + 1]

    def joined(whole: np.ndarray, new: np.ndarray) -> np.ndarray:
        return np.concatenate([whole[: at + 1], new])

    return dataclasses.replace(
        reading,
        states=states,
        gates=gates,
        losses=joined(reading.losses, losses),
        ids=joined(reading.ids, likeliest),
        chances=joined(reading.chances, chances),
    )
