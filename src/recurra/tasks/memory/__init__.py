"""The memory bench: small problems that need a memory, at growing lags, and which cell solves which by when.

    rows = bench(tasks=["adding"], cells=["rnn", "lstm"], lags=[30, 100], steps=2000)
    rows[0].solved, rows[0].step, rows[0].seconds

Names are loaded when first used: the settings need no PyTorch.
"""

from recurra import lazy

__all__, __getattr__, __dir__ = lazy.names(
    __name__,
    {
        "config": "MemoryConfig",
        "problems": "PROBLEMS",
        "model": "MemoryModel",
        "task": "MemoryTask",
        "measure": "Row bench",
        "picture": "draw",
    },
)
