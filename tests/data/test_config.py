"""Settings of data: ranges, encodings by their usual names."""

import re

import pytest
from helpers.encodings import ENCODINGS

from recurra.data import DataConfig
from recurra.errors import ConfigError


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"batch_size": 0}, "`batch_size` is 0; expected 1 or more"),
        ({"window": -1}, "`window` is -1; expected 1 or more"),
        ({"stride": 0, "mode": "windows"}, "`stride` is 0; expected 1 or more"),
        ({"stride": 3}, "`stride` is 3, which has no effect with mode='streams'"),
        (
            {"validation": 1.5},
            "`validation` is 1.5; expected a fraction below 1, or a whole number of examples, 0 or more",
        ),
        ({"validation": float("nan")}, "`validation` is nan"),
        ({"mode": "stream"}, "`mode` is 'stream'; did you mean `streams`?"),
        ({"invalid": "ignore"}, "`invalid` is 'ignore'; expected one of: error, replace"),
        ({"encoding": "utf-9"}, "`encoding` is 'utf-9', which this Python does not know; try utf-8"),
        ({"encoding": "rot13"}, "`encoding` is 'rot13'"),
        ({"encoding": "base64"}, "`encoding` is 'base64'"),
        ({"encoding": "a\0"}, "`encoding` is 'a\\x00'"),
    ],
)
def test_settings_that_cannot_be(values, words):
    with pytest.raises(ConfigError, match=re.escape(words)):
        DataConfig(**values)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_settings_know_the_usual_encodings(encoding):
    assert DataConfig(encoding=encoding).encoding == encoding
