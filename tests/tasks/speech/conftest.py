"""What the tests of speech share."""

import numpy as np
import pytest
from helpers.speech_tones import RATE, SETTINGS, words

from recurra.tasks.speech import Transcriber


@pytest.fixture(scope="module")
def fitted():
    return Transcriber(**SETTINGS).fit(words(60, seed=0), rate=RATE, quiet=True)


@pytest.fixture
def random():
    return np.random.default_rng(0)
