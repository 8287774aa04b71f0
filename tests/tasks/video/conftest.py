"""What the tests of video share."""

import numpy as np
import pytest
from sklearn.datasets import load_digits


@pytest.fixture(scope="module")
def digits():
    found = load_digits()
    return np.minimum(found.images * 16, 255).astype(np.uint8), found.target
