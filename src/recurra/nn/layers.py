"""RNN, LSTM and GRU: drop-in for torch.nn's layers of the same name, and more.

The same positional arguments, defaults, shapes, returned tuples, weight names and numbers as torch.nn; then, by keyword,
everything that Recurrent offers, from `lengths=` in the call to `heads=` in the constructor. What tools read of torch.nn's
layers (`mode`, `_flat_weights`, `check_input`, ...) is there too.
"""

import inspect
import warnings
from typing import Any

from torch import Tensor, nn

from recurra.cells import GRU as GRUCell
from recurra.cells import LSTM as LSTMCell
from recurra.cells import Cell, Elman
from recurra.errors import BackendError, ConfigError, nearest
from recurra.nn.recurrent import Recurrent


class DropIn(Recurrent):
    """What the three share: torch.nn's argument names and attributes, and its leniency about a dropout without effect."""

    def __init__(self, cell: Cell, input_size: int, hidden_size: int, num_layers: int, dropout: float, **options: Any):
        if dropout and num_layers == 1:  # torch.nn warns here too: a drop-in must not break a model that runs today
            warnings.warn(
                f"{self._name}: dropout={dropout} has no effect with num_layers=1: it acts between layers. "
                "Use output_dropout for the output, or leave it out.",
                stacklevel=3,
            )
            dropout = 0.0
        super().__init__(cell, input_size, hidden_size, num_layers, dropout=dropout, **options)

    def forward(self, input: Tensor, hx: Any = None, **options: Any):
        """Run the layer: as in torch.nn, and with the options of Recurrent.forward by keyword."""
        return super().forward(input, hx, **options)

    def __prepare_scriptable__(self) -> nn.Module:
        return as_torch(self)

    @property
    def mode(self) -> str:
        """What torch.nn calls this kind of layer: LSTM, GRU, RNN_TANH, RNN_RELU."""
        return type(self.cell).__name__.upper()

    @property
    def _all_weights(self) -> list[list[str]]:
        names = [one._replace(vectors={}).flat() for layer in self._names for one in layer]
        return [[name for name in direction if name is not None] for direction in names]

    @property
    def _flat_weights_names(self) -> list[str]:
        return [name for names in self._all_weights for name in names]

    @property
    def _flat_weights(self) -> list[Tensor | None]:
        return [getattr(self, name, None) for name in self._flat_weights_names]

    check_input = nn.RNNBase.check_input
    get_expected_hidden_size = nn.RNNBase.get_expected_hidden_size
    check_hidden_size = nn.RNNBase.check_hidden_size
    check_forward_args = nn.RNNBase.check_forward_args
    permute_hidden = nn.RNNBase.permute_hidden


class RNN(DropIn):
    """Elman network, as torch.nn.RNN: `y, h = RNN(4, 8)(x)`. Options and shapes: see Recurrent. Elman 1990.

    nonlinearity: "tanh" (default), "relu", or any elementwise function.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: Any = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device=None,
        dtype=None,
        **options: Any,
    ):
        if isinstance(nonlinearity, str) and nonlinearity not in ("tanh", "relu"):
            known = nearest(nonlinearity, ("tanh", "relu"))
            raise ConfigError(f"RNN: nonlinearity is {nonlinearity!r}; {known} (or pass a function)")
        options |= {"bias": bias, "batch_first": batch_first, "bidirectional": bidirectional}
        options |= {"device": device, "dtype": dtype}
        super().__init__(Elman(nonlinearity), input_size, hidden_size, num_layers, dropout, **options)
        self.nonlinearity = nonlinearity

    @property
    def mode(self) -> str:
        """What torch.nn calls this kind of layer."""
        return f"RNN_{getattr(self.nonlinearity, '__name__', self.nonlinearity).upper()}"


class GRU(DropIn):
    """Gated recurrent unit, as torch.nn.GRU: `y, h = GRU(4, 8)(x)`. Options and shapes: see Recurrent. Cho et al. 2014."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device=None,
        dtype=None,
        **options: Any,
    ):
        options |= {"bias": bias, "batch_first": batch_first, "bidirectional": bidirectional}
        options |= {"device": device, "dtype": dtype}
        super().__init__(GRUCell(), input_size, hidden_size, num_layers, dropout, **options)


class LSTM(DropIn):
    """Long short-term memory, as torch.nn.LSTM: `y, (h, c) = LSTM(4, 8)(x)`. Options and shapes: see Recurrent.

    Hochreiter & Schmidhuber 1997; forget gate from Gers, Schmidhuber & Cummins 2000; projection from Sak et al. 2014.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device=None,
        dtype=None,
        **options: Any,
    ):
        options |= {
            "bias": bias,
            "batch_first": batch_first,
            "bidirectional": bidirectional,
            "proj_size": proj_size,
        }
        options |= {"device": device, "dtype": dtype}
        super().__init__(LSTMCell(), input_size, hidden_size, num_layers, dropout, **options)

    get_expected_cell_size = nn.LSTM.get_expected_cell_size
    check_forward_args = nn.LSTM.check_forward_args
    permute_hidden = nn.LSTM.permute_hidden


TORCH = {RNN: nn.RNN, LSTM: nn.LSTM, GRU: nn.GRU}
_SHARED = {"bias", "batch_first", "dropout", "bidirectional", "proj_size", "device", "dtype"}
_INNER = {
    "init",
    "forget_bias",
    "backend",
    "check_finite",
    "checkpoint_every",
}  # where weights start, and how it is computed
_MORE = {
    name: parameter.default
    for name, parameter in inspect.signature(Recurrent).parameters.items()
    if parameter.kind is parameter.KEYWORD_ONLY and name not in _SHARED | _INNER
}
"""What Recurra's layers compute besides, and how it is off."""


def as_torch(layer: DropIn) -> nn.RNNBase:
    """torch.nn's layer of the same weights. Raises BackendError for a layer with options that torch.nn has not."""
    base = TORCH.get(type(layer))
    foreign = [name for name, plain in _MORE.items() if (getattr(layer, name) or 0) != (plain or 0)]
    if base is nn.RNN and layer.nonlinearity not in ("tanh", "relu"):
        foreign.append("nonlinearity")
    if base is None or foreign:
        why = f"no {', no '.join(foreign)} of this kind" if foreign else f"no {layer._name}"
        raise BackendError(
            f"{layer._name} cannot be made a layer of torch.nn, which has {why}. For a graph of it use torch.jit.trace or "
            "torch.export"
        )
    new = base(layer.input_size, layer.hidden_size, device="meta", **torch_options(layer))
    for name in new._flat_weights_names:
        setattr(new, name, getattr(layer, name))
    return new.train(layer.training)


def torch_options(layer: nn.Module) -> dict[str, Any]:
    """The options of a layer, torch.nn's or ours, as torch.nn's class takes them beside the sizes."""
    names = ["num_layers", "bias", "batch_first", "bidirectional"]
    names += ["proj_size"] if isinstance(layer, LSTM | nn.LSTM) else []
    names += ["nonlinearity"] if isinstance(layer, RNN | nn.RNN) else []
    return {name: getattr(layer, name) for name in names} | {"dropout": layer.dropout if layer.num_layers > 1 else 0.0}
