"""The units by what holding each of them does, against holding one after the other."""

import pytest
from helpers.inside_by_hand import TEXT, tiny

from recurra import inside
from recurra.errors import ConfigError


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn", "peephole-lstm"])
def test_each_effect_is_that_of_the_unit_held_alone(cell):
    model = tiny(cell)
    reading = inside.read(model, TEXT)
    found = inside.effects(model, reading, steps=20)
    state = reading.cell.state_names[-1]
    assert len(found) == 10  # two layers of five units
    assert len({(one.clamp.layer, one.clamp.unit) for one in found}) == 10
    sizes = [abs(one.change) for one in found]
    assert sizes == sorted(sizes, reverse=True)
    for one in found:
        values = reading.unit(one.clamp.layer, one.clamp.unit, state)
        either = {
            float(end): inside.clamp(
                model, TEXT[:20], [inside.Clamp(one.clamp.layer, one.clamp.unit, float(end), state)]
            ).change
            for end in (values.min(), values.max())
        }
        assert one.change == pytest.approx(either[one.clamp.value], abs=1e-9)
        assert abs(one.change) == pytest.approx(max(map(abs, either.values())), abs=1e-9)


def test_only_those_that_vary_most_are_tried():
    model = tiny("lstm")
    reading = inside.read(model, TEXT)
    found = inside.effects(model, reading, state="h", candidates=3)
    liveliest = inside.rank(reading, "variance", state="h").units[:3]
    assert {(one.clamp.layer, one.clamp.unit) for one in found} == {(one.layer, one.unit) for one in liveliest}
    assert {one.clamp.state for one in found} == {"h"}


def test_what_has_no_effects():
    model = tiny("lstm")
    assert inside.effects(model, inside.read(model, "t")) == []
    with pytest.raises(ConfigError, match="`state` is 'x'; expected one of"):
        inside.effects(model, inside.read(model, TEXT), state="x")
    bounded = tiny("lstm", context=4)
    with pytest.raises(ConfigError, match=r"`context` is 4|context=4|reads .* again at each step"):
        inside.effects(bounded, inside.read(bounded, TEXT))
