"""Settings of generation: ranges, contradictions, and one for each filter."""

import dataclasses

import pytest
from helpers.toy_models import LETTERS

from recurra.errors import ConfigError
from recurra.generation import GenerationConfig, generate, samplers


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"length": 0}, "`length` is 0; expected 1 or more"),
        ({"length": "5"}, "`length` is '5'; expected int"),
        ({"unit": "letters"}, "`unit` is 'letters'; expected one of: characters, tokens"),
        ({"temperature": -1.0}, "`temperature` is -1.0; expected a number from 0 up, such as 0.8, or two"),
        ({"temperature": "warm"}, "`temperature` is 'warm'"),
        ({"temperature": "1:nan"}, "`temperature` is '1:nan'"),
        ({"temperature": float("inf")}, "`temperature` is inf"),
        ({"top_k": -1}, "`top_k` is -1; expected 0 or more tokens"),
        ({"top_p": 0.0}, "`top_p` is 0.0; expected a fraction above 0 and at most 1"),
        ({"top_p": float("nan")}, "`top_p` is nan"),
        ({"min_p": 1.5}, "`min_p` is 1.5; expected a fraction, 0 to 1"),
        ({"repetition_penalty": 0.0}, "`repetition_penalty` is 0.0; expected more than 0"),
        ({"repetition_window": 0}, "`repetition_window` is 0; expected 1 or more tokens"),
        ({"seed": -1}, "`seed` is -1; expected a whole number, 0 to 2**64 - 1"),
        ({"stop": ("", "a")}, "`stop` is ('', 'a'); expected strings of at least one character"),
        ({"samples": 0}, "`samples` is 0; expected 1 or more"),
        ({"beam": -1}, "`beam` is -1; expected 0 or more candidates"),
        ({"context": -5}, "`context` is -5; expected 0 or more tokens"),
        ({"beam": 4, "temperature": 0.5}, "`temperature` has no effect with beam=4"),
        ({"beam": 4, "seed": 1}, "`seed` has no effect with beam=4"),
        ({"beam": 2, "samples": 3}, "`samples` is 3; expected at most beam=2"),
        ({"temprature": 1.0}, "not a setting of GenerationConfig; did you mean `temperature`?"),
    ],
)
def test_settings_that_cannot_be(toy, options, words):
    with pytest.raises(ConfigError) as error:
        generate(toy, LETTERS, "ab", **options)
    assert words in str(error.value)


def test_the_filters_are_settings():
    assert set(samplers.FILTERS) <= {field.name for field in dataclasses.fields(GenerationConfig)}
