"""The rules that turn gradients into updates, by name, and the running mean of the weights."""

import copy

import torch
from torch import Tensor, nn

from recurra.training.config import TrainingConfig


def _adamw(groups, config: TrainingConfig, fused: bool):
    return torch.optim.AdamW(groups, config.lr, (config.beta1, config.beta2), fused=fused)


def _adam(groups, config: TrainingConfig, fused: bool):
    return torch.optim.Adam(groups, config.lr, (config.beta1, config.beta2), fused=fused)


def _rmsprop(groups, config: TrainingConfig, fused: bool):
    return torch.optim.RMSprop(groups, config.lr, config.beta2)


def _sgd(groups, config: TrainingConfig, fused: bool):
    return torch.optim.SGD(groups, config.lr, config.beta1, fused=fused)


OPTIMIZERS = {"adamw": _adamw, "adam": _adam, "rmsprop": _rmsprop, "sgd": _sgd}

# Where PyTorch has one kernel for a whole update; elsewhere it loops over the parameters.
_FUSED = ("cpu", "cuda", "mps")


def make(model: nn.Module, config: TrainingConfig) -> torch.optim.Optimizer:
    """The optimiser of `config` for a model's trainable parameters; only matrices decay, not biases and gains."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": config.weight_decay},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]
    fused = all(p.device.type in _FUSED and p.is_floating_point() for p in parameters)
    return OPTIMIZERS[config.optimizer]([group for group in groups if group["params"]], config, fused)


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate


def averaged(model: nn.Module) -> nn.Module:
    """A copy of a model to hold the running mean of its weights."""
    return copy.deepcopy(model).requires_grad_(False)


def add_to_average(average: nn.Module, model: nn.Module, memory: float, step: int) -> None:
    """Move the mean towards the model: average ← m·average + (1 - m)·model, with m = `memory` in the long run.

    In the first steps m is (1 + step) / (10 + step), so that the random start is soon forgotten.
    """
    share = 1 - min(memory, (1 + step) / (10 + step))
    with torch.no_grad():
        torch._foreach_lerp_(_values(average), _values(model), share)
        # What a layer counts as it learns (the means of batch norm) is no weight: the newest is the best.
        for kept, now in zip(average.buffers(), model.buffers(), strict=True):
            kept.copy_(now)


def _values(model: nn.Module) -> list[Tensor]:
    return list(model.parameters())
