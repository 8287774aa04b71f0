"""Cells that use every corner of the language: for tests of the compiler, never to be trained."""

import torch
import torch.nn.functional as F

from recurra import cells, expr
from recurra.cells import Cell


class Elementwise(Cell):
    """Every elementwise function once, each on a gate's sum; the sums make logarithms and roots safe."""

    gates = "a b d e"
    states = "h c m"

    def step(self, x, h, s):
        a, b, c, d = x.a + h.a, x.b + h.b, x.d + h.d, x.e + h.e
        one = expr.exp(-expr.abs(a)) + expr.log(1 + b * b) - expr.softplus(c) + expr.softplus(d, 2.0)
        two = expr.gelu(a) + expr.gelu(b, "tanh") + expr.silu(c) + expr.hard_sigmoid(d) + expr.relu(a - 0.5)
        three = expr.sqrt(a * a + 0.3) + expr.rsqrt(b * b + 0.7) + expr.reciprocal(2 + c.square()) + expr.sign(d) * a
        four = expr.clamp(a, -0.5, 0.7) + expr.clamp(b, high=0.2) + expr.clamp(c, low=-0.1)
        return s.next(h=one * 0.3 + s.m, c=two - s.c * 0.1, m=(three + four) / (1 + expr.square(s.h)), a=one)


class Given(Cell):
    """Numbers given at each step, in gates, in a product of their own, alone, and an output apart from the states."""

    gates = "a b"
    states = "h c"
    given = "dt mask"
    output = "y"
    vectors = {"rate": 0.5}

    def step(self, x, h, s, w, given):
        faded = expr.exp(-expr.square(w.rate * given.dt)) * s.c
        a = expr.tanh(x.a + h.of(faded * given.mask).a)
        new = given.mask * a + (1 - given.mask) * s.h
        return s.next(h=new, c=faded + expr.row_mean(given.dt) * a, a=a, y=expr.sigmoid(x.b + h.b) * new + given.dt)


class SharedGradient(Cell):
    """Two products whose gates have one gradient, a number a row: the second's stage has nothing to do, the last reads it."""

    gates = "a b d"

    def step(self, x, h, s):
        both = h.of(expr.tanh(x.a)).a + h.of(expr.sigmoid(x.b)).b + x.d * x.d
        return s.next(h=expr.tanh(expr.row_mean(both) + 0.5 * s.h))


class Corners(Cell):
    """Minimum, maximum, comparisons, truth values, where, with numbers on either side, and ties."""

    gates = "a b"
    states = "h c"

    def step(self, x, h, s):
        big = expr.maximum(x.a, h.a) - expr.minimum(x.b, 0.25) + expr.maximum(0.1, s.c)
        tie = expr.maximum(x.a, x.a + 0 * 1) + expr.relu(x.b - x.b) + expr.abs(h.b - h.b)
        chosen = expr.where((x.a > 0) & (h.b <= 0.5) | ~(s.h < s.c), big, expr.where(x.b >= h.b, 0.0, tie * 2))
        counted = (x.a != 0.5) * s.h + expr.where((x.b == x.b) == (x.a > 0), 1.5, 0.5)
        return s.next(h=chosen - counted, c=2 / (3 + s.c**2) + s.h**3 - (s.c * s.c + 1) ** -0.5, b=tie)


class Rows(Cell):
    """Every row operation, one inside another."""

    gates = "a b d"
    states = "h c"
    vectors = {"gain": 1.0, "shift": 0.0, "other": 0.5}

    def step(self, x, h, s, w):
        shared = expr.softmax(x.a + h.a)
        normal = expr.layer_norm(x.b + h.b, w.gain, w.shift)
        root = expr.rms_norm(normal * s.c, w.other)
        largest = expr.row_max(x.d)
        spread = expr.row_sum(shared * root) + expr.row_mean(h.d) * largest
        new = expr.tanh(normal + spread) * shared
        return s.next(h=new - expr.row_mean(new), c=s.c / (1 + expr.row_sum(s.c * s.c)) + root, a=shared)


