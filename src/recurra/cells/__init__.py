"""The cells: one step each, as equations, a file each. `names()` lists them; `get("lstm")` fetches one."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

from recurra.cells.base import WEIGHTS, Cell
from recurra.cells.cfc import CfC
from recurra.cells.check import Facts, facts, settle, settled
from recurra.cells.cornn import CoRNN
from recurra.cells.coupled_lstm import CoupledLSTM
from recurra.cells.elman import Elman
from recurra.cells.gru import GRU
from recurra.cells.gru_d import GRUD
from recurra.cells.gru_original import GRUOriginal
from recurra.cells.hgrn import HGRN
from recurra.cells.indrnn import IndRNN
from recurra.cells.janet import JANET
from recurra.cells.layernorm_lstm import LayerNormLSTM
from recurra.cells.lem import LEM
from recurra.cells.lesson import Lesson
from recurra.cells.lstm import LSTM
from recurra.cells.mgu import MGU
from recurra.cells.mingru import MinGRU
from recurra.cells.minlstm import MinLSTM
from recurra.cells.peephole_lstm import PeepholeLSTM
from recurra.cells.rg_lru import RGLRU
from recurra.cells.slstm import SLSTM
from recurra.cells.sru import SRU
from recurra.errors import CellError, nearest, setting

_REGISTRY: dict[str, Cell] = {
    "rnn": Elman("tanh"),
    "rnn-relu": Elman("relu"),
    "lstm": LSTM(),
    "gru": GRU(),
    "gru-original": GRUOriginal(),
    "peephole-lstm": PeepholeLSTM(),
    "layernorm-lstm": LayerNormLSTM(),
    "mingru": MinGRU(),
    "minlstm": MinLSTM(),
    "coupled-lstm": CoupledLSTM(),
    "janet": JANET(),
    "mgu": MGU(),
    "indrnn": IndRNN(),
    "sru": SRU(),
    "slstm": SLSTM(),
    "rg-lru": RGLRU(),
    "hgrn": HGRN(),
    "lem": LEM(),
    "cornn": CoRNN(),
    "cfc": CfC(),
    "gru-d": GRUD(),
}
_BUILT_IN = dict(_REGISTRY)


def names(given: bool = True) -> tuple[str, ...]:
    """The names that `get` knows: the built-in cells, then those a user registered.

    given: False leaves out those whose calls bring numbers for each step (`Cell.given`), which only the
    estimators of sequences do (`dt`).
    """
    return tuple(name for name, cell in _REGISTRY.items() if given or not cell.call_names)


def built_in(given: bool = True) -> dict[str, Cell]:
    """The cells that come with Recurra, by name. given: as `names` takes it."""
    return {name: cell for name, cell in _BUILT_IN.items() if given or not cell.call_names}


def get(cell: str | type[Cell] | Cell) -> Cell:
    """A cell from its name, its class or itself, checked. Raises CellError: an unknown name, a `step` that breaks the rules.

    It is settled: what its step reads besides its arguments was read now, and holds for the layer that is made of it.
    """
    if isinstance(cell, str):
        if cell not in _REGISTRY:
            raise CellError(
                f"no cell is called {cell!r}; {nearest(cell, _REGISTRY)} "
                "(of your own: recurra.cells.register(name, cell), or in the terminal recurra --cell-file FILE ...)"
            )
        name, cell = cell, _REGISTRY[cell]
        if cell is _BUILT_IN.get(name):  # these read nothing that could change
            settle(cell)
            return cell
    elif isinstance(cell, type) and issubclass(cell, Cell):
        try:
            cell = cell()
        except TypeError as error:
            raise CellError(
                f"{cell.__name__} could not be made without arguments: {error}. Give a cell in place of the class, "
                f"such as {cell.__name__}(...)"
            ) from error
    elif not isinstance(cell, Cell):
        raise CellError(f"cell is {cell!r}; expected a name ({', '.join(_REGISTRY)}), a Cell class or a Cell")
    return settled(cell)


def require_inputs_alone(name: str, option: str = "cell", brings: tuple[str, ...] = ()) -> None:
    """Raise CellError if the cell of this name reads more than its inputs at each step, which a model does not have.

    name: of a cell; for one that is not known nothing is raised. option: the setting that the name comes from. brings: what
    this model has all the same.
    """
    words = _REGISTRY[name].call_names if name in _REGISTRY else ()
    if set(words) - set(brings):
        call = ", ".join(f"{word}={word}" for word in words)
        raise CellError(
            f"{setting(option)} is {name!r}, which reads {', '.join(words)} at each step; this model has no such "
            f"numbers. Take another cell, or make a layer in Python: recurra.nn.Recurrent({name!r}, inputs, units)(x, {call})"
        )


def register(name: str, cell: type[Cell] | Cell) -> Cell:
    """Give a cell of your own a name that models, the command line and saved runs can use; the cell, checked.

    A second registration under the name replaces the first, as when a notebook's cell is run again.
    """
    cell = get(cell)
    if name in _BUILT_IN and cell != _BUILT_IN[name]:
        raise CellError(f"the name {name!r} is taken by {_BUILT_IN[name]!r}; choose another")
    _REGISTRY[name] = cell
    return cell


def name_of(cell: Any) -> Any:
    """The name of a Cell or its class, as settings and runs store it; what is neither comes back as it is.

    A cell without a name gets that of its class: `train("book.txt", cell=Leaky)` registers "Leaky".
    """
    if not isinstance(cell, Cell) and not (isinstance(cell, type) and issubclass(cell, Cell)):
        return cell
    cell = get(cell)
    known = next((name for name, one in _REGISTRY.items() if one == cell), None)
    if known is None:
        known = type(cell).__name__
        register(known, cell)
    return known


@contextmanager
def registered(named: Mapping[str, type[Cell] | Cell] = MappingProxyType({})) -> Iterator[None]:
    """Names for a while: `with cells.registered({"leaky": Leaky}): ...`. What is registered inside is forgotten too."""
    before = dict(_REGISTRY)
    try:
        for name, cell in named.items():
            register(name, cell)
        yield
    finally:
        _REGISTRY.clear()
        _REGISTRY.update(before)


__all__ = [
    "GRU",
    "GRUD",
    "HGRN",
    "JANET",
    "LEM",
    "LSTM",
    "MGU",
    "RGLRU",
    "SLSTM",
    "SRU",
    "WEIGHTS",
    "Cell",
    "CfC",
    "CoRNN",
    "CoupledLSTM",
    "Elman",
    "Facts",
    "GRUOriginal",
    "IndRNN",
    "LayerNormLSTM",
    "Lesson",
    "MinGRU",
    "MinLSTM",
    "PeepholeLSTM",
    "built_in",
    "facts",
    "get",
    "name_of",
    "names",
    "register",
    "registered",
    "require_inputs_alone",
]
