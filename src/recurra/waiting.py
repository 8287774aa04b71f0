"""How the threads of a computation wait for each other: a short look, then sleep.

A step is many small pieces of work, and a piece is over when the last thread is done with its part. GCC's OpenMP, with which
PyTorch computes on Linux, lets the others look for that at full speed for milliseconds. Where another program has the processor
of the last thread, they keep theirs from it for as long: a classifier of 111,000 parameters on two cores with four busy
programs took 33.5 seconds instead of 5.9, and 5.5 with one thread. On free cores a short look costs at most 5 % of a small
layer's step.
"""

import os

LOOKS = "GOMP_SPINCOUNT"
"""The variable of the environment with their number, which OpenMP reads when PyTorch is loaded."""
SHORT = "3000"


def briefly() -> None:
    """Choose short looks, also for processes begun by this one, where nobody chose otherwise."""
    if not {LOOKS, "OMP_WAIT_POLICY"} & os.environ.keys():
        os.environ[LOOKS] = SHORT
