"""Settings of training that are refused."""

import pytest

from recurra.errors import ConfigError
from recurra.training import TrainingConfig


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"epochs": -1}, "`epochs` is -1; expected 0 or more"),
        ({"lr": float("nan")}, "`lr` is nan; expected more than 0"),
        ({"warmup": 1.5}, "`warmup` is 1.5; expected a fraction, 0 to 1"),
        ({"minutes": 0}, "`minutes` is 0; expected more than 0"),
        ({"beta1": 1.0}, "`beta1` is 1.0; expected a fraction, 0 to below 1"),
        ({"clip": -1.0}, "`clip` is -1.0; expected 0 or more"),
        ({"schedule": "one_cycle"}, "`schedule` is 'one_cycle'; did you mean `one-cycle`?"),
        ({"optimizer": "lion"}, "`optimizer` is 'lion'; expected one of: adamw"),
        ({"epochs": "3"}, "`epochs` is '3'; expected int"),
    ],
)
def test_settings_that_cannot_be(values, words):
    with pytest.raises(ConfigError) as raised:
        TrainingConfig(**values)
    assert words in str(raised.value)
