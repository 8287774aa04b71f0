"""Labelled sequences at random: labels keep their names and types, and units, origins and comments do not matter."""

import pytest
from helpers.random_labels import problems, random_case
from helpers.soak import chance, count

PARTS = 3


@pytest.mark.sampled
@pytest.mark.parametrize("part", range(PARTS))
def test_labels_at_random_keep_their_names_whatever_the_unit(part, tmp_path):
    random, found = chance(), []
    for number in range(count(5 * PARTS, 3000)):
        case = random_case(random)
        if number % PARTS == part:
            (tmp_path / str(number)).mkdir()
            found += problems(case, tmp_path / str(number))
    assert not found, "\n".join(found[:5])
