"""ConvRecurrent: any cell over frames, with convolutions in the place of its matrix products.

    layer = ConvRecurrent("lstm", in_channels=1, hidden_channels=8, kernel_size=3)
    y, (h, c) = layer(x)            # x (time, batch, 1, height, width) → y (time, batch, 8, height, width)

A cell's step is the same equations at every pixel: W_x x and W_h h become convolutions that leave height and width as they
are, hidden units become channels. With the LSTM that is the ConvLSTM of Shi et al. 2015, arXiv:1506.04214, with the GRU the
ConvGRU of Ballas et al. 2016, arXiv:1511.06432. Learned vectors are one number a channel; layer norm is over a pixel's
channels. Frames of any size go through the same weights.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from recurra import cells
from recurra.backends.call import active_steps, resets_of
from recurra.cells import Cell
from recurra.errors import ConfigError, ShapeError
from recurra.nn.frames import (
    check_options,
    give_state,
    read_kernel,
    read_state,
    read_widths,
    read_x,
)
from recurra.nn.initialise import check_initialiser, initialise
from recurra.nn.inputs import can_be_asked, check_finite, check_finite_states, read_lengths, read_resets

WEIGHTS = cells.WEIGHTS[:4]  # there is no projection of frames


class ConvRecurrent(nn.Module):
    """A cell over frames: `y, state = ConvRecurrent("gru", 3, 16)(x)`; x (time, batch, 3, H, W) → y (time, batch, 16, H, W).

    cell: a name from `recurra.cells.names()`, a Cell class or a Cell.
    in_channels: channels of x.
    hidden_channels: channels of each layer, or a list with each layer's.
    kernel_size: pixels that a product sees, an odd number, or (height, width); default 3.
    num_layers: layers, each reading the one below; default 1, or the length of the list.
    bias: whether there are biases; default True.
    batch_first: x and y are (batch, time, channels, height, width); default False.
    dropout: fraction of each layer's output channels dropped before the next layer; default 0.
    bidirectional: also run backward in time; y holds both directions' channels; default False.
    init: initialiser by name, as for Recurrent: "torch" (default), "recommended", "xavier", "orthogonal".
    forget_bias: what the forget gate's bias starts from; None leaves it to `init`, and "recommended" then takes 1.
    check_finite: refuse an x or a state with NaN or infinity, on the CPU; default True.

    Weights are named as in Recurrent: weight_ih_l0 (gates * hidden, in, *kernel_size), weight_hh_l0, bias_ih_l0 ...
    Raises ConfigError for options that are invalid or would have no effect, CellError for a cell that breaks the rules.
    """

    def __init__(
        self,
        cell: str | type[Cell] | Cell,
        in_channels: int,
        hidden_channels: int | Sequence[int],
        kernel_size: int | tuple[int, int] = 3,
        num_layers: int | None = None,
        *,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        init: str = "torch",
        forget_bias: float | None = None,
        check_finite: bool = True,
        device=None,
        dtype=None,
    ):
        super().__init__()
        self.cell = cells.get(cell)
        self.facts = cells.facts(self.cell)
        if self.cell.given:
            raise ConfigError(f"{self.cell!r} takes given numbers ({self.cell.given}), which frames cannot bring yet")
        self.in_channels, self.hidden_channels = in_channels, hidden_channels
        self.kernel_size = read_kernel(kernel_size)
        self._widths = read_widths(in_channels, hidden_channels, num_layers)
        self.num_layers = len(self._widths)
        self.bias, self.batch_first, self.bidirectional = bias, batch_first, bidirectional
        self.dropout, self.init, self.forget_bias, self.check_finite = dropout, init, forget_bias, check_finite
        check_options(self)
        check_initialiser(init, self.cell, bias, forget_bias)
        below = [in_channels, *[(1 + bidirectional) * width for width in self._widths[:-1]]]
        for layer, sizes in enumerate(zip(below, self._widths, strict=True)):
            for suffix in self._suffixes(layer):
                self._make_weights(suffix, *sizes, {"device": device, "dtype": dtype})
        self.reset_parameters()

    def _make_weights(self, suffix: str, below: int, hidden: int, kind: dict) -> None:
        x_rows, h_rows = (len(gates) * hidden for gates in (self.facts.x_gates, self.facts.h_gates))
        sizes = {"weight_ih": (x_rows, below, *self.kernel_size)}
        if h_rows:
            sizes["weight_hh"] = (h_rows, hidden, *self.kernel_size)
        if self.bias:
            sizes["bias_ih"] = (x_rows,)
        if self.bias and h_rows:
            sizes["bias_hh"] = (h_rows,)
        for name, size in (sizes | dict.fromkeys(self.cell.vectors, (hidden,))).items():
            setattr(self, f"{name}_{suffix}", nn.Parameter(torch.empty(size, **kind)))

    def _suffixes(self, layer: int) -> list[str]:
        return [f"l{layer}", f"l{layer}_reverse"][: 1 + self.bidirectional]

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Draw all weights again, by `init` and `forget_bias`."""
        forget = self.forget_bias
        if forget is None and self.init == "recommended" and (self.bias or self.cell.forget in self.cell.vectors):
            forget = 1.0 if self.cell.forget else None
        for layer in range(self.num_layers):
            for suffix in self._suffixes(layer):
                end = f"_{suffix}"
                named = {k.removesuffix(end): p for k, p in self.named_parameters(recurse=False) if k.endswith(end)}
                # A convolution is a matrix from all that a pixel sees to its gates.
                flat = {k: p.flatten(1) if p.dim() > 1 else p for k, p in named.items()}
                initialise(flat, self.facts, self.cell, self.init, forget)
                if self.init == "torch":  # its bound is for as many summands as hidden units; a kernel has more
                    for name in named.keys() & {"weight_ih", "weight_hh"}:
                        named[name].div_(math.sqrt(math.prod(self.kernel_size)))

    def forward(
        self,
        x: Tensor,
        state: Any = None,
        *,
        lengths: Tensor | Sequence[int] | None = None,
        resets: Tensor | None = None,
    ) -> tuple[Tensor, Any]:
        """Run the layers over frames: `y, state = layer(x)`.

        x: (time, batch, channels, height, width), (batch, time, ...) with batch_first, or one sequence without batch.
        state: what an earlier call returned; default zeros. A tensor for a cell with one state, else a tuple:
            (layers * directions, batch, hidden, height, width) each, or a list with one per layer where widths differ.
        lengths: frames of each row, (batch,), any order, 0 allowed; y is 0 past them, and the state is each row's last.
        resets: bool, (time, batch) or as x is laid out: True drops the state before that frame (a cut, a new clip).

        Returns y as x is laid out, with hidden_channels a direction, and the state after the last frame. ShapeError,
        DtypeError and DataError for what does not fit.
        """
        x, batched = read_x(self, x)
        if not (x.shape[2] and x.shape[3]):
            raise ShapeError(
                f"{self._name}: the frames of `x` have no pixels, height {x.shape[2]} and width {x.shape[3]}; expected 1 or"
                " more of each. Was it cut too short?"
            )
        time, batch = x.shape[:2]
        lengths = read_lengths(self._name, lengths, time, batch, batched, x.device)
        resets = read_resets(self._name, resets, time, batch, batched, self.batch_first, x.device)
        active = None if lengths is None else active_steps(lengths, time)[..., None, None]
        if active is not None:  # the padding must not matter, not even NaN
            x = torch.where(active, x, 0)
        if self.check_finite and can_be_asked(x):
            check_finite(self._name, x)
        before, ended = read_state(self, state, x, batched), []
        if self.check_finite and state is not None:
            check_finite_states(self._name, self.cell.state_names, state)
        for layer in range(self.num_layers):
            if layer and self.dropout and self.training:  # whole channels: the pixels of one are too much alike
                x = x * F.dropout(x.new_ones(1, batch, 1, 1, x.shape[-1]), self.dropout)
            ran = [
                self._direction(x, suffix, before[layer][d], active, resets, backward=d == 1)
                for d, suffix in enumerate(self._suffixes(layer))
            ]
            x = torch.cat([y for y, _ in ran], -1) if len(ran) > 1 else ran[0][0]
            ended.append([states for _, states in ran])
        y = x.permute(0, 1, 4, 2, 3) if batched else x[:, 0].permute(0, 3, 1, 2)
        return y.transpose(0, 1) if batched and self.batch_first else y, give_state(self, ended, batched)

    def _direction(
        self, x: Tensor, suffix: str, old: tuple, active: Tensor | None, resets: Tensor | None, backward: bool
    ) -> tuple[Tensor, tuple]:
        """One layer in one direction; x is (time, batch, height, width, channels).

        Channels stand last inside, as units do in a vector: the cell's step, its learned vectors and its layer norm cannot
        tell the difference, and it is the order in memory that convolutions are fast in.
        """
        cell, time = self.cell, x.shape[0]
        gates, of_h, names = self.facts.x_gates, self.facts.h_gates, cell.state_names
        w_x, w_h, b_x, b_h = (getattr(self, f"{name}_{suffix}", None) for name in WEIGHTS)
        products = _convolve(x.flatten(0, 1), w_x, b_x).unflatten(0, x.shape[:2]).unflatten(-1, (len(gates), -1))
        inputs = [gate.unbind(0) for gate in products.unbind(-2)]
        learned = {name: getattr(self, f"{name}_{suffix}") for name in cell.vectors}

        def product(v: Tensor, gate: int | None):
            if gate is None:
                return _convolve(v, w_h, b_h).unflatten(-1, (len(of_h), -1)).unbind(-2)
            return _convolve(v, w_h.chunk(len(of_h))[gate], None if b_h is None else b_h.chunk(len(of_h))[gate])

        resets = None if resets is None else resets_of(resets[..., None, None, None], active, backward)
        ys = [None] * time
        for t in reversed(range(time)) if backward else range(time):
            if resets is not None:
                old = tuple(torch.where(resets[t], 0, state) for state in old)
            x_t = {name: gate[t] for name, gate in zip(gates, inputs, strict=True)}
            states = dict(zip(names, old, strict=True))
            new, shown = cell.step(*cell.arguments(x_t, product, states, learned, self.facts.whole, of_h))
            y = shown[cell.output] if cell.output else new[0]
            ys[t] = y if active is None else torch.where(active[t], y, 0)
            if active is not None:
                new = tuple(torch.where(active[t], n, o) for n, o in zip(new, old, strict=True))
            old = new
        return torch.stack(ys) if time else x.new_zeros(*x.shape[:-1], old[0].shape[-1]), old

    def extra_repr(self) -> str:
        return f"{self.cell!r}, {self.in_channels}, {self.hidden_channels}, kernel_size={self.kernel_size}"

    @property
    def _name(self) -> str:
        return type(self).__name__


