"""native/engine.cpp and a cell's step, compiled and loaded. Both are compiled without contraction: an a * b + c that is to be
only where one instruction is written, and so one source gives the same numbers everywhere."""

import ctypes
import functools
import threading
from ctypes import CDLL, POINTER, c_char_p, c_long, c_void_p, cast
from typing import Any, NamedTuple

from recurra.backends.cpu import abi as cpu_abi
from recurra.backends.cpu import build, cache, library, processor
from recurra.backends.cpu.build import CompileError
from recurra.backends.cpu.cache import Compilation
from recurra.backends.cpu.library import HEADERS, Unavailable
from recurra.backends.cpu.processor import Isa
from recurra.cells.base import Cell
from recurra.engine import abi
from recurra.errors import CellError

FLAGS = ("-ffp-contract=off",)

_lock = threading.RLock()


class Functions(NamedTuple):
    """What native/engine.cpp gives, for one instruction set."""

    open: Any
    close: Any
    state: Any
    start: Any
    run: Any
    library: CDLL


class Step(NamedTuple):
    """A cell's step as the engine calls it."""

    cell: Cell
    meta: Any  # recurra.expr.compile.Meta
    structure: cpu_abi.Cell
    library: CDLL


@functools.cache
def unit() -> Compilation:
    """native/engine.cpp and what it includes."""
    source = (build.native() / "engine.cpp").read_text("utf-8")
    return Compilation("engine", source, cache.headers(source), FLAGS)


def step_unit(cell: Cell) -> tuple[Compilation, Any]:
    """What is compiled for a cell, and what the engine must know of it. Raises CellError if its step is not traceable."""
    from recurra.expr.compile import inference

    generated = inference(cell)
    return Compilation(f"{type(cell).__name__.lower()}-step", generated.source, HEADERS, FLAGS), generated.meta


def functions() -> Functions:
    """The engine for this processor. Raises Unavailable if there is none."""
    if ctypes.sizeof(c_long) != 8:
        raise Unavailable("the engine is for Linux and macOS on 64 bits")
    with _lock:
        try:
            return _functions(processor.chosen())
        except CompileError as error:
            raise Unavailable(str(error)) from error


@functools.cache
def _functions(isa: Isa) -> Functions:
    names = ("open", "close", "state", "start", "run", "layout")
    made = library.load(unit(), isa, [f"recurra_engine_{name}" for name in names])
    made.recurra_engine_layout.restype = c_char_p
    library.check_layout(made.recurra_engine_layout().decode(), abi.layout())
    types = {
        "open": (c_void_p, c_void_p),
        "close": (None, c_void_p),
        "state": (c_long, c_void_p),
        "start": (None, c_void_p, c_void_p),
        "run": (c_long, c_void_p, POINTER(abi.Row), c_long, c_long),
    }
    found = []
    for name, (result, *arguments) in types.items():
        function = getattr(made, f"recurra_engine_{name}")
        function.restype, function.argtypes = result, arguments
        found.append(function)
    return Functions(*found, made)


def why_not(cell: Cell) -> str:
    """Why the engine cannot run a cell; "" where it can, as far as that shows before it is compiled."""
    if len(cell.state_names) > cpu_abi.MOST_STATES or len(cell.vectors) > cpu_abi.MOST_VECTORS:
        return f"it takes at most {cpu_abi.MOST_STATES} states and {cpu_abi.MOST_VECTORS} learned vectors"
    if cell.given or cell.output:
        return "it knows neither given numbers nor an output apart from the states"
    return ""


def step(cell: Cell) -> Step:
    """A cell's step, compiled now if need be. Raises Unavailable if it does not compile."""
    with _lock:
        found = _steps.get((cell, processor.chosen()))
        if found is None:
            found = _steps[cell, processor.chosen()] = _step(cell, processor.chosen())
        return found


_steps: dict[tuple[Cell, Isa], Step] = {}


def _step(cell: Cell, isa: Isa) -> Step:
    if reason := why_not(cell):
        raise Unavailable(reason)
    try:
        what, meta = step_unit(cell)
        made = library.load(what, isa, [f"recurra_step_{stage}" for stage in range(meta.fields["forward_stages"])])
    except CellError as error:
        raise Unavailable(f"its step cannot be compiled: {str(error).splitlines()[0]}") from error
    except CompileError as error:
        raise Unavailable(str(error)) from error
    structure = cpu_abi.Cell()
    for name, value in meta.fields.items():
        setattr(structure, name, (c_long * cpu_abi.MOST_STAGES)(*value) if isinstance(value, tuple) else value)
    for stage in range(meta.fields["forward_stages"]):
        structure.forward[stage] = cast(getattr(made, f"recurra_step_{stage}"), c_void_p).value
    return Step(cell, meta, structure, made)
