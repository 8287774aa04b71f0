"""What a row of the table of operations holds, `Op`: all that anybody has to know of one."""

import math
from collections.abc import Callable
from dataclasses import dataclass

# What a value costs to compute again: the rule of `keep` and the loops of `schedule` go by this.
CHEAP, MIDDLE, COSTLY = "cheap", "middle", "costly"


@dataclass(frozen=True, kw_only=True)
class Op:
    """One operation."""

    name: str
    says: str
    """What it gives: a sentence, the text of its function in `recurra.expr`."""
    arity: int = 1
    cost: str = COSTLY
    ends_loop: str = ""
    """How its value needs every unit of a row: "one" number per row, or a "scan": one for each unit. Empty: elementwise."""
    boolean: bool = False
    """Gives true or false."""
    commutative: bool = False
    fold: Callable | None = None
    """Its value for numbers known now; ValueError is NaN, OverflowError infinity."""
    derivative: Callable | None = None
    """(table, y, g, *arguments) → the gradient of each argument, or None, for the gradient g of y. None: it stops here."""
    torch: str = ""
    """PyTorch's function, such as nn.functional.logsigmoid; empty: torch.NAME."""
    names: str = ""
    """Other words that PyTorch has for it, functions and methods."""
    run: Callable | None = None
    """(torch, value, units, *arguments) → its value, where calling PyTorch's function with the arguments is not enough."""
    extended: Callable | None = None
    """(table, argument, *more) → what PyTorch's function gives with its other arguments, by their names and defaults."""
    cpp: str = ""
    """Its C++, with {} for an argument as a vector and {:2} for one that binds at least so tightly. Empty: NAME({}, ...)."""
    level: int = 9
    """How tightly the C++ binds: 1 sum, 2 product, 3 sign, 9 all else."""
    cpp_number: str = ""
    """The C++ where one of two arguments is a number, which then comes second."""
    limits: tuple[str, ...] = ()
    """Names of the numbers that belong to the operation itself; the C++ has {low} for one."""
    js: str = ""
    """Its JavaScript, with {} for its arguments, numbers. Empty: the C++ where that is arithmetic, else Math.NAME({}, ...)."""
    text: str = ""
    """How people read it, with {} for its arguments. Empty: NAME({}, ...)."""
    latex: str = ""
    """The same in LaTeX. Empty: the name, upright, as a call."""


LEAF = Op(name="leaf", says="What a step is given.")


def fold_quotient(a: float, b: float) -> float:
    """a / b of numbers, where b may be 0."""
    if b:
        return a / b
    return math.nan if a == 0 or math.isnan(a) else math.copysign(math.inf, a) * math.copysign(1, b)