class ConvLSTM(ConvRecurrent):
    """Convolutional LSTM: `y, (h, c) = ConvLSTM(1, 16)(x)`. Options and shapes: see ConvRecurrent. Shi et al. 2015.

    peepholes: gates also see the cell state, one weight a channel (the paper has one a pixel too, which would fix the
        frames' size); default False.
    """

    def __init__(
        self, in_channels: int, hidden_channels: int | Sequence[int], *args: Any, peepholes=False, **options: Any
    ):
        super().__init__("peephole-lstm" if peepholes else "lstm", in_channels, hidden_channels, *args, **options)


class ConvGRU(ConvRecurrent):
    """Convolutional GRU: `y, h = ConvGRU(1, 16)(x)`. Options and shapes: see ConvRecurrent. Ballas et al. 2016.

    The reset gate acts after the product, as in torch.nn.GRU, which takes one convolution a step.
    """

    def __init__(self, in_channels: int, hidden_channels: int | Sequence[int], *args: Any, **options: Any):
        super().__init__("gru", in_channels, hidden_channels, *args, **options)


def _convolve(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """(frames, height, width, channels) → the same with the product's channels, in the same order in memory."""
    padding = [size // 2 for size in weight.shape[2:]]
    return F.conv2d(x.permute(0, 3, 1, 2), weight, bias, padding=padding).permute(0, 2, 3, 1)
