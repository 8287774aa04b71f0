"""accelerate(model): every torch.nn recurrent layer of a model runs by Recurra's kernels, in place; restore(model): back.

A layer stays the object that it is, with its weights, buffers, hooks, attributes, parametrisations and whoever refers to it:
only its class changes, to one that derives from what it was and from Recurra's layer of that name. So `isinstance` and
`super().forward(...)` in a subclass mean what they meant.
"""

import copy
import functools
import types
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from recurra.nn.layers import TORCH, DropIn, as_torch, torch_options
from recurra.nn.recurrent import Recurrent

CLASSES = {base: ours for ours, base in TORCH.items()}
CELLS = (nn.RNNCellBase,)
_frames = torch._C._dynamo.eval_frame
# What torch.nn's layers hold beside their options: lists of the weights, which Recurra's layers make when they are read.
LISTS = ("_flat_weights", "_flat_weight_refs", "_flat_weights_names", "_all_weights", "mode")


@dataclass
class Accelerated:
    """What `accelerate` did: `print(accelerate(model))`."""

    model: nn.Module
    """The model, the same object."""
    replaced: list[str] = field(default_factory=list)
    """Names of the layers that run by Recurra now."""
    left: dict[str, str] = field(default_factory=dict)
    """Names of the recurrent layers that stayed → why."""

    def __str__(self) -> str:
        lines = [f"replaced {len(self.replaced)}: {', '.join(self.replaced) or 'nothing'}"]
        return "\n".join(lines + [f"left {name}: {why}" for name, why in self.left.items()])


def accelerate(model: nn.Module) -> Accelerated:
    """Run every torch.nn.RNN, LSTM and GRU inside `model` by Recurra, in place: `print(recurra.accelerate(model))`.

    The layers stay the same objects with all that belongs to them, so optimisers, state_dicts, hooks, buffers, tied and
    parametrised weights and class checks keep working, and the results are the same; subclasses whose forward calls torch.nn's
    are among them. What cannot be replaced stays, and the report says why. `restore` undoes it.
    """
    report, done = Accelerated(model), {}
    for name, layer in model.named_modules(remove_duplicate=False):
        if (isinstance(layer, Recurrent) and layer not in done) or not isinstance(layer, (nn.RNNBase, *CELLS)):
            continue
        name = name or "(the model itself)"
        if layer not in done:  # one layer used in two places is named twice
            done[layer] = _why_not(layer)
            if done[layer] is None:
                _accelerate(layer)
        if done[layer] is None:
            report.replaced.append(name)
        else:
            report.left[name] = done[layer]
    return report


def restore(model: nn.Module) -> nn.Module:
    """Make every layer that `accelerate` changed, and every recurra.nn.RNN, LSTM and GRU, torch.nn's again: for tools that
    know torch.nn's classes only, such as `torch.ao.quantization.quantize_dynamic(recurra.restore(model), {nn.LSTM})`.

    In place, with the same parameters; returns the model, or a new layer where the model itself is a recurra.nn layer. Raises
    BackendError for a layer with options that torch.nn has not.
    """
    for module in list(model.modules()):
        if isinstance(module, _Accelerated):
            _give_back(module)
        for name, child in list(module._modules.items()):
            if isinstance(child, DropIn) and not isinstance(child, _Accelerated):
                module._modules[name] = as_torch(child)
    return as_torch(model) if isinstance(model, DropIn) else model


def accelerated(layer: nn.RNNBase) -> Recurrent | None:
    """What `accelerate` would make of the layer, as another object on the same weights; None if it would leave it."""
    if _why_not(layer) is not None:
        return None
    twin = copy.copy(layer)
    _accelerate(twin)
    return twin


