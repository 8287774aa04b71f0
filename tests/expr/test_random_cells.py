"""Cells at random: compiled, they equal their equations in float64, with every gradient; or they are refused with the line."""

import re

import pytest
import torch
from helpers.compiled_step import COMPILER, by_autograd, by_cpp, instruction_sets, joined, random_case
from helpers.random_cells import REFUSED, random_cell
from helpers.soak import chance, count
from helpers.support import assert_close, random_state, randomise, run

from recurra import cells
from recurra.errors import CellError, TraceError
from recurra.expr.compile import generate
from recurra.nn import Recurrent

TOGETHER = 25
"""Cells that are compiled in one call."""
LIMITS = ("two h.of products", "h.of is used for 4 vectors")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.sampled,
    pytest.mark.skipif(COMPILER is None, reason="no C++ compiler here"),
]


def check(cell, made) -> bool:
    """Whether the numbers were finite, and so compared."""
    for rows, units in ((2, 3), (3, 17)):
        case = random_case(cell, rows, units, seed=units)
        want = by_autograd(cell, case)
        if not all(part.isfinite().all() for part in want.values()):
            return False
        got = by_cpp(cell, case, "f64", instruction_sets()[-1], made=made)
        assert_close({k: v + 1.0 for k, v in got.items()}, {k: v + 1.0 for k, v in want.items()}, 1e-8)
    return True


@pytest.mark.parametrize("part", range(count(100, 2000) // TOGETHER))
def test_compiled_equals_equations(part):
    random = chance()
    random.seed(random.random() + part)
    drawn = [cells.get(random_cell(random, f"Random{part}x{k}")) for k in range(TOGETHER)]
    compiled = []
    for cell in drawn:
        try:
            generate(cell)
            compiled.append(cell)
        except TraceError as error:
            if not any(limit in str(error) for limit in LIMITS):
                raise AssertionError(f"{error}\n{cell.source}") from error
    made, finite = joined(tuple(compiled), instruction_sets()[-1], ("f64",)), 0
    for cell in compiled:
        try:
            finite += check(cell, made[cell])
        except AssertionError as error:
            raise AssertionError(f"{error}\n{cell.source}") from error
    assert len(compiled) >= 0.9 * len(drawn)
    assert finite >= 0.9 * len(compiled)


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_compiled_is_refused_with_its_line(what):
    random = chance()
    for k in range(count(3, 40)):
        cell = random_cell(random, f"Refused{k}", what)
        with pytest.raises(CellError) as caught:  # some when the layer is made, since they fail on tensors too
            generate(cells.get(cell))
        assert re.search(rf"refused{k}\.py:\d+: `bad = .*`: ", str(caught.value)), f"{caught.value}\n{cell.source}"


OPTIONS = [
    dict(bidirectional=True),
    dict(num_layers=2, learn_initial=True),
    dict(heads=2, zoneout=0.2),
    dict(checkpoint_every=3, bias=False),
]


@pytest.mark.parametrize("number", range(count(4, 60)))
def test_as_a_layer_with_options(number):
    random = chance()
    random.seed(random.random() + 1000 + number)
    cell = cells.get(random_cell(random, f"Layer{number}"))
    options = dict(OPTIONS[number % len(OPTIONS)])
    if not cell.recurrent:
        options.pop("heads", None)
    layer = randomise(Recurrent(cell, 3, 6, dtype=torch.float64, **options).eval(), 0.3)
    x, state = torch.randn(5, 4, 3, dtype=torch.float64), random_state(layer, 4)
    lengths = torch.tensor([5, 2, 0, 4])
    resets = torch.rand(5, 4) < 0.2
    given = {name: torch.rand(5, 4, dtype=torch.float64) for name in cell.given_names}
    assert str(layer.explain(x, **given)) == "cpu", cell.source
    results = []
    for backend in ("cpu", "equations"):
        layer.backend = backend
        results.append(run(layer, x, state, lengths=lengths, resets=resets, **given))
    assert_close(*results, 1e-7)
