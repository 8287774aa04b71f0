"""RNN, LSTM and GRU: drop-in for torch.nn's layers of the same name, and more.

The same positional arguments, defaults, shapes, returned tuples, weight names and numbers as torch.nn; then, by keyword,
everything that Recurrent offers, from `lengths=` in the call to `zoneout=` in the constructor.
"""

import warnings
from typing import Any

from torch import Tensor

from recurra.cells import GRU as GRUCell
from recurra.cells import LSTM as LSTMCell
from recurra.cells import Cell, Elman
from recurra.errors import ConfigError, nearest
from recurra.nn.recurrent import Recurrent


class _DropIn(Recurrent):
    """What the three share: torch.nn's argument names, and its leniency about a dropout without effect."""

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


class RNN(_DropIn):
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


class GRU(_DropIn):
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


class LSTM(_DropIn):
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
