"""What a convolutional recurrent layer is made and called with, checked and brought to one form: channels last.

Every message says what came, what was expected, and the next move, as those of `recurra.nn.inputs` do.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from recurra.config import whole
from recurra.errors import ConfigError, DtypeError, ShapeError
from recurra.nn.inputs import check_dense
from recurra.nn.options import check_rate


def read_x(layer: Any, x: Any) -> tuple[Tensor, bool]:
    """x as (time, batch, height, width, channels), and whether it came with a batch."""
    name, channels, like = layer._name, layer.in_channels, layer.weight_ih_l0
    layout = "(batch, time, " if layer.batch_first else "(time, batch, "
    layout += "channels, height, width)"
    if not isinstance(x, Tensor):
        raise DtypeError(f"{name}: `x` is {type(x).__name__}; expected a tensor {layout}.")
    check_dense(name, "x", x)
    got = tuple(x.shape)
    if x.dim() not in (4, 5):
        hint = " For one channel: x.unsqueeze(-3)." if x.dim() == 3 else ""
        raise ShapeError(
            f"{name}: `x` has {x.dim()} dimensions {got}; expected {layout} or (time, channels, height, width).{hint}"
        )
    if got[-3] != channels:
        hint = " Channels stand before height and width." if got[-1] == channels else ""
        hint = " Frames of one channel have it too: x.unsqueeze(-3)." if channels == 1 and x.dim() == 4 else hint
        raise ShapeError(
            f"{name}: `x` is {got}; expected {channels} channels in the third dimension from the end, got {got[-3]}.{hint}\n"
            f"  in_channels={channels} from the model, layout {layout if x.dim() == 5 else '(time, channels, height, width)'}."
        )
    if x.device != like.device:
        raise DtypeError(
            f"{name}: `x` is on {x.device}, the weights are on {like.device}. Move one: x.to({str(like.device)!r})."
        )
    if x.dtype != like.dtype and not torch.is_autocast_enabled(x.device.type):
        short, wanted = (str(dtype).removeprefix("torch.") for dtype in (x.dtype, like.dtype))
        scaled = " / 255" if x.dtype == torch.uint8 else ""
        raise DtypeError(f"{name}: `x` is {short}, the weights are {wanted}. Convert it: x.to(torch.{wanted}){scaled}.")
    batched = x.dim() == 5
    if not batched:
        x = x[:, None]
    elif layer.batch_first:
        x = x.transpose(0, 1)
    return x.permute(0, 1, 3, 4, 2), batched


def read_state(layer: Any, state: Any, x: Tensor, batched: bool) -> list[list[tuple[Tensor, ...]]]:
    """A caller's state, or zeros: for each layer and direction the cell's states, (batch, height, width, channels)."""
    _, batch, height, width, _ = x.shape
    names, both = layer.cell.state_names, range(1 + layer.bidirectional)
    if state is None:
        like = layer.weight_ih_l0
        sizes = [(batch, height, width, channels) for channels in layer._widths]
        return [[tuple(like.new_zeros(size) for _ in names) for _ in both] for size in sizes]
    parts = [state] if len(names) == 1 else state
    if not isinstance(parts, tuple | list) or len(parts) != len(names):
        came = f"{len(state)} parts" if isinstance(state, tuple | list) else type(state).__name__
        want = f"a tuple ({', '.join(names)})" if len(names) > 1 else "one tensor"
        raise DtypeError(f"{layer._name}: the state is {came}; expected {want}, as an earlier call returned it.")
    row = (batch,) if batched else ()
    each = []  # for each layer, for each of the cell's states: (directions, batch, channels, height, width)
    for name, part in zip(names, parts, strict=True):
        listed = not isinstance(layer.hidden_channels, int)
        if listed and (not isinstance(part, tuple | list) or len(part) != layer.num_layers):
            raise DtypeError(
                f"{layer._name}: `{name}0` must be a list of {layer.num_layers} tensors, one per layer: widths differ."
            )
        if listed:
            wants = [(len(both), *row, channels, height, width) for channels in layer._widths]
            given = [(f"{name}0[{k}]", tensor, want) for k, (tensor, want) in enumerate(zip(part, wants, strict=True))]
        else:
            want = layer.num_layers * len(both), *row, layer._widths[0], height, width
            given = [(f"{name}0", part, want)]
        for label, tensor, want in given:
            _check_state(layer._name, label, tensor, want, layer.weight_ih_l0)
        tensors = [tensor if batched else tensor.unsqueeze(1) for _, tensor, _ in given]
        each.append(tensors if listed else tensors[0].unflatten(0, (layer.num_layers, len(both))).unbind(0))
    return [[tuple(part[k][d].permute(0, 2, 3, 1) for part in each) for d in both] for k in range(layer.num_layers)]


def _check_state(name: str, label: str, value: Any, want: tuple[int, ...], like: Tensor) -> None:
    if not isinstance(value, Tensor):
        raise DtypeError(f"{name}: `{label}` is {type(value).__name__}; expected a tensor {want}.")
    check_dense(name, label, value)
    if tuple(value.shape) != want:
        dims = "(layers * directions, batch, hidden, height, width)"
        raise ShapeError(
            f"{name}: `{label}` is {tuple(value.shape)}; expected {want} = {dims}"
            f"{'' if len(want) == 5 else ' without batch'}. To start from zeros, leave `{label}` out."
        )
    if value.device != like.device or (value.dtype != like.dtype and not torch.is_autocast_enabled(value.device.type)):
        raise DtypeError(
            f"{name}: `{label}` is {value.dtype} on {value.device}, the weights are {like.dtype} on {like.device}."
            f" Convert it: {label}.to(weights)."
        )


def give_state(layer: Any, ended: list[list[tuple]], batched: bool) -> Any:
    """The states after the last step: a tensor for a cell with one state, else a tuple in the cell's order."""
    parts = []
    for k in range(len(layer.cell.state_names)):
        each = [torch.stack([direction[k] for direction in one]).permute(0, 1, 4, 2, 3) for one in ended]
        each = each if batched else [tensor[:, 0] for tensor in each]
        parts.append(torch.cat(each) if isinstance(layer.hidden_channels, int) else each)
    return parts[0] if len(parts) == 1 else tuple(parts)


