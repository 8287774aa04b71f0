"""Spans of ids as the tests of streams and windows draw them."""

import numpy as np
from helpers.soak import count
from hypothesis import settings
from hypothesis import strategies as st

quick = settings(deadline=None, max_examples=count(80, 1600))
counts, batches, spans = st.integers(2, 400), st.integers(1, 40), st.integers(1, 30)


def documents(count, seed):
    """Ids with end-of-document tokens (0) here and there, sometimes side by side."""
    ids = np.random.default_rng(seed).integers(1, 200, count).astype(np.uint8)
    ids[np.random.default_rng(seed + 1).random(count) < 0.2] = 0
    return ids
