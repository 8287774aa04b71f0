"""The operations in JavaScript: values and derivatives are PyTorch's in float64, at the ends too."""

import numpy as np
import pytest
import torch
from helpers import page_hosts

from recurra.expr.evaluate import evaluate
from recurra.expr.graph import Table
from recurra.expr.ops import OPS

pytestmark = pytest.mark.skipif(not page_hosts.node_program(), reason="no Node here")

POINTS = [-40.0, -7.0, -2.6, -2.4, -1.0, -0.3, 0.0, 1e-9, 0.7, 1.0, 2.5, 3.1, 5.9, 19.5, 20.0, 20.5, 30.0]
TRUTHS = {"not": 1, "and": 2, "or": 2, "where": 1}
"""How many of an operation's arguments are true or false."""
NAMES = [name for name, row in OPS.items() if not (row.ends_loop or row.limits)]
CODE = """([name, points]) => {
  const [value, slopes] = R.operations.OPS[name];
  return points.map((point) => [value(...point), ...slopes(value(...point), ...point)]);
}"""


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    with page_hosts.node(tmp_path_factory.mktemp("operations")) as found:
        yield found


def by_the_table(name: str, points: torch.Tensor) -> list[torch.Tensor]:
    """Value and derivatives from the row's PyTorch function and derivative. points: (arguments, points)."""
    row, table = OPS[name], Table()
    leaves = [table.leaf("argument", k) for k in range(row.arity)]
    y = table.make(name, *leaves)
    slopes = row.derivative(table, y, table.const(1), *leaves) if row.derivative else (None,) * row.arity
    nodes = [y, *(table.const(0) if slope is None else slope for slope in slopes)]
    values = {leaf: points[k].bool() if k < TRUTHS.get(name, 0) else points[k] for k, leaf in enumerate(leaves)}
    return [v.double().expand(points.shape[1]) for v in evaluate(nodes, values.__getitem__, units=1)]


def test_all_that_work_unit_by_unit_are_there(node):
    assert node.evaluate("() => Object.keys(R.operations.OPS)") == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_it_is_the_tables(node, name):
    a, b = np.meshgrid(POINTS, [-1.3, -0.3, 0.7, 1.0, 20.0])
    points = np.stack([a.ravel(), b.ravel(), np.full(a.size, 0.4)])[: OPS[name].arity]
    truths = TRUTHS.get(name, 0)
    points[:truths] = points[:truths] > 0
    got = np.array(node.evaluate(CODE, [name, points.T.tolist()]), dtype=float).T
    want = torch.stack(by_the_table(name, torch.tensor(points))).numpy()
    finite = np.isfinite(want).all(0)  # JSON has no infinity
    assert finite.any()
    np.testing.assert_allclose(got[:, finite], want[:, finite], rtol=1e-12, atol=1e-14)
