"""The cells of one's own that the runs by hand know too."""

import pytest
from helpers.inside_by_hand import OWN

from recurra import cells


@pytest.fixture(autouse=True)
def own_cells():
    with cells.registered(OWN):
        yield
