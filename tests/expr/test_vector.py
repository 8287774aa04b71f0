"""native/vector.h: every function against PyTorch in float64, over the whole range of floats, and at the ends."""

import ctypes
import math

import pytest
import torch
from helpers.compiled_step import COMPILER, compiled, instruction_sets
from helpers.soak import count

pytestmark = pytest.mark.skipif(COMPILER is None, reason="no C++ compiler here")

SOURCE = """
#include "step.h"
#include "vector.h"
using namespace recurra;
#define BOTH(F)                                                                                          \\
  RECURRA_EXPORT void F##_f32(const float* a, float* b, long n) {                                        \\
    each<float>(n, [&](auto at) { store(b, at, F(load(a, at))); });                                      \\
  }                                                                                                      \\
  RECURRA_EXPORT void F##_f64(const double* a, double* b, long n) {                                      \\
    each<double>(n, [&](auto at) { store(b, at, F(load(a, at))); });                                     \\
  }
template <class V> V soft(V v) { return softplus(v, decltype(first(v))(20)); }
BOTH(exp) BOTH(expm1) BOTH(log) BOTH(log1p) BOTH(sqrt) BOTH(sigmoid) BOTH(tanh) BOTH(erf) BOTH(soft)
BOTH(relu) BOTH(abs) BOTH(sign) BOTH(exp2) BOTH(sin) BOTH(cos) BOTH(floor) BOTH(logsigmoid)
RECURRA_EXPORT float total_f32(const float* a, long n) {
  Floats sum{};
  each<float>(n, [&](auto at) { sum += only(load(a, at), at, 0.0f); });
  return total(sum);
}
RECURRA_EXPORT float largest_f32(const float* a, long n) {
  Floats most = all(-__builtin_inff());
  each<float>(n, [&](auto at) { most = maximum(most, only(load(a, at), at, -__builtin_inff())); });
  return largest(most);
}
RECURRA_EXPORT void pair_f32(const float* a, const float* b, float* low, float* high, long n) {
  each<float>(n, [&](auto at) {
    store(low, at, minimum(load(a, at), load(b, at)));
    store(high, at, maximum(load(a, at), load(b, at)));
  });
}
"""
# The largest error in units in the last place, as the comments of vector.h give it.
ULP = {
    "exp": 1.5,
    "exp2": 1.5,
    "expm1": 2.0,
    "log": 1.0,
    "log1p": 1.6,
    "sqrt": 0.51,
    "sigmoid": 2.5,
    "tanh": 2.7,
    "erf": 2.7,
    "soft": 2.2,
    "logsigmoid": 2.2,
    "sin": 0.6,
    "cos": 0.6,
    "floor": 0.0,
    "relu": 0.0,
    "abs": 0.0,
    "sign": 0.0,
}
SMALLEST = 2.0**-126


def exact(name, v):
    if name in ("soft", "logsigmoid"):
        soft = (v if name == "soft" else -v).clamp(min=0) + torch.log1p(torch.exp(-v.abs()))
        return soft if name == "soft" else -soft
    return getattr(torch, name)(v)


def call(library, name, v):
    out = torch.full_like(v, float("nan"))
    kind = "f32" if v.dtype == torch.float32 else "f64"
    getattr(library, f"{name}_{kind}")(
        ctypes.c_void_p(v.data_ptr()), ctypes.c_void_p(out.data_ptr()), ctypes.c_long(v.numel())
    )
    return out


def sweep() -> torch.Tensor:
    """Every 10,007th float of all there are (every 101st in `make soak`), but for NaN, infinity and denormals."""
    bits = torch.arange(-(2**31), 2**31, count(10_007, 101), dtype=torch.int64).to(torch.int32)
    v = bits.view(torch.float32)
    return v[v.isfinite() & (v.abs() >= SMALLEST)].contiguous()


