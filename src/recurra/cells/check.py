"""What a cell's `step` reads and names, found by running it once on tiny tensors; rules broken are told here."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from recurra.cells.base import Cell, Named, Next, Product, State
from recurra.errors import CellError

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Facts:
    """What one run of a cell's `step` showed."""

    reads: frozenset[str]
    """What the step read, such as "x.i", "h.i", "s.c", "w.peephole_i"."""
    shown: tuple[str, ...]
    """The gates whose values the step names in `s.next(...)`, in the cell's order."""
    whole: bool
    """True if the recurrent product is one product; False where the step calls `h.of(...)`."""
    projects: bool
    """Whether the output may be projected: the step reads its first state only through W_h."""


@functools.lru_cache
def facts(cell: Cell) -> Facts:
    """Run `cell.step` once, in float64, for 2 rows and 3 units, and say what it did. Raises CellError."""
    import torch  # here, not above: a cell is compiled where there may be no PyTorch

    check_names(cell)
    # Whatever mode the layer is made in: tensors made for inference do not tell whether they were written into.
    with torch.inference_mode(False), torch.device("cpu"):
        return _found(cell)


def _found(cell: Cell) -> Facts:
    import torch

    name = type(cell).__name__
    reads, spied = set(), _Spy(cell)
    gates, states, vectors = cell.gate_names, cell.state_names, cell.vectors
    arguments = [
        spied.names("x", gates, reads),
        spied.product(gates if cell.recurrent else (), reads),
        spied.names("s", states, reads),
        *([spied.names("w", vectors, reads)] if vectors else []),
    ]
    try:
        new = cell.step(*arguments)
    except CellError as error:
        note = "" if cell.recurrent else " (`recurrent = False` says that there is no W_h)"
        raise CellError(f"{name}.step: {error}{note}") from error
    except TypeError as error:
        hint = "step(self, x, h, s, w)" if vectors else "step(self, x, h, s)"
        raise CellError(f"{name}.step could not run; expected {hint}: {error}") from error
    except RuntimeError as error:
        raise CellError(
            f"{name}.step could not run for 2 rows and 3 units; it must for any number of both: {error}"
        ) from error
    for read, value in spied.given.items():
        if value._version:
            raise CellError(
                f"{name}.step writes into `{read}`; make a new value of it, such as c = c * f and not c *= f"
            )
    if not isinstance(new, Next):
        raise CellError(
            f"{name}.step returned {type(new).__name__}; expected s.next({', '.join(f'{n}=...' for n in states)})"
        )
    for state, value in zip((*states, *new.gates), (*new.states, *new.gates.values()), strict=True):
        if not isinstance(value, torch.Tensor) or value.shape != spied.shape:
            got = tuple(value.shape) if isinstance(value, torch.Tensor) else type(value).__name__
            raise CellError(
                f"{name}.step: `{state}` came out as {got}; expected one number a hidden unit, (batch, hidden)"
            )
    unknown = [gate for gate in new.gates if gate not in gates]
    if unknown:
        raise CellError(
            f"{name}.step: s.next(...) got {', '.join(unknown)}; it takes states ({cell.states}) and gates ({cell.gates})"
        )
    shown = tuple(gate for gate in gates if gate in new.gates)
    return Facts(frozenset(reads), shown, "h.of" not in reads, f"s.{states[0]}" not in reads)


def check_names(cell: Cell) -> None:
    """The names of gates, states and vectors. Raises CellError."""
    name = type(cell).__name__
    if not cell.gate_names:
        raise CellError(f"{name}.gates is empty; name the row blocks of the weights, such as gates = 'i f g o'")
    if not cell.state_names:
        raise CellError(f"{name}.states is empty; name the states, the output first, such as states = 'h c'")
    every = [*cell.gate_names, *cell.state_names, *cell.vectors]
    for word in every:
        if not word.isidentifier() or word.startswith("_") or word in ("next", "of"):
            raise CellError(
                f"{name}: {word!r} cannot be a name here; use letters and digits, and neither `next` nor `of`"
            )
        if every.count(word) > 1:
            raise CellError(f"{name}: {word!r} is named twice; gates, states and vectors need names of their own")
    if cell.forget and cell.forget not in (*cell.gate_names, *cell.vectors):
        raise CellError(f"{name}.forget is {cell.forget!r}; expected a gate or a vector of the cell")


class _Spy:
    """Makes the arguments of a step so that every read is written down."""

    shape = (2, 3)

    def __init__(self, cell: Cell):
        import torch

        self.torch = torch
        self.random = torch.Generator().manual_seed(0)
        self.given: dict[str, torch.Tensor] = {}  # by what the step calls it

    def value(self, *shape: int) -> torch.Tensor:
        return self.torch.rand(shape or self.shape, dtype=self.torch.float64, generator=self.random)

    def names(self, what: str, names, reads: set[str]):
        kind = _SpiedState if what == "s" else _SpiedNamed
        shape = self.shape[1:] if what == "w" else self.shape
        values = {name: self.value(*shape) for name in names}
        self.given |= {f"{what}.{name}": value for name, value in values.items()}
        spied = kind(**values)
        object.__setattr__(spied, "__spy__", (what, reads))
        return spied

    def product(self, gates: tuple[str, ...], reads: set[str]) -> _SpiedProduct:
        def product(v, gate):
            if v.shape != self.shape:
                raise CellError(f"h.of(...) got {tuple(v.shape)}; expected (batch, hidden)")
            return self.value() if gate is not None else tuple(self.value() for _ in gates)

        return _SpiedProduct(gates, product, self.value(), reads)


class _Recording:
    def __getattribute__(self, name: str):
        if not name.startswith("_") and name != "next":
            what, reads = object.__getattribute__(self, "__spy__")
            reads.add(f"{what}.{name}")
        return super().__getattribute__(name)


class _SpiedNamed(_Recording, Named):
    pass


class _SpiedState(_Recording, State):
    def next(self, **values):
        return State(**{k: v for k, v in vars(self).items() if k != "__spy__"}).next(**values)


class _SpiedProduct(Product):
    def __init__(self, names, product, v, reads: set[str]):
        super().__init__(names, product, v)
        self._reads = reads

    def of(self, v):
        self._reads.add("h.of")
        return super().of(v)

    def __getattr__(self, name: str):
        self._reads.add(f"h.{name}")
        return super().__getattr__(name)
