"""The functions that cells are written in, on tensors: PyTorch's own, values and gradients, with numbers beside them."""

import inspect
import math

import pytest
import torch
import torch.nn.functional as F

from recurra import expr
from recurra.cells import Cell
from recurra.errors import CellError
from recurra.expr.text import equations
from recurra.expr.trace import trace

SAME = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "exp": torch.exp,
    "log": torch.log,
    "sqrt": torch.sqrt,
    "rsqrt": torch.rsqrt,
    "reciprocal": torch.reciprocal,
    "square": torch.square,
    "abs": torch.abs,
    "sign": torch.sign,
    "softplus": F.softplus,
    "gelu": F.gelu,
    "silu": F.silu,
    "softmax": lambda v: torch.softmax(v, -1),
    "row_sum": lambda v: v.sum(-1, keepdim=True),
    "row_mean": lambda v: v.mean(-1, keepdim=True),
    "row_max": lambda v: v.amax(-1, keepdim=True),
}


def gradient(function, v):
    v = v.clone().requires_grad_()
    y = function(v)
    (dv,) = torch.autograd.grad(y, v, torch.ones_like(y))
    return dv


@pytest.mark.parametrize("name", SAME)
def test_same_as_torch(name):
    positive = name in ("log", "sqrt", "rsqrt")
    v = torch.cat([torch.randn(40).abs() + 0.1, -torch.rand(9) * (not positive) + positive, torch.ones(1) * positive])
    v = v.view(5, 10).double()
    ours, theirs = getattr(expr, name), SAME[name]
    assert torch.equal(ours(v), theirs(v))
    assert torch.equal(gradient(ours, v), gradient(theirs, v))


def test_hard_sigmoid_and_its_corners():
    v = torch.tensor([-4.0, -3.0, -2.0, 0.0, 2.9, 3.0, 5.0], dtype=torch.float64)
    assert torch.allclose(expr.hard_sigmoid(v), F.hardsigmoid(v), rtol=1e-15)
    # PyTorch rounds its sixth to float32, whatever the dtype.
    assert torch.allclose(gradient(expr.hard_sigmoid, v), gradient(F.hardsigmoid, v), atol=2e-8)


def test_formulas_take_pytorchs_arguments_by_name():
    class Named(Cell):
        gates = "n"

        def step(self, x, h, s):
            return s.next(
                h=F.gelu(input=x.n, approximate="tanh") + expr.gelu(h.n, approximate="tanh") + F.silu(input=s.h)
            )

    assert dict(equations(trace(Named()))) == {"h'": "gelu_tanh(x.n) + gelu_tanh(h.n) + silu(h)"}
    assert str(inspect.signature(expr.gelu)) == "(v, approximate: str = 'none')"
    assert expr.gelu.__doc__.startswith("v times the normal distribution's share below v")


def test_options():
    v, gain, shift = (torch.randn(3, 5, dtype=torch.float64) for _ in range(3))
    assert torch.equal(expr.softplus(v, 3.0), F.softplus(v, 3.0))
    assert torch.equal(expr.softplus(v, 3.0, threshold=0.5), F.softplus(v, 3.0, 0.5))
    assert expr.softplus(0.7, 2.0) == pytest.approx(math.log(1 + math.exp(1.4)) / 2, rel=1e-12)
    assert expr.softplus(0.7, 2.0, threshold=1.0) == 0.7
    assert str(inspect.signature(expr.softplus)) == "(v, beta: float = 1.0, threshold: float = 20.0)"
    assert torch.equal(expr.gelu(v, "tanh"), F.gelu(v, approximate="tanh"))
    assert torch.equal(expr.clamp(v, -0.5, 0.5), v.clamp(-0.5, 0.5))
    assert torch.equal(expr.clamp(v, high=0.5), v.clamp(max=0.5))
    want = F.layer_norm(v, (5,), gain[0], shift[0], 1e-3)
    assert torch.equal(expr.layer_norm(v, gain[0], shift[0], 1e-3), want)
    assert torch.allclose(expr.rms_norm(v, gain[0], 1e-3), F.rms_norm(v, (5,), gain[0], 1e-3), rtol=1e-12)


def test_numbers_beside_tensors():
    v = torch.tensor([-1.0, 0.5, 2.0], dtype=torch.float64)
    assert expr.maximum(v, 0.5).tolist() == [0.5, 0.5, 2.0]
    assert expr.minimum(0.5, v).tolist() == [-1.0, 0.5, 0.5]
    assert gradient(lambda v: expr.maximum(v, 0.5), v).tolist() == [0.0, 0.5, 1.0]
    assert expr.where(v > 0, v, 0.0).tolist() == [0.0, 0.5, 2.0]


def test_under_vmap_and_double_backward():
    v = torch.randn(4, 3, dtype=torch.float64)
    for function in (expr.silu, expr.gelu, expr.hard_sigmoid, expr.rsqrt, lambda v: expr.maximum(v, 0.1)):
        positive = v.abs() + 0.2
        assert torch.allclose(torch.func.vmap(function)(positive), function(positive))
        assert torch.autograd.gradgradcheck(function, positive.clone().requires_grad_())


def test_on_numbers():
    for name in ("silu", "gelu", "hard_sigmoid", "square", "sigmoid", "softplus"):
        assert getattr(expr, name)(0.7) == pytest.approx(
            getattr(expr, name)(torch.tensor(0.7, dtype=torch.float64)).item(), rel=1e-12
        )
    assert (expr.clamp(3.0, 0, 1), expr.maximum(1, 2.5), expr.where(True, 1.0, 2.0)) == (1.0, 2.5, 1.0)
    v = torch.tensor(0.7, dtype=torch.float64)
    assert expr.gelu(0.7, "tanh") == pytest.approx(F.gelu(v, approximate="tanh").item(), rel=1e-12)
    with pytest.raises(CellError, match=r"row_mean\(0\.5\) is of a number; it takes a value with one number for each"):
        expr.row_mean(0.5)
    with pytest.raises(CellError, match=r"layer_norm\(2\) is of a number"):
        expr.layer_norm(2, None, None)


def test_norms_without_a_gain():
    v = torch.randn(3, 5, dtype=torch.float64)
    assert torch.allclose(expr.rms_norm(v, None), F.rms_norm(v, (5,), None, 1e-6), rtol=1e-12)
    assert torch.equal(expr.layer_norm(v, None, None), F.layer_norm(v, (5,)))
