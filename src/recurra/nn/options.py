"""A recurrent layer's options, checked: an invalid option, or one without effect, is an error."""

import math
from collections.abc import Sequence
from typing import Any

from recurra.backends.stack import Shape
from recurra.cells import Cell, facts
from recurra.config import whole
from recurra.errors import ConfigError, setting

RATES = ("dropout", "input_dropout", "output_dropout", "recurrent_dropout", "weight_dropout")

WIDEST = 1 << 27
"""Features or units of a layer: the sizes of its weights, in bytes, stay below 2**63."""


def read_shape(cell: Cell, inputs: Any, hidden: Any, layers: int | None, both: bool, proj: int) -> Shape:
    """The widths of each layer from the constructor's arguments. Raises ConfigError."""
    inputs = _width("input_size", inputs)
    listed = isinstance(hidden, Sequence) and not isinstance(hidden, str)
    if listed:
        widths = list(hidden)
        if layers not in (None, len(widths)):
            raise ConfigError(
                f"{setting('num_layers', layers)} but hidden_size lists {len(widths)} widths; leave num_layers out"
            )
        if not widths:
            raise ConfigError("hidden_size is an empty list; give each layer's units")
    else:
        layers = 1 if layers is None else layers
        widths = [hidden] * whole("num_layers", layers)
    widths = [_width("hidden_size", width) for width in widths]
    proj = whole("proj_size", proj, least=0)
    if proj and not facts(cell).projects:
        why = "has an output that is no state" if cell.output else "reads its output unit by unit"
        why = why if facts(cell).whole or cell.output else "multiplies other vectors by W_h (h.of)"
        raise ConfigError(f"proj_size={proj}: {cell!r} {why}, so its output cannot be projected")
    if proj and proj >= min(widths):
        raise ConfigError(f"proj_size={proj} must be smaller than {setting('hidden_size', min(widths))}")
    outputs = [proj or width for width in widths]
    below = [inputs, *[(1 + both) * width for width in outputs[:-1]]]
    return Shape(tuple(below), tuple(widths), tuple(outputs), 1 + both, listed, len(cell.state_names))


def _width(name: str, value: Any) -> int:
    return whole(name, value, f"a whole number, 1 to {WIDEST:,}", most=WIDEST)


def read_zoneout(cell: Cell, zoneout: Any) -> tuple[float, ...]:
    """One rate for each state of the cell; empty for none. Raises ConfigError."""
    names = cell.state_names
    rates = [zoneout] * len(names) if isinstance(zoneout, int | float) else list(zoneout)
    if len(rates) != len(names):
        raise ConfigError(f"zoneout has {len(rates)} rates; {cell!r} has {len(names)} states ({', '.join(names)})")
    for rate in rates:
        check_rate("zoneout", rate)
    return tuple(float(rate) for rate in rates) if any(rates) else ()


def read_clip(cell: Cell, state_clip: Any) -> tuple[float, ...]:
    """The largest size of each state; empty for none. Raises ConfigError."""
    names = cell.state_names
    sizes = [state_clip] * len(names) if isinstance(state_clip, int | float) else list(state_clip)
    if len(sizes) != len(names):
        raise ConfigError(f"state_clip has {len(sizes)} sizes; {cell!r} has {len(names)} states ({', '.join(names)})")
    for size in sizes:
        if isinstance(size, bool) or not isinstance(size, int | float) or not 0 <= size < math.inf:
            raise ConfigError(f"state_clip is {size!r}; expected the largest size of a state's numbers, or 0 for none")
    return tuple(map(float, sizes)) if any(sizes) else ()


def check_options(layer: Any) -> None:
    """Raise ConfigError for an option of a Recurrent that is out of range or without effect."""
    cell = layer.cell
    if "input" in cell.given_names and layer.shape.inputs != layer.shape.hidden:
        raise ConfigError(
            f"{cell!r} reads given.input, so each layer must read as many features as it has units; got "
            f"{list(layer.shape.inputs)} features and {list(layer.shape.hidden)} units"
        )
    whole("checkpoint_every", layer.checkpoint_every, least=0)
    _check_heads(layer)
    for name in RATES:
        if name != "dropout" or layer.dropout != 1:  # torch.nn takes 1, which lets nothing through to the layer above
            check_rate(name, getattr(layer, name))
    for name in ("recurrent_dropout", "weight_dropout"):
        if getattr(layer, name) and not layer.facts.h_gates:
            raise ConfigError(
                f"{name}={getattr(layer, name)} has no effect: {cell!r} has no recurrent matrix. Leave it out"
            )
    if layer.dropout and layer.num_layers == 1:
        raise ConfigError(
            f"{setting('dropout', layer.dropout)} has no effect with one layer: it acts between layers. "
            "Use output_dropout or input_dropout, or more layers"
        )
    if layer.variational and not (layer.dropout or layer.input_dropout or layer.output_dropout):
        raise ConfigError("variational=True has no effect without dropout, input_dropout or output_dropout")
    if layer.residual and layer.num_layers == 1:
        raise ConfigError(
            f"{setting('residual', True)} has no effect with one layer: it adds each layer's input from the second on"
        )
    if layer.residual and len(set(layer.shape.outputs)) > 1:
        raise ConfigError(
            f"{setting('residual', True)} needs layers of equal width; hidden_size is {layer.hidden_size}"
        )


def _check_heads(layer: Any) -> None:
    heads = layer.heads
    whole("heads", heads)
    if heads == 1:
        return
    if not layer.facts.h_gates:
        raise ConfigError(
            f"{setting('heads', heads)} has no effect: {layer.cell!r} has no recurrent matrix. Leave it out"
        )
    if layer.proj_size:
        raise ConfigError(
            f"{setting('heads', heads)} cannot go with proj_size={layer.proj_size}: a projection mixes the heads"
        )
    for hidden in layer.shape.hidden:
        if hidden % heads:
            raise ConfigError(
                f"{setting('heads', heads)} must divide {setting('hidden_size', hidden)} into equal parts"
            )


def check_rate(name: str, value: Any) -> None:
    """Raise ConfigError for what is no share from 0 to below 1."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1:
        raise ConfigError(f"{name} is {value!r}; expected a fraction from 0 to below 1")
