"""The page's equations in JavaScript: values and gradients of every cell are those of the equations in float64."""

import json
import math
from random import Random

import numpy as np
import pytest
import torch
from helpers import page
from helpers.random_cells import random_cell
from torch.func import functional_call

from recurra import cells
from recurra.errors import CellError, ConfigError
from recurra.expr.ops import OPS
from recurra.inside import wiring
from recurra.nn import Recurrent
from recurra.page.equations import equations

pytestmark = pytest.mark.slow

UNITS, INPUTS, STEPS = 5, 3, 6
RUN = """([written, units, inputs, weights, rows, outputs, names]) => {
  const arrays = Object.fromEntries(Object.entries(weights).map(([name, v]) =>
    [name, name === "vectors" ? v.map((one) => Float64Array.from(one)) : Float64Array.from(v)]));
  const cell = new R.graph.Equations(written, units, inputs, null, arrays);
  const steps = cell.run(rows);
  const values = Object.fromEntries(names.map((name) => [name, steps.map((step) => [...step.value(name)])]));
  const dx = cell.learn(steps, outputs.map((row) => Float64Array.from(row)));
  const { vectors, ...rest } = cell.gradients;
  return {
    values,
    y: steps.map((step) => [...step.after[0]]),
    gradients: {
      ...Object.fromEntries(Object.entries(rest).map(([name, v]) => [name, [...v]])),
      vectors: vectors.map((v) => [...v]),
    },
    dx: dx.map((row) => [...row]),
  };
}"""


@pytest.fixture(scope="module")
def tab(chromium, tmp_path_factory):
    opened = chromium.new_page()
    opened.goto(page.harness(tmp_path_factory.mktemp("graph")).as_uri())
    return opened


def compared(tab, cell) -> None:
    torch.manual_seed(0)
    written = json.loads(json.dumps(equations(cell)))
    layer = Recurrent(cell, INPUTS, UNITS, backend="equations").double()
    for p in layer.parameters():
        p.data.uniform_(-0.6, 0.6)
    named = dict(layer.named_parameters())
    x = torch.randn(STEPS, 1, INPUTS, dtype=torch.float64, requires_grad=True)
    y, _ = functional_call(layer, named, (x,))
    if not y.requires_grad:
        pytest.skip("its output follows from nothing")
    cotangent = torch.randn_like(y)
    names = list(named)
    sources = [x, *named.values()]
    found = torch.autograd.grad((y * cotangent).sum(), sources, allow_unused=True)
    gradients = [torch.zeros_like(v) if g is None else g for v, g in zip(sources, found, strict=True)]
    weights = {
        to: named[f"{name}_l0"].flatten().tolist() if f"{name}_l0" in named else []
        for to, name in (("w_x", "weight_ih"), ("w_h", "weight_hh"), ("b_x", "bias_ih"), ("b_h", "bias_hh"))
    }
    weights["vectors"] = [named[f"{name}_l0"].tolist() for name in cell.vectors]
    drawn = list(wiring(cell).nodes)
    arguments = [written, UNITS, INPUTS, weights, x[:, 0].tolist(), cotangent[:, 0].tolist(), drawn]
    found = tab.evaluate(RUN, arguments)
    np.testing.assert_allclose(found["y"], y.detach()[:, 0], atol=1e-12)
    np.testing.assert_allclose(found["dx"], gradients[0][:, 0], atol=1e-11)
    by_name = dict(zip(names, gradients[1:], strict=True))
    for to, name in (("w_x", "weight_ih"), ("w_h", "weight_hh"), ("b_x", "bias_ih"), ("b_h", "bias_hh")):
        if f"{name}_l0" in named:
            expected = by_name[f"{name}_l0"].flatten()
            np.testing.assert_allclose(found["gradients"][to], expected, atol=1e-11, err_msg=name)
    for name, values in zip(cell.vectors, found["gradients"]["vectors"], strict=True):
        np.testing.assert_allclose(values, by_name[f"{name}_l0"], atol=1e-11, err_msg=name)
    state = cell.state_names[0]
    np.testing.assert_allclose(found["values"][f"{state}'"], y.detach()[:, 0], atol=1e-12)


def drawable(cell) -> bool:
    return not (cell.given_names or cell.output)


@pytest.mark.parametrize("name", [name for name, cell in cells.built_in().items() if drawable(cell)])
def test_a_built_in_cell_is_its_equations(tab, name):
    compared(tab, cells.get(name))


@pytest.mark.parametrize("seed", range(20))
def test_a_random_cell_is_its_equations(tab, seed):
    try:
        cell = random_cell(Random(seed), f"Random{seed}")
        equations(cell)
    except (CellError, ConfigError):
        pytest.skip("this one is refused")
    compared(tab, cell)


def test_no_operation_is_missing(tab):
    known = tab.evaluate("() => [...Object.keys(R.operations.OPS), ...Object.keys(R.graph.OVER_UNITS)]")
    assert set(OPS) - {"clamp"} == set(known)


@pytest.mark.parametrize("at", [-7.0, -2.6, -2.4, -0.3, 0.0, 1e-9, 0.7, 2.5, 3.1, 5.9])
def test_the_error_function_is_exact(tab, at):
    assert tab.evaluate("(v) => R.functions.errorFunction(v)", at) == pytest.approx(math.erf(at), abs=1e-14)
