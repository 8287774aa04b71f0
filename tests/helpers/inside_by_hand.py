"""A language model's run written out: one token, one layer, one step at a time, by the cell's own `step`."""

import numpy as np
import torch
import torch.nn.functional as F

from recurra import cells
from recurra.cells import Cell
from recurra.expr import sigmoid, tanh
from recurra.tasks.language.config import LanguageConfig
from recurra.tasks.language.model import LanguageModel
from recurra.text import build_vocabulary


class Leaky(Cell):
    """A user's cell with an inner state, gates it does not show, and a vector."""

    gates = "f n"
    states = "out m"
    vectors = {"gain": 1.0}

    def step(self, x, h, s, w):
        f = sigmoid(x.f + h.f)
        m = f * s.m + (1 - f) * tanh(x.n + h.n)
        return s.next(out=w.gain * tanh(m), m=m)


class Stubborn(Leaky):
    """The same, but a branch on a value cannot be traced."""

    def step(self, x, h, s, w):
        return super().step(x, h, s, w) if x.f.sum() < 1e9 else s.next(out=s.out, m=s.m)


OWN = {"leaky": Leaky(), "stubborn": Stubborn()}
CELLS = [*cells.names(given=False), *OWN]
OPTIONS = {
    "plain": {},
    "one layer": {"num_layers": 1},
    "residual, zoneout": {"residual": True, "zoneout": 0.2},
    "tied": {"tie_weights": True, "embedding_size": 5},
}
TEXT = 'to be "or not" to be,\nthat (is) it'


def tiny(cell="lstm", text=TEXT, form=None, **options) -> LanguageModel:
    """A small model in float64 with distinct random weights everywhere."""
    options = {"embedding_size": 4, "hidden_size": 5, "num_layers": 2} | options
    model = LanguageModel(build_vocabulary([text], form), LanguageConfig(cell=cell, **options)).double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0, 0.5)
    return model


def by_hand(model, ids, hold=None, x=None) -> dict:
    """States and gates by (layer, name), each (time, units), and logits (time, tokens).

    hold: {(layer, unit): value} for the output. x: what the tokens stand for, in place of the embedding.
    """
    layers, cell, hold = model.layers, model.layers.cell, hold or {}
    known, kept, shown = cells.facts(cell), {}, {}
    x = model.embedding.weight[ids] * model.scale if x is None else x
    for layer in range(layers.num_layers):
        own = {n.removesuffix(f"_l{layer}"): p for n, p in layers.named_parameters() if n.endswith(f"_l{layer}")}

        def product(v, gate, own=own):
            rows = F.linear(v, own["weight_hh"], own["bias_hh"]).chunk(len(known.h_gates), -1)
            return rows if gate is None else rows[gate]

        def held(state, layer=layer):
            state = state.clone()
            for (at, unit), value in hold.items():
                if at == layer:
                    state[:, unit] = value
            return state

        states = [x.new_zeros(1, layers.hidden_size) for _ in cell.state_names]
        states[0] = held(states[0])
        outputs = []
        for step in x:
            rows = F.linear(step[None], own["weight_ih"], own["bias_ih"])
            a = by_name(known.x_gates, rows.chunk(len(known.x_gates), -1))
            vectors = {name: own[name] for name in cell.vectors}
            new = cell.step(
                *cell.arguments(a, product, by_name(cell.state_names, states), vectors, gates=known.h_gates)
            )
            first, *rest = new.states
            zones = layers.zoneout or [0.0] * len(states)
            states = [z * old + (1 - z) * v for z, old, v in zip(zones, states, [held(first), *rest], strict=True)]
            outputs.append(states[0])
            for name, value in by_name(cell.state_names, states).items():
                kept.setdefault((layer, name), []).append(value)
            for name, value in new.gates.items():
                shown.setdefault((layer, name), []).append(value)
        y = torch.cat(outputs)
        x = y + x if layers.residual and layer else y
    whole = {
        part: {key: torch.cat(v) for key, v in found.items()} for part, found in (("states", kept), ("gates", shown))
    }
    return {**whole, "logits": model.head(x)}


def by_name(names, values) -> dict:
    return dict(zip(names, values, strict=True))


def assert_reading(reading, want, ids) -> None:
    """A Reading is what `by_hand` found: every state, every gate, every loss."""
    for part in ("states", "gates"):
        found = {(k, name): values for k, layer in enumerate(getattr(reading, part)) for name, values in layer.items()}
        assert found.keys() == want[part].keys()
        for key, values in found.items():
            np.testing.assert_allclose(values, want[part][key].detach(), rtol=1e-9, atol=1e-12, err_msg=f"{key}")
    assert np.isnan(reading.losses[0])
    assert reading.losses.dtype == np.float64
    np.testing.assert_allclose(reading.losses[1:], losses(want["logits"], ids), rtol=1e-9)


def losses(logits, ids) -> np.ndarray:
    """Nats a token from the second one on."""
    return F.cross_entropy(logits[:-1], ids[1:], reduction="none").detach().numpy()


def encode(model, text=TEXT) -> torch.Tensor:
    return torch.from_numpy(model.vocabulary.encode(text).astype(np.int64))
