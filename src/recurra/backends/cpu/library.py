"""A cell and the core, compiled and loaded: `made(cell)`, once a process for each cell.

Raises Unavailable if a cell has no kernel: its step could not be traced, there is no compiler, or the compiler failed. The
first time that each of these happens there is one warning, because the cell then runs slower than it could. The reason is
remembered for the process, and no second attempt is made.
"""

import contextlib
import ctypes
import functools
import os
import sys
import threading
import warnings
from collections.abc import Iterable, Iterator
from ctypes import CDLL, addressof, c_char_p, c_long, c_void_p, cast
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

from recurra.backends.cpu import abi, build, cache, processor
from recurra.backends.cpu.build import CompileError
from recurra.backends.cpu.cache import Compilation
from recurra.backends.cpu.processor import Isa
from recurra.cells.base import Cell
from recurra.errors import BackendError, CellError, CompileWarning

HEADERS = ("step.h", "vector.h", "fields_step.h", "fields_cell.h")
"""Those that a cell's generated code includes."""
WAY_OUT = "`recurra doctor` shows what is here"

_CORE = tuple(f"recurra_{name}" for name in ("keep_bytes", "forward", "backward", "look", "same", "layout"))
_KINDS = {"f32": abi.F32, "f64": abi.F64}
_lock = threading.RLock()
_made: dict[tuple[str, str], "Made | Unavailable"] = {}  # by the equations and the instruction set
_by_key: dict[str, "Made"] = {}
_forked = False


class Unavailable(Exception):
    """Why a cell has no kernel: one sentence."""


class Core(NamedTuple):
    """The functions of native/core.cpp, for one instruction set."""

    keep_bytes: Any
    forward: Any
    backward: Any
    look: Any
    same: Any
    library: CDLL


class Made(NamedTuple):
    """A cell that can run. key: its content, the same in every process and on every machine."""

    key: str
    cell: Cell
    meta: Any  # recurra.expr.compile.Meta
    isa: Isa
    core: Core
    structures: dict[int, abi.Cell]  # by io; native/step.h's Cell<float> or Cell<double>
    addresses: dict[int, int]  # of these
    library: CDLL

    @property
    def x_gates(self) -> tuple[str, ...]:
        """The gates with rows in W_x."""
        return self.meta.x_gates

    @property
    def h_gates(self) -> tuple[str, ...]:
        """The gates with rows in W_h."""
        return self.meta.h_gates


def made(cell: Cell) -> Made:
    """The cell's kernel, found or compiled now. Raises Unavailable, and BackendError for an invalid RECURRA_ISA."""
    read = equations(cell)
    at = (str(read) if isinstance(read, CellError) else read.key), processor.chosen().name
    found = _made.get(at)
    if found is None:
        with _lock:
            found = _made.get(at) or _make(cell, processor.chosen())
            _made[at] = found
    if isinstance(found, Unavailable):
        raise found
    return found


def equations(cell: Cell) -> Any:
    """The graph that a cell was read as when its layer was made, or why there is none; else it is read now, once."""
    found = getattr(cell, "_graph", None)
    if found is None:  # of a layer that was unpickled
        from recurra.cells.check import settle

        settle(cell)
        found = cell._graph
    return found


def by_key(key: str) -> Made:
    """The kernel with this key, as an operator's call names it. Raises BackendError if no cell known here has it."""
    found = _by_key.get(key)
    if found is None:  # a program exported in another process: look through the cells that have a name
        from recurra import cells

        for name in cells.names():
            try:
                if made(cells.get(name)).key == key:
                    break
            except Unavailable:
                continue
        found = _by_key.get(key)
    if found is None:
        raise BackendError(
            f"this program runs a cell ({key}) that is not known here. Import it first: recurra.cells.register(name, cell)"
        )
    return found


def unit(cell: Cell) -> tuple[Compilation, Any]:
    """What is compiled for a cell, and what the core must know of it. Raises CellError if its step is not traceable."""
    from recurra.expr.compile import generate

    generated = generate(cell)
    return Compilation(type(cell).__name__.lower(), generated.source, HEADERS), generated.meta


@functools.cache
def core_unit() -> Compilation:
    """The core: native/core.cpp and what it includes."""
    source = (build.native() / "core.cpp").read_text("utf-8")
    return Compilation("core", source, cache.headers(source))