class Sums(Cell):
    """Cumulative sums: of units, of vectors, of a row's number in the gradient, one inside another, across a product."""

    gates = "a b d"
    states = "h c"
    vectors = {"p": 0.3}

    def step(self, x, h, s, w):
        grows = expr.softmax(expr.cumsum(x.a + h.a) * 0.3)
        over = expr.cumsum(expr.tanh(x.b) * expr.cumsum(w.p)) + expr.row_sum(expr.cumsum(s.c) * 0.1)
        part = 1 - expr.cumsum(grows)
        new = expr.tanh(h.of(part * over).d + x.d) + expr.row_mean(expr.cumsum(part))
        return s.next(h=new * part, c=expr.tanh(over) + grows, a=grows)


class Waves(Cell):
    """Angles, whole parts and remainders, small differences and logarithms."""

    gates = "a b"
    states = "h c"

    def step(self, x, h, s):
        turn = expr.sin(x.a) * expr.cos(h.a) + torch.sin(s.h * 3)
        phase = (x.b + 0.3 * s.c) % 1.5 + expr.remainder(7.3, 2 + expr.abs(h.b)) + expr.remainder(s.h, 0.7 + x.b * x.b)
        whole = expr.floor(4 * x.b) * 0.1 * x.a + expr.floor(3 * h.b / 0.7) * s.c
        small = expr.expm1(0.1 * x.a) - expr.log1p(s.c * s.c) + expr.erf(h.a) + expr.logsigmoid(5 * x.b)
        return s.next(h=turn + small, c=expr.tanh(phase) + 0.1 * whole, a=small)


class RowsOfVectors(Cell):
    """Learned vectors alone under costly functions and row operations."""

    gates = "a"
    vectors = {"decay": 0.0, "mix": 0.3}

    def step(self, x, h, s, w):
        decay = expr.sigmoid(w.decay) * expr.exp(-expr.softplus(w.mix))
        return s.next(h=decay * s.h + (1 - decay) * expr.tanh(x.a + h.a) * expr.row_mean(w.mix * w.mix), a=x.a)


class ConditionsOfVectors(Cell):
    """Choices between computed vectors, in the step and in its gradient; ties at 0."""

    gates = "a"
    states = "h c"
    vectors = {"p": 0.0, "q": 0.5}

    def step(self, x, h, s, w):
        a = expr.tanh(x.a + h.a)
        floor = expr.maximum(expr.sigmoid(w.p), 0.1) + expr.clamp(1.2 * expr.sigmoid(w.q) - 0.1, 0, 1)
        soft = expr.softplus(expr.exp(w.p)) + expr.relu(expr.exp(w.q) - 1) + F.elu(expr.sin(w.q) * 2)
        chosen = expr.where((expr.exp(w.p) > 1) & (w.q < 0.3), w.q, 0.5)
        zero = F.elu(a - a) + F.elu(s.c - s.c, 0.5) + expr.sign(w.p) * expr.row_sum(a)
        return s.next(h=floor * a + chosen, c=soft * s.c + zero)


class OneProduct(Cell):
    """A vector of its own before the product, after a row operation; and values that cross."""

    gates = "r n"
    states = "h c"

    def step(self, x, h, s):
        r = expr.sigmoid(x.r + h.r)
        drive = expr.exp(s.c - expr.row_max(s.c))
        n = expr.tanh(x.n + h.of(r * s.h * drive).n)
        return s.next(h=(1 - r) * n + r * s.h, c=drive * n + expr.row_mean(r))


class ThreeProducts(Cell):
    """Three products, each of the result of the one before, with a row operation on the way."""

    gates = "a b c d"
    states = "h"
    vectors = {"gain": 1.0}

    def step(self, x, h, s, w):
        one = expr.tanh(x.a + h.a)
        two = expr.sigmoid(x.b + h.of(one * w.gain).b)
        three = expr.tanh(x.c * h.of(two - expr.row_mean(two)).c)
        four = h.of(three * s.h).d
        return s.next(h=one * two + three * expr.sigmoid(four + x.d) + s.h, a=one, b=two, c=three)


class OneOfTheState(Cell):
    """h.of the state itself is h; h.of a raw input needs no arithmetic before it."""

    gates = "a b"

    def step(self, x, h, s):
        return s.next(h=expr.tanh(x.a + h.of(s.h).a) + h.of(x.b).b)


