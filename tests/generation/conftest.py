"""What the tests of generation share."""

import pytest
from helpers.toy_models import LETTERS, Toy


@pytest.fixture(scope="module")
def toy():
    return Toy(LETTERS)