def read_widths(inputs: Any, hidden: Any, layers: int | None) -> list[int]:
    """Channels of each layer, from the constructor's arguments. Raises ConfigError."""
    listed = isinstance(hidden, Sequence) and not isinstance(hidden, str)
    if listed and (not hidden or layers not in (None, len(hidden))):
        raise ConfigError(
            f"num_layers={layers} but hidden_channels lists {len(hidden)} widths; give at least one, for each"
        )
    layers = 1 if layers is None else layers
    widths = list(hidden) if listed else [hidden]
    named = [("in_channels", inputs), ("num_layers", layers), *[("hidden_channels", width) for width in widths]]
    for name, value in named:
        whole(name, value)
    return widths if listed else widths * layers


def read_kernel(size: Any) -> tuple[int, int]:
    """(height, width) of the kernel, both odd. Raises ConfigError."""
    pair = (size, size) if isinstance(size, int) else tuple(size) if isinstance(size, tuple | list) else ()
    if len(pair) != 2 or not all(type(k) is int and k > 0 and k % 2 for k in pair):
        raise ConfigError(f"kernel_size is {size!r}; expected an odd number of pixels, or two: (height, width)")
    return pair


def check_options(layer: Any) -> None:
    check_rate("dropout", layer.dropout)
    if layer.dropout and layer.num_layers == 1:
        raise ConfigError(f"dropout={layer.dropout} has no effect with one layer: it acts between layers")
    if layer.init == "identity" and layer.kernel_size != (1, 1):
        raise ConfigError("init='identity' is for matrices; expected another, such as 'orthogonal'")