class FourStates(Cell):
    """Four states, one handed on, one that nothing reads, a gate that nothing reads."""

    gates = "i f unused o"
    states = "h c n m"

    def step(self, x, h, s):
        m = expr.maximum(x.f + h.f + s.m, x.i + h.i)
        i, f = expr.exp(x.i + h.i - m), expr.exp(x.f + h.f + s.m - m)
        c, n = f * s.c + i * expr.tanh(x.o + h.o), f * s.n + i
        return s.next(h=c / expr.maximum(expr.abs(n), 1.0), c=c, n=n, m=m, i=i, f=f)


class Constant(Cell):
    """A state that is an input, and one that nothing changes."""

    gates = "a"
    states = "h c"

    def step(self, x, h, s):
        return s.next(h=x.a + h.a, c=s.c)


class Stopped(Cell):
    """No gradient through detach."""

    gates = "a"

    def step(self, x, h, s):
        a = expr.tanh(x.a + h.a)
        return s.next(h=a * a.detach() + s.h.detach() * 0.5 + a)


class TorchCalls(Cell):
    """PyTorch's own functions and methods in place of ours."""

    gates = "a b d"
    states = "h c"
    vectors = {"gain": 1.0, "shift": 0.0}

    def step(self, x, h, s, w):
        a = (
            torch.sigmoid(x.a + h.a) * torch.tanh(x.b)
            + F.gelu(x.d, approximate="tanh")
            - F.softplus(h.d, beta=2, threshold=0.5)
        )
        b = F.hardtanh(x.b) + F.relu6(h.b + 3) + F.silu(x.a) + F.leaky_relu(x.d, 0.1) + F.elu(h.a, 0.7)
        c = torch.where(x.a > h.b, torch.clamp(b, -1, 1), torch.maximum(a, b)) + F.logsigmoid(x.a)
        d = torch.softmax(c, -1) + c.mean(-1, keepdim=True) + torch.amax(a, -1, keepdim=True) + torch.sum(b, -1, True)
        e = F.layer_norm(d, d.shape[-1:], w.gain, w.shift) if isinstance(d, torch.Tensor) else _normal(d, w)
        return s.next(
            h=torch.square(a) + torch.exp(-torch.abs(e)), c=torch.erf(e) + torch.rsqrt(c * c + 1) + s.c.pow(2)
        )


def _normal(d, w):
    return expr.layer_norm(d, w.gain, w.shift)


class NoMatrix(Cell):
    """A scan with row operations, without W_h."""

    gates = "f v"
    states = "h n"
    recurrent = False
    vectors = {"gain": 1.0}

    def step(self, x, h, s, w):
        f = expr.sigmoid(expr.rms_norm(x.f, w.gain))
        n = f * s.n + (1 - f)
        return s.next(h=(f * s.h + (1 - f) * x.v) / (n + 0.1), n=n, f=f)


class NamesThatClash(Cell):
    """Names that are C++ words, our own functions, or not ASCII."""

    gates = "double exp σ p_x"
    states = "int u"
    vectors = {"load": 1.0, "T": 0.0}

    def step(self, x, h, s, w):
        double, exp = expr.sigmoid(x.double + h.double), expr.tanh(x.exp + h.exp)
        new = double * s.int + exp * w.load + w.T * (x.σ + h.σ)
        return s.next(int=new, u=s.u * exp + (x.p_x + h.p_x), double=double, exp=exp, σ=new, p_x=exp)


class Shared(Cell):
    """One value for two gates and a state; sums of a gate's halves in other orders; the same product read twice."""

    gates = "a b"
    states = "h c"

    def step(self, x, h, s):
        a = expr.tanh(s.c * 0.5 + h.a + x.a)
        b = expr.sigmoid((x.b - 1) + s.h + h.b)
        return s.next(h=a, c=a * b + b * a, a=a, b=a)


OWN = [
    Elementwise,
    Given,
    SharedGradient,
    Corners,
    Rows,
    Sums,
    Waves,
    RowsOfVectors,
    ConditionsOfVectors,
    OneProduct,
    ThreeProducts,
    OneOfTheState,
    FourStates,
    Constant,
    Stopped,
    TorchCalls,
    NoMatrix,
    NamesThatClash,
    Shared,
]
EVERY = {name: cells.get(name) for name in cells.names()} | {cell.__name__: cell() for cell in OWN}