class _Accelerated:
    """What a layer of torch.nn becomes, but for its class: Recurra's methods stand before torch.nn's, behind a subclass's."""

    original: type
    """The class that the layer had."""

    # torch.nn's keep the lists up to date that Recurra's make when they are read.
    __setattr__ = nn.Module.__setattr__
    __getstate__ = object.__getstate__
    __setstate__ = nn.Module.__setstate__
    _apply = nn.Module._apply
    _replicate_for_data_parallel = nn.Module._replicate_for_data_parallel

    def forward(self, input: Tensor, hx: Any = None, **options: Any):
        """Run the layer: as torch.nn's, and with the options of Recurrent.forward by keyword."""
        return super().forward(input, hx, **options)

    # torch.compile breaks its graph at every layer that is one of torch.nn's (torch._dynamo.config.allow_rnn lifts that), and
    # would then try each function below here by itself.
    _frames.set_code_exec_strategy(
        forward.__code__, _frames._FrameExecStrategy(_frames._FrameAction.SKIP, _frames._FrameAction.SKIP)
    )

    def __prepare_scriptable__(self) -> nn.Module:
        twin = copy.copy(self)
        _give_back(twin)
        return twin

    def __reduce_ex__(self, protocol):
        return _blank, (self.original,), self.__getstate__()


@functools.cache
def _faster(kind: type) -> type:
    """The class that layers of this class get: the same, but a call of torch.nn's forward is one of Recurra's."""
    base = _base(kind)
    bases = (_Accelerated, CLASSES[base], base) if kind is base else (kind, _faster(base))
    own = {"__module__": __name__, "__doc__": kind.__doc__, "original": kind}
    return types.new_class(kind.__name__, bases, exec_body=lambda body: body.update(own))


def _blank(original: type) -> nn.Module:
    kind = _faster(original)
    return kind.__new__(kind)


def _base(kind: type) -> type | None:
    return next((base for base in CLASSES if issubclass(kind, base)), None)


def _class_of(layer: nn.Module) -> type:
    """The layer's class, but for what PyTorch makes of it where weights are parametrised."""
    return type(layer).__bases__[0] if parametrize.is_parametrized(layer) else type(layer)


def _change_class(layer: nn.Module, change: Callable[[type], type]) -> None:
    kind = type(layer)
    if not parametrize.is_parametrized(layer):
        layer.__class__ = change(kind)
        return
    # PyTorch made a class for this layer alone, on top of the one that it had: with the parametrised weights as properties.
    own = {name: value for name, value in vars(kind).items() if name not in ("__dict__", "__weakref__")}
    layer.__class__ = types.new_class(
        kind.__name__, (change(_class_of(layer)),), exec_body=lambda body: body.update(own)
    )


def _why_not(layer: nn.Module) -> str | None:
    if isinstance(layer, CELLS):
        return f"{type(layer).__name__} runs one step at a time; recurra.nn.Recurrent runs whole sequences"
    kind = _class_of(layer)
    base = _base(kind)
    if base is None:
        return f"{kind.__name__} is none of torch.nn's RNN, LSTM and GRU"
    if "forward" in vars(layer):
        return "its forward was replaced on the layer itself"
    between = kind.__mro__[: kind.__mro__.index(base)]
    for part in between:
        forward = vars(part).get("forward")
        if forward is not None and "super" not in getattr(getattr(forward, "__code__", None), "co_names", ()):
            return f"{part.__name__}.forward does not call torch.nn's by super()"
    ours = set(dir(CLASSES[base])) | set(vars(_like(base, layer)))
    theirs = set(dir(base)) | set(vars(base(1, 1, device="meta")))
    taken = (ours - theirs) & set(vars(layer)).union(*map(vars, between))
    if taken:
        return f"it has what Recurra's layers call so too: {', '.join(sorted(taken))}"
    return None


def _accelerate(layer: nn.RNNBase) -> None:
    for name, value in vars(_like(_base(type(layer)), layer)).items():
        if name not in vars(layer):
            layer.__dict__[name] = value
    for name in LISTS:
        layer.__dict__.pop(name, None)
    _change_class(layer, _faster)


def _give_back(layer: nn.Module) -> None:
    base = _base(layer.original)
    lists = {name: getattr(layer, name) for name in ("mode", "_all_weights", "_flat_weights_names")}
    for name in set(vars(_like(base, layer))) - set(vars(base(1, 1, device="meta"))):
        del layer.__dict__[name]
    _change_class(layer, lambda kind: kind.original)
    layer.__dict__ |= lists
    layer._init_flat_weights()


def _like(base: type, layer: nn.Module) -> DropIn:
    """Recurra's layer of the same options, without numbers in its weights. NaN goes through it as through torch.nn's."""
    return CLASSES[base](layer.input_size, layer.hidden_size, check_finite=False, device="meta", **torch_options(layer))
