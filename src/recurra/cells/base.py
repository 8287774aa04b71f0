"""What a cell is: names for its gates, states and learned vectors, and one step written as equations.

    class Mine(Cell):
        gates = "f n"                            # row blocks of W_x, W_h and their biases, in this order
        states = "h"                             # the first is the output and what W_h multiplies

        def step(self, x, h, s):
            f = sigmoid(x.f + h.f)
            return s.next(h=f * s.h + (1 - f) * tanh(x.n + h.n), f=f)

`x.f` is the gate's part of W_x x_t + b_x, `h.f` of W_h h_{t-1} + b_h, `s.h` the state before the step. `s.next` takes
every state's new value, and the value of each gate that `return_gates` is to show. A cell that declares learned vectors
takes them as a fourth argument: `step(self, x, h, s, w)`, then `w.NAME`. One that is given numbers at each step (`given`)
takes them as its last argument: `step(self, x, h, s, given)`, then `given.NAME`.
"""

import copy
import unicodedata
from collections.abc import Callable, Collection, Iterable
from numbers import Real
from types import SimpleNamespace
from typing import Any, NamedTuple

from recurra.cells.lesson import Lesson
from recurra.errors import CellError

CALL = ("x", "state", "hx", "embedding", "lengths", "resets", "return_states", "return_gates")
"""Arguments of a layer's call."""
WEIGHTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")
"""What a layer calls its own weights, which no vector may be called; in the order of backends.Weights."""


Start = float | Callable[[int], Any] | tuple
"""What a vector or a bias starts from: a number; a function of how many units there are, which gives one number for each;
or a rule by name: ("uniform", low, high), drawn between two numbers; ("chrono", steps), log(u - 1) for u drawn from 2 to
`steps`, for gates that keep (Tallec & Ollivier 2018); ("power", low, high, exponent), from low for the first unit to high
for the last, as the unit's place to that power."""
RULES = {"uniform": 2, "chrono": 1, "power": 3}
"""The rules by name, and how many numbers each takes."""


