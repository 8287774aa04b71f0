"""How large a sample the fuzz and fault suites take: a fixed one in `make test`, a long and fresh one in `make soak`.

    for _ in range(count(300, 20_000)): ...      300 in `make test`, 20,000 in `make soak`
    random = chance()                            the same numbers at each `make test`, others at each `make soak`

`make soak` sets RECURRA_SOAK=1 and runs what is marked `sampled`, the tests by hypothesis, and those marked `soak`,
which run nowhere else. RECURRA_SOAK_SEED=7 repeats a sample.
"""

import os
import random
from collections.abc import Sequence

from hypothesis import settings

SOAK = os.environ.get("RECURRA_SOAK") == "1"
EXAMPLES = 100
"""Examples of a test by hypothesis that names no number, in `make test`; hypothesis's own default."""


def count(sample: int, soak: int) -> int:
    """The size of a sample: the first number in `make test`, the second in `make soak`."""
    return soak if SOAK else sample


def few(forms: Sequence) -> list:
    """The first and the last in `make test`, all in `make soak`."""
    return list(forms) if SOAK else list(dict.fromkeys([forms[0], forms[-1]]))


def chance() -> random.Random:
    """Random numbers for a sample; a fresh seed is printed, so that a failure can be repeated."""
    seed = int(os.environ.get("RECURRA_SOAK_SEED", random.SystemRandom().randrange(2**32) if SOAK else 0))
    if SOAK:
        print(f"RECURRA_SOAK_SEED={seed}")
    return random.Random(seed)


def load_profile() -> None:
    """Hypothesis draws a fixed sample, or twenty times as many fresh ones."""
    settings.register_profile("sample", max_examples=EXAMPLES, derandomize=True, deadline=None)
    settings.register_profile("soak", max_examples=20 * EXAMPLES, deadline=None)
    settings.load_profile("soak" if SOAK else "sample")
