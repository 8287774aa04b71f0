"""What a cell's `step` reads and names, found by running it once on tiny tensors; rules broken are told here."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from recurra.cells.base import Cell, Next
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
    """Whether the output may be projected: W_h multiplies the first state and nothing else, and that is all that the
    step reads of it. `h.of(v)` multiplies vectors of as many numbers as there are units."""


@functools.lru_cache
def facts(cell: Cell) -> Facts:
    """Run `cell.step` once, in float64, for 2 rows and 3 units, and say what it did. Raises CellError."""
    import torch  # here, not above: a cell is compiled where there may be no PyTorch

    cell.check_names()
    # Whatever mode the layer is made in: tensors made for inference do not tell whether they were written into.
    with torch.inference_mode(False), torch.device("cpu"):
        return _found(cell)


def _found(cell: Cell) -> Facts:
    import torch

    name = type(cell).__name__
    reads, spied = set(), _Spy(cell)
    gates, states, vectors = cell.gate_names, cell.state_names, cell.vectors
    try:
        new = cell.step(*spied.arguments(reads))
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
        kind = type(getattr(new, "_seen", new)).__name__
        raise CellError(f"{name}.step returned {kind}; expected s.next({', '.join(f'{n}=...' for n in states)})")
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
    whole = "h.of" not in reads
    return Facts(frozenset(reads), shown, whole, whole and f"s.{states[0]}" not in reads)


class _Spy:
    """The arguments of a step, of random numbers, in wrappers that write down every read."""

    shape = (2, 3)

    def __init__(self, cell: Cell):
        import torch

        self.torch, self.cell = torch, cell
        self.random = torch.Generator().manual_seed(0)
        self.given: dict[str, torch.Tensor] = {}  # by what the step calls it

    def arguments(self, reads: set[str]) -> list[_Recorder]:
        cell = self.cell
        x, states = self._values("x", cell.gate_names), self._values("s", cell.state_names)
        vectors = self._values("w", cell.vectors, self.shape[1:])
        made = cell.arguments(x, self._product, states, vectors)
        return [_Recorder(what, part, reads) for what, part in zip("xhsw", made, strict=False)]

    def _values(self, what: str, names, shape: tuple[int, ...] = shape) -> dict[str, torch.Tensor]:
        values = {name: self._random(*shape) for name in names}
        self.given |= {f"{what}.{name}": value for name, value in values.items()}
        return values

    def _random(self, *shape: int) -> torch.Tensor:
        return self.torch.rand(shape, dtype=self.torch.float64, generator=self.random)

    def _product(self, v, gate: int | None):
        if v.shape != self.shape:
            raise CellError(f"h.of(...) got {tuple(v.shape)}; expected (batch, hidden)")
        return (
            self._random(*self.shape) if gate is not None else [self._random(*self.shape) for _ in self.cell.gate_names]
        )


class _Recorder:
    """One argument of a step; what is read of it is written down, such as "x.i", and for a product of another vector "h.of"."""

    def __init__(self, what: str, seen, reads: set[str]):
        self._what, self._seen, self._reads = what, seen, reads

    def __getattr__(self, name: str):
        value = getattr(self._seen, name)
        if name == "next" and self._what == "s":
            return value
        self._reads.add(f"{self._what}.{name}")
        if name == "of" and self._what == "h":
            return lambda v: _Recorder("h", value(v), self._reads)
        return value
