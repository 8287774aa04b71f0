"""Tensors by name: those of a module, of an optimiser, of a carried state."""

import contextlib
import math
import threading
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from recurra.errors import ConfigError, RunError


def of_module(module: nn.Module) -> dict[str, Tensor]:
    """A module's parameters and saved buffers, by name; a shared one appears once, under its first name."""
    tensors, seen = {}, set()
    for name, tensor in module.state_dict().items():
        place = (tensor.data_ptr(), tensor.shape, tensor.stride())
        if tensor.numel() == 0 or place not in seen:
            tensors[name] = tensor
            seen.add(place)
    return tensors


def widened(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same with each matrix that was stored in int8, its rows' scales beside it as NAME.scale, in float32."""
    scales = {name for name in tensors if name.endswith(".scale") and name.removesuffix(".scale") in tensors}
    return {
        name: tensor.float() * tensors[f"{name}.scale"][:, None] if f"{name}.scale" in scales else tensor
        for name, tensor in tensors.items()
        if name not in scales
    }


@contextlib.contextmanager
def no_larger_than(shapes: dict[str, tuple[int, ...]], where: str) -> Iterator[None]:
    """Build a module here whose tensors are to come from a file, `where`, that has these shapes by name.

    RunError for one that is clearly larger, as soon as that shows and before its memory is written to: settings are a few
    bytes, and may describe what no machine holds. Twice as much is let through, since modules replace parameters while they
    are made.
    """
    thread, seen = threading.get_ident(), set()
    room = [2 * len(shapes) + 16, 2 * sum(map(math.prod, shapes.values())) + (1 << 20)]

    def count(module: nn.Module, name: str, parameter: nn.Parameter | None) -> None:
        if parameter is None or id(parameter) in seen or threading.get_ident() != thread:
            return
        seen.add(id(parameter))
        room[0] -= 1
        room[1] -= parameter.numel()
        if min(room) < 0:
            raise RunError(f"{where} has {len(shapes)} tensors, and the settings beside it describe a larger model")

    hook = register_module_parameter_registration_hook(count)
    try:
        yield
    except RunError:
        raise
    except (ConfigError, RuntimeError, TypeError, ValueError, OverflowError, MemoryError) as error:
        words = (str(error) or type(error).__name__).splitlines()[0]
        raise RunError(f"{where}: the settings beside it describe no model that can be made ({words})") from error
    finally:
        hook.remove()


def put_into_module(module: nn.Module, tensors: dict[str, Tensor], where: str) -> None:
    """Copy values into a module, by name, in place. RunError if names, shapes or dtypes differ; then nothing changes."""
    own = of_module(module)
    for name in own.keys() ^ tensors.keys():
        side = "is missing" if name in own else "is no part of this model"
        raise RunError(f"{where}: `{name}` {side}; the file is from a model of another kind")
    for name, tensor in own.items():
        got = tensors[name]
        if got.shape != tensor.shape or got.dtype != tensor.dtype:
            raise RunError(
                f"{where}: `{name}` is {tuple(got.shape)} {got.dtype}; this model has {tuple(tensor.shape)} {tensor.dtype}"
            )
    with torch.no_grad():
        for name, tensor in own.items():
            tensor.copy_(tensors[name])


def of_optimizer(optimizer: torch.optim.Optimizer, names: dict[Tensor, str]) -> dict[str, Tensor]:
    """An optimiser's state as `<parameter name>/<key>` → tensor."""
    return {
        f"{names[parameter]}/{key}": value
        for parameter, state in optimizer.state.items()
        for key, value in state.items()
        if value is not None
    }


def put_into_optimizer(optimizer: torch.optim.Optimizer, names: dict[Tensor, str], tensors: dict[str, Tensor]) -> None:
    """Give an optimiser the state that `of_optimizer` took; parameters without one start fresh."""
    saved: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        parameter, key = name.rsplit("/", 1)
        saved.setdefault(parameter, {})[key] = tensor
    order = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    state = {i: _laid_out(saved[names[p]], p) for i, p in enumerate(order) if names[p] in saved}
    # PyTorch's own way in, because it knows which of the tensors belong on which device.
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def _laid_out(state: dict[str, Tensor], parameter: Tensor) -> dict[str, Tensor]:
    """A parameter's state, in memory as the parameter lies: a fused step rounds otherwise where the two differ."""
    return {
        key: torch.empty_like(parameter, dtype=value.dtype, device=value.device).copy_(value)
        if value.shape == parameter.shape
        else value
        for key, value in state.items()
    }


def leaves(tree: Any) -> Iterator[Tensor]:
    """The tensors in nested tuples and lists, left to right; None holds none."""
    if isinstance(tree, Tensor):
        yield tree
    elif isinstance(tree, tuple | list):
        for branch in tree:
            yield from leaves(branch)
    elif tree is not None:
        raise TypeError(f"a carried state is made of tensors, tuples, lists and None; not {type(tree).__name__}")


def map_tree(fn: Callable[[Tensor], Tensor], tree: Any) -> Any:
    """The same nesting with `fn` of each tensor."""
    if isinstance(tree, Tensor):
        return fn(tree)
    return None if tree is None else type(tree)(map_tree(fn, branch) for branch in tree)


def skeleton(tree: Any) -> Any:
    """The nesting alone, as JSON: {"tuple": [...]}, {"list": [...]}, "tensor" or null."""
    if isinstance(tree, Tensor):
        return "tensor"
    return None if tree is None else {type(tree).__name__: [skeleton(branch) for branch in tree]}


def rebuild(bones: Any, tensors: Iterator[Tensor]) -> Any:
    """The tree of a skeleton, with tensors in the order of `leaves`."""
    if bones == "tensor":
        return next(tensors)
    if bones is None:
        return None
    ((kind, branches),) = bones.items()
    return {"tuple": tuple, "list": list}[kind](rebuild(branch, tensors) for branch in branches)
