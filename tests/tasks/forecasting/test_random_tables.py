"""Tables at random: names and stamps are pandas' own and the table's, and forecasts are in its unit."""

import pytest
from helpers.random_tables import problems, random_table
from helpers.soak import chance, count

PARTS = 6


@pytest.mark.slow
@pytest.mark.sampled
@pytest.mark.parametrize("part", range(PARTS))
def test_a_table_at_random_is_forecast_in_its_own_names_stamps_and_unit(part, tmp_path):
    random, found = chance(), []
    for number in range(count(4 * PARTS, 4000)):
        table, unit = random_table(random), random.choice([1e-12, 1e-6, 1e-3, 1e6, 1e12])
        if number % PARTS == part:
            (tmp_path / str(number)).mkdir()
            found += problems(table, tmp_path / str(number), unit)
    assert not found, "\n".join(found[:5])
