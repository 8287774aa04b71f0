"""The cells: one step each, as equations, one a file. `names()` lists them; `get("lstm")` fetches one."""

from recurra.cells.base import WEIGHTS, Cell
from recurra.cells.check import Facts, facts
from recurra.cells.elman import Elman
from recurra.cells.gru import GRU
from recurra.cells.gru_original import GRUOriginal
from recurra.cells.layernorm_lstm import LayerNormLSTM
from recurra.cells.lstm import LSTM
from recurra.cells.mingru import MinGRU
from recurra.cells.minlstm import MinLSTM
from recurra.cells.peephole_lstm import PeepholeLSTM
from recurra.errors import CellError, nearest

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
}
_BUILT_IN = frozenset(_REGISTRY)


def names() -> tuple[str, ...]:
    """The names that `get` knows: the built-in cells, then those a user registered."""
    return tuple(_REGISTRY)


def built_in() -> tuple[str, ...]:
    """The names of the cells that come with Recurra."""
    return tuple(name for name in _REGISTRY if name in _BUILT_IN)


def get(cell: str | type[Cell] | Cell) -> Cell:
    """A cell from its name, its class or itself, checked. Raises CellError: an unknown name, a `step` that breaks the rules."""
    if isinstance(cell, str):
        if cell not in _REGISTRY:
            raise CellError(
                f"no cell is called {cell!r}; {nearest(cell, _REGISTRY)} "
                "(a cell of your own gets a name by recurra.cells.register(name, cell))"
            )
        cell = _REGISTRY[cell]
    elif isinstance(cell, type) and issubclass(cell, Cell):
        cell = cell()
    elif not isinstance(cell, Cell):
        raise CellError(f"cell is {cell!r}; expected a name ({', '.join(_REGISTRY)}), a Cell class or a Cell")
    facts(cell)
    return cell


def register(name: str, cell: type[Cell] | Cell) -> Cell:
    """Give a cell of your own a name that models, the command line and saved runs can use; the cell, checked.

    A second registration under the name replaces the first, as when a notebook's cell is run again.
    """
    cell = get(cell)
    if name in _BUILT_IN and cell != _REGISTRY[name]:
        raise CellError(f"the name {name!r} is taken by {_REGISTRY[name]!r}; choose another")
    _REGISTRY[name] = cell
    return cell


__all__ = [
    "GRU",
    "LSTM",
    "WEIGHTS",
    "Cell",
    "Elman",
    "Facts",
    "GRUOriginal",
    "LayerNormLSTM",
    "MinGRU",
    "MinLSTM",
    "PeepholeLSTM",
    "built_in",
    "facts",
    "get",
    "names",
    "register",
]
