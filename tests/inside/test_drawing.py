"""The drawing of a cell: its parts are those of its equations."""

import pytest
from helpers.inside_by_hand import OWN

from recurra import cells
from recurra.errors import TraceError
from recurra.inside.drawing import wiring


def drawn(cell) -> dict:
    return {part.name: part for part in wiring(cell).parts}


def test_an_lstm_has_its_gates_states_and_operations():
    parts = drawn("lstm")
    assert {name for name, part in parts.items() if part.valve} == {"i", "f", "o"}
    assert parts["f"].label == "σ"
    assert parts["f"].args == ("sum.f",)
    assert parts["sum.f"].args == ("x", "h")
    assert parts["g"].label == "tanh"
    assert not parts["g"].valve
    kept = next(part for part in parts.values() if part.label == "×" and "f" in part.args)
    assert set(kept.args) == {"f", "c"}
    memory = parts[parts["c'"].args[0]]
    assert memory.label == "+"
    assert kept.name in memory.args
    assert [name for name, part in parts.items() if part.kind == "new"] == ["h'", "c'"]


def test_a_number_stands_in_the_place_of_its_operation():
    parts = drawn("gru")
    assert [part.args for part in parts.values() if part.label == "1 −"] == [("z",)]


def test_a_product_apart_is_drawn_apart_and_a_sum_as_one():
    parts = drawn("gru")
    assert parts["sum.r"].label == "Wx+Uh r"
    assert (parts["x.n"].kind, parts["h.n"].kind) == ("product", "product")
    assert drawn("mingru")["sum.z"].args == ("x",)


def test_a_formula_with_a_name_is_one_part():
    norm = [part for part in drawn("layernorm-lstm").values() if part.label == "layer_norm"]
    assert len(norm) == 5
    assert {"sum.i", "gain_i", "shift_i"} in [set(part.args) for part in norm]


@pytest.mark.parametrize("cell", [*cells.built_in(), "leaky"])
def test_every_cell_that_can_be_traced_has_a_drawing_with_room_for_each_part(cell):
    try:
        drawing = wiring(OWN.get(cell, cell))
    except TraceError:
        pytest.skip(f"{cell} has no graph")
    parts = {part.name: part for part in drawing.parts}
    assert parts.keys() == drawing.places.keys() == drawing.nodes.keys() | {"x"}
    for part in drawing.parts:
        for arg in part.args:
            assert drawing.places[arg][0] < drawing.places[part.name][0], f"{arg} flows into {part.name}"
            passed = drawing.places[part.name][0] - drawing.places[arg][0] - 1
            assert len(drawing.bends.get((arg, part.name), ())) == passed
    columns: dict = {}
    for column, row in drawing.places.values():
        columns.setdefault(column, []).append(row)
    for rows in columns.values():
        rows.sort()
        assert all(b - a >= 0.99 for a, b in zip(rows, rows[1:], strict=False))
    assert {f"{state}'" for state in drawing.graph.cell.state_names} <= parts.keys()


def test_a_cell_that_branches_on_a_value_has_none():
    with pytest.raises(TraceError, match="cannot be compiled"):
        wiring(OWN["stubborn"])
