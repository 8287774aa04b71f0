"""The numbers in a cell's drawing are those that the model computes."""

import numpy as np
import pytest
from helpers.inside_by_hand import OPTIONS, TEXT, tiny

from recurra import cells, inside
from recurra.errors import ConfigError, TraceError
from recurra.inside.drawing import wiring
from recurra.inside.flow import nudge, wires


def close(found, want, name=""):
    np.testing.assert_allclose(found, want, rtol=1e-9, atol=1e-12, err_msg=name)


MADE = {"σ": lambda v: 1 / (1 + np.exp(-v)), "tanh": np.tanh, "×": np.multiply, "+": np.add}


@pytest.mark.parametrize("cell", cells.built_in(given=False))
def test_gates_and_states_are_those_of_the_reading(cell):
    try:
        drawing = wiring(cell)
    except TraceError:
        pytest.skip(f"{cell} has no graph")
    model = tiny(cell)
    reading = inside.read(model, TEXT)
    part = {node: name for name, node in drawing.nodes.items()}
    for layer in range(2):
        found = wires(model, reading, layer)
        assert found.keys() == drawing.nodes.keys()
        for gate, node in drawing.graph.gates.items():
            close(found[part[node]], reading.gates[layer][gate], gate)
        for state in reading.cell.state_names:
            computed = next(one.args[0] for one in drawing.parts if one.name == f"{state}'")
            close(found[computed], reading.states[layer][state], state)
            close(found[f"{state}'"], reading.states[layer][state], state)
            if state in found:  # some cells read only one of their states
                close(found[state][1:], reading.states[layer][state][:-1], state)


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_every_operation_is_what_its_parts_make(options):
    model = tiny("lstm", **options)
    reading = inside.read(model, TEXT)
    layer = model.layers.num_layers - 1
    found = wires(model, reading, layer)
    parts = {part.name: part for part in wiring("lstm").parts}
    for name, part in parts.items():
        if part.kind == "op":
            values = [found[arg] for arg in part.args]
            make = {"×": np.prod, "+": np.sum}.get(part.label)
            want = (
                {"σ": lambda v: 1 / (1 + np.exp(-v)), "tanh": np.tanh}[part.label](values[0])
                if not make
                else make(values, 0)
            )
            close(found[name], want, name)
    close(found["f"], reading.gates[layer]["f"])
    own = {n: p.detach().numpy() for n, p in model.layers.named_parameters()}
    rows = slice(model.config.hidden_size, 2 * model.config.hidden_size)  # f is the second of i f g o
    h = found["h"] @ own[f"weight_hh_l{layer}"][rows].T + own[f"bias_hh_l{layer}"][rows]
    if layer == 0:
        x = model.embedding.weight.detach().numpy()[model.vocabulary.encode(TEXT).astype(int)] * model.scale
        close(found["sum.f"], x @ own["weight_ih_l0"][rows].T + own["bias_ih_l0"][rows] + h)


def test_some_steps_are_a_piece_of_all():
    model = tiny("gru")
    reading = inside.read(model, TEXT)
    whole, piece = wires(model, reading, 1), wires(model, reading, 1, first=3, count=4)
    for name, values in piece.items():
        close(values, whole[name][3:7], name)
    with pytest.raises(ConfigError, match=r"first.* is 99 .* 0 to 33"):
        wires(model, reading, 0, first=99)
    with pytest.raises(ConfigError, match=r"layer.* is 2"):
        wires(model, reading, 2)


def test_a_bounded_context_is_shown_as_far_as_its_state_is_carried():
    model = tiny("lstm", context=6)
    reading = inside.read(model, TEXT)
    found = wires(model, reading, 1)
    assert len(found["f"]) == 6
    close(found["f"], reading.gates[1]["f"][:6])
    with pytest.raises(ConfigError, match="it carries no state"):
        nudge(model, reading, 2, 0, 0, 1.0)


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_a_changed_number_changes_all_that_follows_and_nothing_before(cell):
    model = tiny(cell)
    reading = inside.read(model, TEXT)
    state = reading.cell.state_names[-1]
    new = nudge(model, reading, 7, 0, 2, 1.5, state)
    assert new.states[0][state][7, 2] == 1.5
    for layer in range(2):
        for name in reading.cell.state_names:
            close(new.states[layer][name][:7], reading.states[layer][name][:7])
            assert not np.allclose(new.states[layer][name][8], reading.states[layer][name][8])
    close(new.losses[1:9], reading.losses[1:9])
    assert not np.isclose(new.losses[9], reading.losses[9])
    close(new.chances[:8], reading.chances[:8])
    # What the wires say of the step after is what the equations make of the changed number.
    assert wires(model, new, 0)[state][8, 2] == 1.5
    drawing = wiring(cell)
    part = {node: name for name, node in drawing.nodes.items()}
    for gate, node in drawing.graph.gates.items():
        close(wires(model, new, 0)[part[node]], new.gates[0][gate])


def test_a_number_put_back_changes_nothing():
    model = tiny("lstm")
    reading = inside.read(model, TEXT)
    same = nudge(model, reading, 7, 1, 2, float(reading.states[1]["c"][7, 2]), "c")
    for layer in range(2):
        for name in ("h", "c"):
            close(same.states[layer][name], reading.states[layer][name])
    close(same.losses[1:], reading.losses[1:])


def test_the_last_step_and_what_is_not_there():
    model = tiny("lstm")
    reading = inside.read(model, TEXT)
    last = len(reading.losses) - 1
    assert nudge(model, reading, last, 0, 0, 1.0).states[0]["h"][last, 0] == 1
    with pytest.raises(ConfigError, match="`at` is 99"):
        nudge(model, reading, 99, 0, 0, 1.0)
    with pytest.raises(ConfigError, match=r"unit.* is 5"):
        nudge(model, reading, 0, 0, 5, 1.0)
    with pytest.raises(ConfigError, match="`value` is nan"):
        nudge(model, reading, 0, 0, 0, float("nan"))


def test_the_first_step_starts_from_zeros():
    model = tiny("lstm")
    reading = inside.read(model, TEXT)
    assert not wires(model, reading, 0)["c"][0].any()
    assert not wires(model, reading, 1)["h"][0].any()
