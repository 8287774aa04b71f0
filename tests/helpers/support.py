"""Comparing tensors by name, and running a layer for everything it gives: outputs, states, every gradient."""

from typing import Any

import torch
from torch import Tensor


def tensors(value: Any, name: str = "") -> dict[str, Tensor]:
    """All tensors of a nested structure, by a path-like name."""
    if isinstance(value, Tensor):
        return {name: value}
    if isinstance(value, dict):
        pairs = value.items()
    elif isinstance(value, torch.nn.utils.rnn.PackedSequence):
        pairs = {"data": value.data, "batch_sizes": value.batch_sizes}.items()
    elif value is None:
        return {}
    else:
        pairs = ((str(k), part) for k, part in enumerate(value))
    return {n: t for key, part in pairs for n, t in tensors(part, f"{name}.{key}" if name else str(key)).items()}


def assert_close(got: Any, want: Any, relative: float) -> None:
    """Every tensor of `got` equals the one of the same name in `want`, within `relative` of the largest value there."""
    got, want = tensors(got), tensors(want)
    assert got.keys() == want.keys()
    assert got, "nothing to compare"
    for name, expected in want.items():
        value = got[name]
        assert value.shape == expected.shape, f"{name}: {tuple(value.shape)}, expected {tuple(expected.shape)}"
        if not value.numel():
            continue
        assert bool(torch.isfinite(value).all()), f"{name} holds NaN or infinity"
        error = (value.double() - expected.double()).abs().max().item()
        scale = max(expected.double().abs().max().item(), 1e-30)
        assert error <= relative * scale, (
            f"{name}: off by {error / scale:.3g} of its largest value, limit {relative:.3g}"
        )


def run(layer: torch.nn.Module, x: Tensor, *args: Any, **options: Any) -> dict[str, Any]:
    """Outputs, states and the gradients of x, the states given, numbers given by name and every weight, for a fixed random
    cotangent."""
    names = [name for name in options if name in layer.cell.given_names] if hasattr(layer, "cell") else []
    leaves = {"x": x, **tensors(list(args), "state"), **{name: options[name] for name in names}}
    leaves = {name: leaf.detach().clone().requires_grad_() for name, leaf in leaves.items()}
    given = iter([leaf for name, leaf in leaves.items() if name not in ("x", *names)])
    args = [_refill(arg, given) for arg in args]
    result = layer(leaves["x"], *args, **(options | {name: leaves[name] for name in names}))
    parts = tensors(list(result))
    random = torch.Generator().manual_seed(1)
    loss = sum(
        (part * torch.randn(part.shape, generator=random, dtype=torch.float64).to(part)).sum()
        for part in parts.values()
    )
    parameters = dict(layer.named_parameters())
    wrt = [*leaves.values(), *parameters.values()]
    grads = torch.autograd.grad(loss, wrt, allow_unused=True)
    zeros = [torch.zeros_like(w) if g is None else g for g, w in zip(grads, wrt, strict=True)]
    return {"result": result, "gradient": dict(zip([*leaves, *parameters], zeros, strict=True))}


def prefixed(results):
    """What torch.compile's wrapper calls the parameters."""
    gradient = {name if name == "x" else f"_orig_mod.{name}": g for name, g in results["gradient"].items()}
    return results | {"gradient": gradient}


def numbers_of(layer: torch.nn.Module, x: Tensor) -> dict[str, Tensor]:
    """What a call brings beside x for a cell that is given numbers at each step; {} for others.

    Made of x, so that a part of x comes with its own: `layer(x[:3], **numbers_of(layer, x[:3]))`.
    """
    return {word: (k + 1) * x[..., 0].square() for k, word in enumerate(layer.cell.call_names)}


def _refill(value: Any, leaves) -> Any:
    if isinstance(value, Tensor):
        return next(leaves)
    return None if value is None else type(value)([_refill(part, leaves) for part in value])


def randomise(layer: torch.nn.Module, scale: float = 0.5) -> torch.nn.Module:
    """Distinct random weights everywhere: equal ones would hide swapped gates."""
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.normal_(0, scale)
    return layer


def as_after_a_step(cell, name: str, value: torch.Tensor) -> torch.Tensor:
    """A random state's value where a step can leave it: sLSTM divides by its normaliser, which is at least 1."""
    return 1 + value.abs() if (type(cell).__name__, name) == ("SLSTM", "n") else value


def random_state(layer, batch: int, dtype=torch.float64) -> Any:
    """A random state of the right shape for a layer with equal widths."""
    directions = layer.num_layers * (1 + layer.bidirectional)
    shape = layer.shape.states(0)
    parts = [torch.randn(directions, batch, width, dtype=dtype) for width in shape]
    parts = [as_after_a_step(layer.cell, *pair) for pair in zip(layer.cell.state_names, parts, strict=True)]
    return parts[0] if len(parts) == 1 else tuple(parts)
