"""The record of a layer's options: what it says of each agrees with the core; it survives the operator, and pieces of time."""

import torch

from recurra.backends import options
from recurra.backends.cpu import abi

SPELLED = {"row": "const void*", "steps": "const uint8_t* const*", "number": "const double*"}
MADE = {
    "zoneout": [(torch.zeros(3, 2, 4).bool(), torch.ones(3, 2, 5).bool()), (torch.ones(3, 2, 4).bool(),) * 2],
    "mask": [(torch.rand(2, 4),), (torch.rand(2, 4),)],
    "zone_share": [(0.1, 0.2), (0.1, 0.2)],
}


def test_each_kind_is_a_field_of_the_core():
    for name, kind in options.KINDS.items():
        assert abi.Direction.spelled[name] == SPELLED[kind.size], name
        assert (kind.dtype is torch.bool) == (kind.size == "steps"), name


def test_tensors_and_numbers_make_the_record_again():
    made = options.again([*MADE], 2, 2, options.tensors(MADE), options.numbers(MADE))
    assert options.numbers(made) == [0.1, 0.2, 0.1, 0.2]
    pairs = zip(options.tensors(made), options.tensors(MADE), strict=True)
    assert all(new is old for new, old in pairs)
    assert [len(parts[0]) for parts in made.values()] == [2, 1, 2]


def test_only_what_has_steps_is_cut_in_time():
    cut = options.at_steps(options.of_direction(MADE, 1), lambda tensor: tensor[:2])
    assert [tuple(t.shape) for t in options.tensors(cut)] == [(2, 2, 4), (2, 2, 4), (2, 4)]
    assert cut["zone_share"] == [(0.1, 0.2)]