def _make(cell: Cell, isa: Isa) -> "Made | Unavailable":
    if sys.platform == "win32" or ctypes.sizeof(c_long) != 8:
        return Unavailable("the compiled kernels are for Linux and macOS on 64 bits")
    try:
        what, meta = unit(cell)
    except CellError as error:
        reason = str(error).splitlines()[0]
        _warn(f"{cell!r} cannot be compiled and runs by its equations, many times slower: {error}")
        return Unavailable(f"its step cannot be compiled: {reason}")
    try:
        core = _core(isa)
        library = load(what, isa, [symbol for kind in _KINDS for _, _, symbol in _symbols(meta, kind)])
    except CompileError as error:
        _warn(f"{_first_up(str(error))}. So {cell!r} has no compiled kernel here and runs slower. {_hint(error)}")
        return Unavailable(str(error))
    structures = {io: _structure(meta, library, kind) for kind, io in _KINDS.items()}
    structures[abi.BF16] = structures[abi.F32]
    addresses = {io: addressof(structure) for io, structure in structures.items()}
    done = Made(f"{what.name}-{what.key}", cell, meta, isa, core, structures, addresses, library)
    _by_key[done.key] = done
    return done


@functools.cache
def _core(isa: Isa) -> Core:
    library = load(core_unit(), isa, _CORE)
    *functions, _ = (getattr(library, symbol) for symbol in _CORE)
    for function in functions:
        function.restype, function.argtypes = c_long, (c_void_p,)
    library.recurra_layout.restype = c_char_p
    check_layout(library.recurra_layout().decode(), abi.layout())
    return Core(*functions, library)


def check_layout(core: str, ours: str) -> None:
    """Raise AssertionError, naming the first field, where the core lays a structure out otherwise than ctypes does."""
    for theirs, mine in zip_longest(core.split(";"), ours.split(";")):
        assert theirs == mine, (
            f"the core and abi.py have drifted apart: {theirs!r} and {mine!r} (field, type, place, bytes)"
        )


def load(what: Compilation, isa: Isa, symbols: Iterable[str]) -> CDLL:
    """Compile if need be, and load. What does not load although it is whole (another system's), or lacks one of the symbols,
    is compiled again, once."""
    symbols, tried = tuple(symbols), False
    for path in cache.found(what, isa):
        tried = True
        with contextlib.suppress(OSError, AttributeError):
            return _with(symbols, str(path))
    path = cache.fetch(what, isa, again=tried)
    try:
        # Spelled differently: under the same words the system would give the library that is loaded already.
        return _with(symbols, f"{path.parent}/./{path.name}")
    except (OSError, AttributeError) as error:
        raise CompileError(f"{path} was compiled but cannot be loaded: {error}") from error


def _with(symbols: tuple[str, ...], path: str) -> CDLL:
    library = CDLL(path)
    for symbol in symbols:
        getattr(library, symbol)
    return library


def _symbols(meta: Any, kind: str) -> Iterator[tuple[str, int, str]]:
    """Of the functions of a cell: forward or backward, which stage, the symbol."""
    for way in ("forward", "backward"):
        for stage in range(meta.fields[f"{way}_stages"]):
            yield way, stage, f"recurra_{way}_{stage}_{kind}"


def _structure(meta: Any, library: CDLL, kind: str) -> abi.Cell:
    cell = abi.Cell()
    for name, value in meta.fields.items():
        setattr(cell, name, abi.array_of(c_long, abi.MOST_STAGES)(*value) if isinstance(value, tuple) else value)
    for way, stage, symbol in _symbols(meta, kind):
        getattr(cell, way)[stage] = cast(getattr(library, symbol), c_void_p).value
    return cell


def _hint(error: CompileError) -> str:
    if "no C++ compiler" in str(error):
        return (
            f"Install one (Debian, Ubuntu: sudo apt install g++; macOS: xcode-select --install) or set CXX; {WAY_OUT}."
        )
    return f"{_first_up(WAY_OUT)}."


def _first_up(text: str) -> str:
    return text[:1].upper() + text[1:]


_warned: set[str] = set()


def _warn(message: str) -> None:
    """Once for each message."""
    if message not in _warned:
        _warned.add(message)
        warnings.warn(message, CompileWarning, stacklevel=2)


@functools.cache
def parallel() -> int | None:
    """The address of GOMP_parallel in the OpenMP library that PyTorch runs on, so that its threads are used and not
    others beside them; None if there is none, and kernels then run on the calling thread."""
    home = Path(sys.modules["torch"].__file__).parent
    own = sorted([*home.glob("lib/lib*omp*"), *home.parent.glob("torch.libs/lib*omp*")])
    for name in ("libgomp.so.1", "libiomp5.so", "libomp.so", "libomp.so.5", "libomp.dylib", *map(str, own)):
        try:
            # Not one that would have to be loaded first: its threads would fight with PyTorch's over the cores.
            return cast(CDLL(name, mode=os.RTLD_NOLOAD | os.RTLD_LAZY).GOMP_parallel, c_void_p).value
        except (OSError, AttributeError):
            continue
    return None


def forked() -> bool:
    """Whether this process was made by fork: OpenMP's threads stayed behind, and asking for them would wait for ever."""
    return _forked


def _note_fork() -> None:
    global _forked
    _forked = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note_fork)


__all__ = ["Core", "Made", "Unavailable", "by_key", "core_unit", "forked", "load", "made", "parallel", "unit"]
