"""Arguments that are whole numbers: Python's and NumPy's, within a range, and what is refused."""

import numpy as np
import pytest

from recurra import config
from recurra.errors import ConfigError


@pytest.mark.parametrize("value", [3, np.int64(3), np.uint8(3)])
def test_whole_numbers_of_numpy_become_pythons(value):
    found = config.whole("beam", value, "1 to 3", 1, 3)
    assert (found, type(found)) == (3, int)


@pytest.mark.parametrize("value", [0, 4, True, 2.0, "2", None, np.nan, np.array([2])])
def test_what_is_no_whole_number_in_the_range_is_refused(value):
    with pytest.raises(ConfigError, match=r"`beam` is .*; expected 1 to 3"):
        config.whole("beam", value, "1 to 3", 1, 3)
