"""A LanguageModel → its engine, kept while its weights stay as they are; and why a model has none."""

import weakref
import zlib
from typing import Any

import numpy as np

from recurra.backends.cpu.library import Unavailable
from recurra.engine import library
from recurra.engine.engine import Engine
from recurra.engine.parts import LayerParts, ModelParts


def why_not(model: Any) -> str:
    """Why the engine cannot run a model; "" where it can. The first question for a cell compiles its step."""
    if isinstance(model, Engine) or hasattr(model, "engine"):
        return ""
    layers, head, embedding = (getattr(model, name, None) for name in ("layers", "head", "embedding"))
    if not hasattr(layers, "cell") or head is None or embedding is None:
        return f"it runs recurrent layers between an embedding and a head, and this is {type(layers or model).__name__}"
    kinds = {(str(p.device.type), str(p.dtype).removeprefix("torch.")) for p in model.parameters()}
    if kinds != {("cpu", "float32")}:
        device, dtype = sorted(kinds - {("cpu", "float32")})[0]
        return f"its weights must be float32 on the CPU, and some are {dtype} on {device}"
    if layers.bidirectional:
        return "it reads forward only, and the layers read both ways"
    if layers.heads > 1:
        return "it has no heads"
    if any(_watched(module) for module in model.modules()):
        return "somebody's hooks look at what the layers compute, which they would not see"
    try:
        library.functions()
        library.step(layers.cell)
    except Unavailable as reason:
        return str(reason)
    return ""


def of(model: Any, precision: str = "float32") -> Engine:
    """The engine of a model with these weights; made again when they change. Raises Unavailable, as `why_not` says."""
    if isinstance(model, Engine):
        return model
    if hasattr(model, "engine"):  # a model that is nothing but its engine: recurra.tasks.language.native
        return model.engine(precision)
    if reason := why_not(model):
        raise Unavailable(reason)
    parts = parts_of(model)
    key = _fingerprint(model)
    kept = _kept.setdefault(model, {})
    if precision not in kept or kept[precision][0] != key:
        kept[precision] = key, Engine(parts, precision)
    return kept[precision][1]


_kept: "weakref.WeakKeyDictionary[Any, dict[str, tuple[int, Engine]]]" = weakref.WeakKeyDictionary()


def parts_of(model: Any) -> ModelParts:
    """The arrays of a LanguageModel, where they lie."""
    layers = model.layers
    made = []
    for k, directions in enumerate(layers.stack().weights):
        weights = directions[0]
        initial = {}
        if layers.learn_initial:
            initial = {name: _array(getattr(layers, f"initial_{name}_l{k}")) for name in layers.cell.state_names}
        made.append(
            LayerParts(
                cell=layers.cell,
                w_x=_array(weights.w_x),
                w_h=_array(weights.w_h),
                b_x=_array(weights.b_x),
                b_h=_array(weights.b_h),
                w_r=_array(weights.w_r),
                vectors={name: _array(vector) for name, vector in weights.vectors.items()},
                initial=initial,
                zone=tuple(layers.zoneout),
                residual=bool(layers.residual and k),
            )
        )
    embedding, head = _array(model.embedding.weight), _array(model.head.weight)
    if model.head.weight is model.embedding.weight:
        head = embedding
    return ModelParts(embedding, tuple(made), head, _array(model.head.bias), model.scale)


def _array(tensor: Any) -> np.ndarray | None:
    return None if tensor is None else tensor.detach().contiguous().numpy()


def _watched(module: Any) -> bool:
    return bool(module._forward_hooks or module._forward_pre_hooks)


def _fingerprint(model: Any) -> int:
    """A number that changes with the weights: they may be written in place, by whoever holds their memory."""
    total = 0
    for parameter in model.parameters():
        total = zlib.crc32(parameter.detach().contiguous().numpy(), total)
    return total