class Cell:
    """One step of a recurrence. Subclass it, name the parts, write `step`."""

    __slots__ = ("__dict__", "__weakref__", "_facts", "_graph", "_settled")

    gates: str = ""
    """Names of the gates, in the row order of the weights."""
    states: str = "h"
    """Names of the states; the first is the output."""
    vectors: dict[str, Start] = {}
    """Learned vectors, one number a hidden unit: name → what they start from, a `Start`."""
    starts: dict[str, Start] = {}
    """Gates whose biases start from something else than the layer's `init`: name → a `Start`. Of two biases the second is 0."""
    given: str = ""
    """Names of numbers that each call of a layer gives, one per row or one per unit at each step: `layer(x, dt=gaps)`. The name
    `input` stands for what the layer reads itself, where that is as wide as its units."""
    output: str = ""
    """A name that `s.next` takes beside the states: the layer's output, where that is no state. Empty: the first state."""
    recurrent: bool = True
    """Whether there is a recurrent matrix W_h. Without one, `h` must not be used and the recurrence is a scan."""
    forget: str = ""
    """The gate (or vector) that keeps the memory when its bias is large: what `forget_bias` sets. Empty: none."""
    keeps: dict[str, int] = {}
    """The gates whose biases decide how long the memory lasts: 1 where a large bias keeps it, -1 where it lets go. What
    `span` spreads. Empty: none."""
    pytorch: str = ""
    """PyTorch's kernel for these equations: "gru" is torch.gru, and torch.gru_cell for one step. Empty: it has none."""
    lesson: Lesson | None = None
    """What the studio says of the cell; None: its docstring, and its equations."""

    def __init_subclass__(cls, **options):
        # A subclass is another cell: these two hold for the equations of the class that sets them.
        super().__init_subclass__(**options)
        for name in ("pytorch", "lesson"):
            if name not in vars(cls):
                setattr(cls, name, getattr(Cell, name))
        for name in ("gates", "states", "forget", "given", "output"):
            if isinstance(vars(cls).get(name), str | list | tuple):
                setattr(cls, name, _words(vars(cls)[name]))
        if isinstance(vars(cls).get("vectors"), dict):
            cls.vectors = {_words(name): value for name, value in cls.vectors.items()}

    def step(self, x, h, s):
        """One time step for a batch; `x`, `h` and `s` as in the module's text; returns `s.next(...)`."""
        raise CellError(f"{type(self).__name__} has no `step`; write def step(self, x, h, s) with its equations")

    def arguments(
        self,
        x: dict,
        product: Callable,
        states: dict,
        vectors: dict,
        whole: bool = True,
        gates: tuple | None = None,
        given: dict | None = None,
    ) -> list:
        """What `step` takes, made of values by name: whoever calls a step calls `cell.step(*cell.arguments(...))`.

        x: gate → its part of W_x x + b_x; states, vectors: name → value; product, whole: as `Product` takes them.
        gates: those of W_h, in its order; default all. given: name → value, for a cell with `given`.
        """
        gates = (self.gate_names if self.recurrent else ()) if gates is None else gates
        h = Product(gates, product, states[self.state_names[0]], whole)
        learned = [Named(**vectors)] if self.vectors else []
        return [Named(**x), h, State(**states), *learned, *([Named(**(given or {}))] if self.given else [])]

    def recorded(self, arguments: list, reads: set[str]) -> list:
        """The same arguments, but whatever the step reads of them is written down, such as "x.i", "h.f", "s.c"."""
        names = ["x", "h", "s", *(["w"] if self.vectors else []), *(["given"] if self.given else [])]
        return [_Recorder(what, part, reads) for what, part in zip(names, arguments, strict=True)]

    def blocks(self, reads: Collection[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The gates that have rows in W_x and b_x, and those in W_h and b_h: what a step reads. W_x has one gate at least.

        reads: as `recorded` wrote them down.
        """
        x = tuple([gate for gate in self.gate_names if f"x.{gate}" in reads]) or self.gate_names[:1]
        return x, tuple([gate for gate in self.gate_names if self.recurrent and f"h.{gate}" in reads])

    def check_names(self) -> None:
        """The names of gates, states and vectors. Raises CellError."""
        name = type(self).__name__
        for what in ("gates", "states", "given", "output"):
            if not isinstance(getattr(self, what), str):
                raise CellError(
                    f"{name}.{what} is {getattr(self, what)!r}; expected names in one text, such as 'i f g o'"
                )
        if not isinstance(self.vectors, dict):
            raise CellError(
                f"{name}.vectors is {self.vectors!r}; expected a name and the number it starts from for each, such as "
                "{'rate': 0.9}"
            )
        for what, table in (("vectors", self.vectors), ("starts", self.starts)):
            for key, start in table.items():
                if not isinstance(key, str) or not _is_start(start):
                    raise CellError(
                        f"{name}.{what} has {key!r}: {start!r}; expected a name and the number that all units start from, "
                        f"a function of the units, or a rule: {_RULES_IN_WORDS}"
                    )
        if not self.gate_names:
            raise CellError(f"{name}.gates is empty; name the row blocks of the weights, such as gates = 'i f g o'")
        if not self.state_names:
            raise CellError(f"{name}.states is empty; name the states, the output first, such as states = 'h c'")
        every = [*self.gate_names, *self.state_names, *self.vectors, *self.given_names, *self.output.split()]
        if len(self.output.split()) > 1:
            raise CellError(f"{name}.output is {self.output!r}; expected one name")
        for gate in self.starts:
            if gate not in self.gate_names:
                raise CellError(f"{name}.starts has {gate!r}; expected gates of the cell: {self.gates}")
        for word in self.given_names:
            if word in CALL:
                raise CellError(f"{name}: `given` cannot be called {word!r}, which a layer's call takes already")
        for vector in self.vectors:
            if vector in WEIGHTS or vector.startswith("initial_"):
                raise CellError(
                    f"{name}: the vector {vector!r} would take the name of a layer's own weight; choose another, neither "
                    f"{', '.join(WEIGHTS)} nor one that starts with `initial_`"
                )
        for word in every:
            if word != _words(word):
                raise CellError(f"{name}: {word!r} is read as {_words(word)!r} by Python; write that")
            if not word.isidentifier() or word.startswith("_") or word in ("next", "of"):
                raise CellError(
                    f"{name}: {word!r} cannot be a name here; use letters and digits, and neither `next` nor `of`"
                )
            if every.count(word) > 1:
                raise CellError(f"{name}: {word!r} is named twice; gates, states and vectors need names of their own")
        if self.forget and self.forget not in (*self.gate_names, *self.vectors):
            raise CellError(f"{name}.forget is {self.forget!r}; expected a gate or a vector of the cell")
        for gate, sign in self.keeps.items():
            if gate not in self.gate_names or sign not in (1, -1):
                raise CellError(f"{name}.keeps has {gate!r}: {sign!r}; expected gates of the cell, each with 1 or -1")

    def settings(self) -> tuple:
        """The cell's own attributes, by which two cells of a class are told apart. Raises CellError for one that could change
        unseen, as a list could."""
        return tuple((name, self._setting(name, value)) for name, value in sorted(vars(self).items()))

    def _setting(self, name: str, value: Any) -> Any:
        value = value.item() if getattr(value, "ndim", None) == 0 else value
        try:
            hash(value)
        except TypeError:
            kind = type(value).__name__
            raise CellError(
                f"{type(self).__name__}.{name} is a {kind}, which could change unseen; set a tuple, or numbers one by one"
            ) from None
        return value

    # A layer has a copy of its cell that is settled: what its step reads was read then, and cannot be set any more.
    # In slots, so that they are neither settings nor pickled.

    def __setattr__(self, name: str, value: Any) -> None:
        if getattr(self, "_settled", False):
            kind = type(self).__name__
            raise CellError(
                f"{kind}.{name} cannot be set here: numbers are read when a layer is made, and a step keeps nothing but "
                f"its states. Make a cell with the number, such as {kind}({name}=...), and a layer of it"
            )
        object.__setattr__(self, name, value)

    def __getstate__(self) -> dict:
        return dict(vars(self))

    def __deepcopy__(self, memo: dict) -> "Cell":
        if getattr(self, "_settled", False):
            return self
        new = copy.copy(self)
        vars(new).update(copy.deepcopy(vars(self), memo))
        return new

    @property
    def gate_names(self) -> tuple[str, ...]:
        return tuple(self.gates.split())

    @property
    def state_names(self) -> tuple[str, ...]:
        return tuple(self.states.split())

    @property
    def given_names(self) -> tuple[str, ...]:
        """What the step reads of `given`, `input` among them."""
        return tuple(self.given.split())

    @property
    def call_names(self) -> tuple[str, ...]:
        """What the caller of a layer gives: `given` without `input`, which the layer has itself."""
        return tuple(name for name in self.given_names if name != "input")

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={value!r}" for name, value in vars(self).items())
        return f"{type(self).__name__}({settings})"

    def __eq__(self, other) -> bool:
        return type(self) is type(other) and self.settings() == other.settings()

    def __hash__(self) -> int:
        return hash((type(self), self.settings()))


_RULES_IN_WORDS = "('uniform', low, high), ('chrono', steps) or ('power', low, high, exponent)"


def _is_start(start: Any) -> bool:
    if isinstance(start, tuple):
        named = bool(start) and RULES.get(start[0]) == len(start) - 1
        return named and all(isinstance(number, Real) and not isinstance(number, bool) for number in start[1:])
    return callable(start) or (isinstance(start, Real) and not isinstance(start, bool))


def _words(names: Any) -> Any:
    """Names as one text, in the form that Python gives the names in a program: ϕ is φ there, and µ is μ."""
    if isinstance(names, list | tuple) and all(isinstance(name, str) for name in names):
        names = " ".join(names)
    return unicodedata.normalize("NFKC", names) if isinstance(names, str) else names


class Next(NamedTuple):
    """What a step returns: the new states in the cell's order, and the gates it names."""

    states: tuple
    gates: dict[str, Any]


class Named(SimpleNamespace):
    """Values by name: `x.i`. A name that is not there is a CellError that lists those that are."""

    def __getattr__(self, name: str):
        raise _unknown(name, vars(self))


class State(Named):
    """The states before the step; `next` collects those after it."""

    def next(self, /, **values) -> Next:
        missing = [name for name in vars(self) if name not in values]
        if missing:
            raise CellError(f"s.next(...) lacks {', '.join(missing)}; give every state's new value by name")
        return Next(tuple([values.pop(name) for name in vars(self)]), values)


class Product:
    """W_h v + b_h by gate, computed when first read: `h.i`. `h.of(v)` is the same for another vector than h_{t-1}.

    product: (v, gate's number or None) → that gate's rows, or a tuple of every gate's.
    whole: compute all gates at the first read; for a cell that uses `of`, each one when it is read.
    """

    def __init__(self, names: tuple[str, ...], product: Callable, v: Any, whole: bool = True):
        self._names, self._product, self._v, self._whole = names, product, v, whole

    def of(self, v: Any) -> "Product":
        return Product(self._names, self._product, v, whole=False)

    def __getattr__(self, name: str):
        if name not in self._names:
            raise _unknown(name, self._names)
        if self._whole:
            self.__dict__.update(zip(self._names, self._product(self._v, None), strict=True))
        else:
            self.__dict__[name] = self._product(self._v, self._names.index(name))
        return self.__dict__[name]


class _Recorder:
    """One argument of a step; what is read of it is written down, and for a product of another vector "h.of"."""

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


def _unknown(name: str, known: Iterable[str]) -> Exception:
    if name.startswith("__"):  # copying and introspection ask for such names and expect a plain answer
        return AttributeError(name)
    known = [k for k in known if not k.startswith("_")]
    return CellError(f"`.{name}` is not there; known here: {', '.join(known) or 'nothing'}")
