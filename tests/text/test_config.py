"""Settings of text."""

import re
import subprocess
import sys

import pytest

from recurra.errors import ConfigError
from recurra.text import TextConfig


def test_settings_do_not_wait_for_numpy():
    code = (
        "import sys; from recurra.text import TextConfig; from recurra.data import DataConfig;"
        "print([m for m in ('torch', 'numpy', 'tokenizers') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"unit": "char"}, "`unit` is 'char'; did you mean `character`?"),
        ({"unknown": "drop"}, "`unknown` is 'drop'; expected one of: error, unk, bytes"),
        ({"min_count": 0}, "`min_count` is 0; expected 1 or more"),
        ({"unit": "byte", "unknown": "unk"}, "`unknown` is 'unk', which has no effect with unit='byte'"),
        ({"unit": "bpe", "unknown": "bytes"}, "`unknown` is 'bytes', which has no effect with unit='bpe'"),
        ({"unit": "byte", "vocabulary_size": 300}, "have no effect with unit='byte': it has 256 tokens"),
        ({"unit": "byte", "min_count": 2}, "have no effect with unit='byte'"),
        ({"vocabulary_size": 50}, "leave characters out; say what becomes of them: unknown='bytes' or unknown='unk'"),
        ({"unit": "word", "min_count": 2}, "leave words out; say what becomes of them"),
        ({"unit": "bpe", "vocabulary_size": 200}, "`vocabulary_size` is 200; expected 258 or more tokens"),
        (
            {"unit": "word", "vocabulary_size": 256, "unknown": "bytes"},
            "`vocabulary_size` is 256; expected 257 or more tokens",
        ),
        ({"vocabulary_size": "many"}, "`vocabulary_size` is 'many'; expected int"),
    ],
)
def test_settings_that_cannot_be(values, words):
    with pytest.raises(ConfigError, match=re.escape(words)):
        TextConfig(**values)
