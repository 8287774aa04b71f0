"""What a cell's `step` reads and names, found by running it once on tiny tensors; broken rules are reported here."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

from recurra.cells.base import Cell, Next
from recurra.errors import CellError, TraceError
from recurra.expr.symbols import place_of
from recurra.expr.trace import read

if TYPE_CHECKING:
    import torch


_TRUTH = "true or false, or whole numbers; expected numbers: write where(condition, 1.0, 0.0)"


@dataclass(frozen=True)
class Facts:
    """What one run of a cell's `step` showed."""

    reads: frozenset[str]
    """What the step read, such as "x.i", "h.i", "s.c", "w.peephole_i"."""
    x_gates: tuple[str, ...]
    """The gates with rows in W_x and b_x: those that the step reads of x."""
    h_gates: tuple[str, ...]
    """The gates with rows in W_h and b_h: those that the step reads of h; empty: the layer has no W_h."""
    shown: tuple[str, ...]
    """The gates whose values the step names in `s.next(...)`, in the cell's order."""
    whole: bool
    """True if the recurrent product is one product; False if the step calls `h.of(...)`."""
    projects: bool
    """Whether the output may be projected: W_h multiplies the first state and nothing else, and that is all that the
    step reads of it. `h.of(v)` multiplies vectors of as many numbers as there are units."""


def settled(cell: Cell) -> Cell:
    """A copy of the cell for a layer: checked, its step read, and from here on as it is now. Raises CellError."""
    cell = copy.copy(cell)
    settle(cell)
    return cell


def settle(cell: Cell) -> None:
    """The same for the cell itself, once."""
    if getattr(cell, "_facts", None) is None:
        object.__setattr__(cell, "_settled", True)
        object.__setattr__(cell, "_facts", facts(cell))
        object.__setattr__(cell, "_graph", read(cell))


def facts(cell: Cell) -> Facts:
    """Run `cell.step` once, in float64, for 2 rows and 3 units, and say what it did. Raises CellError."""
    known = getattr(cell, "_facts", None)
    if known is not None:
        return known
    import torch  # here, not above: a cell is compiled where there may be no PyTorch

    cell.check_names()
    cell.settings()
    # Whatever mode the layer is made in: tensors made for inference do not record whether they were written into.
    with torch.inference_mode(False), torch.device("cpu"):
        return _found(cell)


def _found(cell: Cell) -> Facts:
    import torch

    name = type(cell).__name__
    reads, spied = set(), _Spy(cell)
    gates, states = cell.gate_names, cell.state_names
    try:
        new = cell.step(*spied.arguments(reads))
    except CellError as error:
        note = "" if cell.recurrent else " (`recurrent = False` says that there is no W_h)"
        raise CellError(f"{name}.step: {error}{note}") from error
    except Exception as error:
        raise CellError(_could_not_run(cell, error)) from error
    for place, value in spied.given.items():
        if value._version:
            raise CellError(
                f"{name}.step writes into `{place}`; make a new value of it, such as c = c * f and not c *= f"
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
        if not value.is_floating_point():
            raise CellError(f"{name}.step: `{state}` came out as {_TRUTH}")
    if cell.output and cell.output not in new.gates:
        raise CellError(f"{name}.step: s.next(...) lacks {cell.output}, the cell's `output`; give its value by name")
    unknown = [gate for gate in new.gates if gate not in (*gates, cell.output)]
    if unknown:
        raise CellError(
            f"{name}.step: s.next(...) got {', '.join(unknown)}; it takes states ({cell.states}) and gates ({cell.gates})"
        )
    shown = tuple(gate for gate in gates if gate in new.gates)
    whole = "h.of" not in reads
    projects = whole and not cell.output and f"s.{states[0]}" not in reads
    return Facts(frozenset(reads), *cell.blocks(reads), shown, whole, projects)


def _could_not_run(cell: Cell, error: Exception) -> str:
    """Why a step cannot run: the line of the user's, what Python or PyTorch says, and the rule that was broken."""
    name, place = type(cell).__name__, place_of(error.__traceback__)
    if isinstance(error, TypeError) and not place:
        hint = f"step(self, x, h, s{', w' if cell.vectors else ''}{', given' if cell.given else ''})"
        return f"{name}.step could not run; expected {hint}: {error}"
    problem = f"{name}.step could not run for 2 rows and 3 units; it must for any number of both: {place}{error}"
    if not isinstance(error, RuntimeError | IndexError):
        return f"{name}.step could not run: {place}{type(error).__name__}: {error}"
    rule = read(cell)  # on symbols the same step may say what the rule is
    if isinstance(rule, TraceError) and rule.instead:
        return f"{problem}. {rule.instead[:1].upper()}{rule.instead[1:]}"
    return f"{problem}. A state, a gate and a vector are one number for each hidden unit"


class _Spy:
    """The arguments of a step, of random numbers, in wrappers that write down every read."""

    shape = (2, 3)

    def __init__(self, cell: Cell):
        import torch

        self.torch, self.cell = torch, cell
        self.random = torch.Generator().manual_seed(0)
        self.given: dict[str, torch.Tensor] = {}  # by what the step calls it

    def arguments(self, reads: set[str]) -> list:
        cell = self.cell
        x, states = self._values("x", cell.gate_names), self._values("s", cell.state_names)
        vectors = self._values("w", cell.vectors, self.shape[1:])
        given = self._values("given", cell.given_names)
        return cell.recorded(cell.arguments(x, self._product, states, vectors, given=given), reads)

    def _values(self, what: str, names, shape: tuple[int, ...] = shape) -> dict[str, torch.Tensor]:
        values = {name: self._random(*shape) for name in names}
        self.given |= {f"{what}.{name}": value for name, value in values.items()}
        return values

    def _random(self, *shape: int) -> torch.Tensor:
        return self.torch.rand(shape, dtype=self.torch.float64, generator=self.random)

    def _product(self, v, gate: int | None):
        if v.shape != self.shape:
            raise CellError(f"h.of(...) got {tuple(v.shape)}; expected (batch, hidden)")
        if not v.is_floating_point():
            raise CellError(f"h.of(...) got {_TRUTH}")
        return (
            self._random(*self.shape) if gate is not None else [self._random(*self.shape) for _ in self.cell.gate_names]
        )
