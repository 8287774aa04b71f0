"""The fused CPU backend: a cell's equations, compiled, inside the time loop of a C++ core.

    layer       the backend: `why_not` and `run`, from a Call to the operator's arguments and back
    operator    the torch.library operator, its gradient, and the fast path past the dispatcher
    stack       the fast path through a whole stack of layers
    execute     one call by the core, forward and backward: structures → results
    structures  tensors → the core's structures; a template of what a layer's weights alone decide
    work        a call as records
    door        what is checked of every tensor before its address is taken
    memory      what is kept for the gradient, used again
    library     a cell and the core, loaded
    abi         native/step.h and native/core.h, as ctypes sees them
    cache       where compiled files lie: in the package, in the user's cache, in a folder of this process
    build       the compiler and its flags
    processor   the instruction sets, and the one that is used

The last four need no PyTorch: the wheel's build runs them (`hatch_build.py`).
"""

from recurra import lazy

__all__, __getattr__, __dir__ = lazy.names(__name__, {"layer": "NAME why_not run"})