@pytest.mark.sampled
@pytest.mark.parametrize("march", instruction_sets())
@pytest.mark.parametrize("name", ULP)
def test_float_functions(name, march):
    v = sweep()
    got, want = call(compiled(SOURCE, march), name, v).double(), exact(name, v.double())
    inside = want.isfinite() & (want.abs() >= SMALLEST) & (want.abs() <= torch.finfo(torch.float32).max)
    ulp = torch.exp2(torch.floor(torch.log2(want.abs())) - 23)
    error = ((got - want).abs() / ulp)[inside].max().item()
    assert error <= ULP[name], f"{name}: {error:.3f} ulp"
    # Below the smallest normal float anything from 0 to there will do; beyond the largest, infinity.
    assert bool((got[want.abs() < SMALLEST].abs() <= SMALLEST).all())
    assert torch.equal(got[want.abs() > 3.4028236e38].abs(), want[want.abs() > 3.4028236e38].abs() * math.inf)
    assert torch.equal(got.isnan(), want.isnan())


@pytest.mark.parametrize("march", instruction_sets())
@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", ULP)
def test_ends(name, kind, march):
    v = torch.tensor([math.nan, -math.nan, math.inf, -math.inf, 0.0, -0.0, 1.0, -1.0, 100.0, -100.0], dtype=kind)
    got, want = call(compiled(SOURCE, march), name, v), exact(name, v)
    assert torch.equal(got.isnan(), want.isnan())
    assert torch.allclose(got, want, rtol=1e-6, atol=1e-37, equal_nan=True)


@pytest.mark.parametrize("name", ULP)
def test_double_functions(name):
    v = torch.cat([torch.linspace(-30, 30, 4001), torch.logspace(-30, 2, 500), -torch.logspace(-30, 2, 500)]).double()
    got, want = call(compiled(SOURCE, instruction_sets()[-1]), name, v), exact(name, v)
    ok = want.isfinite() & (want != 0)
    assert ((got - want).abs() / want.abs())[ok].max().item() < (2e-9 if name == "soft" else 1e-14)


def test_small_arguments_keep_their_digits():
    v = torch.logspace(-37, -3, 2000, dtype=torch.float32)
    for name in ("tanh", "expm1", "log1p", "erf", "sin"):
        got = call(compiled(SOURCE, instruction_sets()[-1]), name, v).double()
        assert ((got - exact(name, v.double())).abs() / exact(name, v.double())).max().item() < 3e-7


@pytest.mark.parametrize("march", instruction_sets())
@pytest.mark.parametrize("units", [1, 3, 7, 8, 15, 16, 17, 31, 33, 100])
def test_over_the_units(units, march):
    library = compiled(SOURCE, march)
    for name in ("total_f32", "largest_f32"):
        getattr(library, name).restype = ctypes.c_float
    v = torch.randn(units) - 5.0  # all below 0: a 0 from past the end would be the largest
    pointer, size = ctypes.c_void_p(v.data_ptr()), ctypes.c_long(units)
    assert library.total_f32(pointer, size) == pytest.approx(v.sum().item(), rel=1e-5)
    assert library.largest_f32(pointer, size) == v.max().item()
    v[units // 2] = math.nan
    assert math.isnan(library.largest_f32(pointer, size))


@pytest.mark.parametrize("march", instruction_sets())
def test_minimum_and_maximum_pass_nan_on(march):
    a = torch.tensor([1.0, 2.0, math.nan, 3.0, math.nan, math.inf, -math.inf])
    b = torch.tensor([2.0, 1.0, 1.0, math.nan, math.nan, 1.0, 1.0])
    low, high = torch.empty(7), torch.empty(7)
    pointers = [ctypes.c_void_p(t.data_ptr()) for t in (a, b, low, high)]
    compiled(SOURCE, march).pair_f32(*pointers, ctypes.c_long(7))
    assert torch.equal(torch.nan_to_num(low, 99.0), torch.nan_to_num(torch.minimum(a, b), 99.0))
    assert torch.equal(torch.nan_to_num(high, 99.0), torch.nan_to_num(torch.maximum(a, b), 99.0))
