"""The training loop, for any task: schedules, early stopping, checkpoints, exact resume. It knows no text.

    fit(task, config, folder)   train until done; the same call resumes a stopped run
    Task                        what a task gives the loop
    TrainingConfig              the settings

Names are loaded when first used: the settings need no PyTorch.
"""

from recurra import lazy

__all__, __getattr__, __dir__ = lazy.names(
    __name__,
    {
        "config": "Longer TrainingConfig",
        "signals": "Interrupted",
        "loop": "Task fit",
        "schedule": "rate",
    },
)
