"""Ways to run a cell over a sequence. `choose` takes the first that can, and says why the others cannot.

A backend is a module with a `NAME`, `READS_TOKENS` (whether it takes a Call with an embedding), `why_not(call)` → None or
the reason it cannot run the call, and `run(call)`. A new one goes into BACKENDS, before those it is faster than.

Names are loaded when first used: the compiler's part, `recurra.backends.cpu.build`, runs where there is no PyTorch.
"""

from recurra import lazy

__all__, __getattr__, __dir__ = lazy.names(
    __name__,
    {
        "call": "Call Ran Weights active_steps",
        "choice": "BACKENDS Choice check_name choose run",
    },
)
