"""The training loop, for any task: schedules, early stopping, checkpoints, exact resume. It knows no text.

    fit(task, config, folder)   train until done; the same call goes on where a stopped run was
    Task                        what a task gives the loop
    TrainingConfig              the settings

Names are loaded when first used: the settings need no PyTorch.
"""

import importlib

_HOMES = {
    "TrainingConfig": "recurra.training.config",
    "Interrupted": "recurra.training.signals",
    "Task": "recurra.training.loop",
    "fit": "recurra.training.loop",
    "rate": "recurra.training.schedule",
}

__all__ = list(_HOMES)


def __getattr__(name: str):
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'recurra.training' has no attribute {name!r}")
