"""What a step reads besides its arguments is read when a layer is made: new layers follow a change, old ones do not."""

import copy
import functools
import pickle

import pytest
import torch
from helpers.support import assert_close, randomise

from recurra import cells
from recurra.cells import Cell
from recurra.errors import CellError
from recurra.expr import tanh
from recurra.nn import Recurrent

SLOPE = 0.1
TABLE = {"slope": 0.1}


class Config:
    slope = 0.1


CONFIG = Config()


def helped(v):
    return SLOPE * v


def decorated(step):
    @functools.wraps(step)
    def wrapped(self, x, h, s):
        return step(self, x, h, s)

    return wrapped


class Plain(Cell):
    gates = "n"
    slope = 0.1

    def __init__(self):
        self.own = 0.1
        self.config = CONFIG

    def method(self):
        return SLOPE


class ByGlobal(Plain):
    def step(self, x, h, s):
        return s.next(h=tanh(SLOPE * (x.n + h.n)))


class ByHelper(Plain):
    def step(self, x, h, s):
        return s.next(h=tanh(helped(x.n + h.n)))


class ByMethod(Plain):
    def step(self, x, h, s):
        return s.next(h=tanh(self.method() * (x.n + h.n)))


class BySuper(ByGlobal):
    def step(self, x, h, s):
        return super().step(x, h, s)


class ByDecorated(Plain):
    @decorated
    def step(self, x, h, s):
        return s.next(h=tanh(SLOPE * (x.n + h.n)))


class ByTable(Plain):
    def step(self, x, h, s):
        return s.next(h=tanh(TABLE["slope"] * (x.n + h.n)))


class ByConfig(Plain):
    def step(self, x, h, s):
        return s.next(h=tanh(self.config.slope * (x.n + h.n)))


class ByClass(Plain):
    def step(self, x, h, s):
        return s.next(h=tanh(self.slope * (x.n + h.n)))


class ByDefault(Plain):
    def step(self, x, h, s, slope=0.1):
        return s.next(h=tanh(slope * (x.n + h.n)))


class ByOwn(Plain):
    def step(self, x, h, s):
        return s.next(h=tanh(self.own * (x.n + h.n)))


class Edited(Plain):
    def step(self, x, h, s):
        return s.next(h=tanh(0.1 * (x.n + h.n)))


def edited(self, x, h, s):
    return s.next(h=tanh(2.0 * (x.n + h.n)))


def to_global(patch, cell):
    patch.setitem(globals(), "SLOPE", 2.0)


CHANGES = {
    ByGlobal: to_global,
    ByHelper: to_global,
    ByMethod: to_global,
    BySuper: to_global,
    ByDecorated: to_global,
    ByTable: lambda patch, cell: patch.setitem(TABLE, "slope", 2.0),
    ByConfig: lambda patch, cell: patch.setattr(CONFIG, "slope", 2.0),
    ByClass: lambda patch, cell: patch.setattr(ByClass, "slope", 2.0),
    ByDefault: lambda patch, cell: patch.setattr(ByDefault.step, "__defaults__", (2.0,)),
    ByOwn: lambda patch, cell: setattr(cell, "own", torch.tensor(2.0)),
    Edited: lambda patch, cell: patch.setattr(Edited.step, "__code__", edited.__code__),
}


@pytest.mark.parametrize("kind", CHANGES, ids=lambda kind: kind.__name__)
def test_numbers_are_read_when_a_layer_is_made(kind, monkeypatch):
    cell, x = kind(), torch.randn(5, 2, 3)
    layer = randomise(Recurrent(cell, 3, 4))
    before = layer(x)[0]
    CHANGES[kind](monkeypatch, cell)
    fresh = Recurrent(cell, 3, 4)
    fresh.load_state_dict(layer.state_dict())
    assert torch.equal(layer(x)[0], before)
    assert torch.equal(copy.deepcopy(layer)(x)[0], before)
    got = fresh(x)[0]
    assert str(fresh.explain(x)) == "cpu"
    assert not torch.allclose(got, before, atol=0.1)
    fresh.backend = "equations"
    assert_close(got, fresh(x)[0], 1e-5)


def test_a_layers_cell_cannot_be_set():
    layer = Recurrent(ByOwn(), 3, 4)
    with pytest.raises(CellError, match=r"ByOwn\.own cannot be set here: numbers are read when a layer is made"):
        layer.cell.own = 2.0

    class Counting(Plain):
        def step(self, x, h, s):
            self.own += 1
            return s.next(h=tanh(self.own * (x.n + h.n)))

    with pytest.raises(
        CellError, match=r"Counting\.step: Counting\.own cannot be set here: .* keeps nothing but its states"
    ):
        Recurrent(Counting(), 3, 4)


def test_a_pickled_layer_is_made_again(monkeypatch):
    layer, x = randomise(Recurrent(ByGlobal(), 3, 4)), torch.randn(5, 2, 3)
    before, written = layer(x)[0], pickle.dumps(layer)
    assert torch.equal(pickle.loads(written)(x)[0], before)  # noqa: S301 (its own)
    monkeypatch.setitem(globals(), "SLOPE", 2.0)
    assert not torch.allclose(pickle.loads(written)(x)[0], before, atol=0.1)  # noqa: S301


def test_equal_cells_are_compiled_once():
    from recurra.backends.cpu import library

    first, second = (library.made(cells.get(ByOwn())) for _ in range(2))
    assert first is second


def test_a_setting_that_could_change_unseen_is_refused():
    cell = ByOwn()
    cell.rates = [0.1, 0.2]
    with pytest.raises(CellError, match=r"ByOwn\.rates is a list, which could change unseen; set a tuple, or numbers"):
        Recurrent(cell, 3, 4)
