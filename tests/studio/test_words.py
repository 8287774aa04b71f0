"""Words for the names of settings."""

import pytest
from helpers.studio_support import client

from recurra.errors import RecurraError, VocabularyError, setting
from recurra.studio import words
from recurra.studio.settings import known
from recurra.studio.shapes import GENERATION
from recurra.text import build_vocabulary


@pytest.mark.parametrize(
    ("form", "names"),
    [(words.TRAINING, list(known())), (words.WRITING, [option.name for option in GENERATION])],
    ids=["training", "writing"],
)
def test_every_setting_has_its_words_once(form, names):
    listed = [name for group in form.values() for name in group]
    assert sorted(listed) == sorted(names)
    titles = [title for group in form.values() for title in group.values()]
    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (f"{setting('lr')} is 0", "“Learning rate” is 0"),
        (
            f"{setting('stride')} needs {setting('mode', 'windows')}",
            "“Tokens between windows” needs “Order of reading” windows",
        ),
        ("embedding_size and hidden_size differ", "“Length of a token’s vector” and “Units per layer” differ"),
        (f"`unit` is 7, {setting('own')} 3, my_name 4", "`unit` is 7, `own` 3, my_name 4"),
    ],
)
def test_an_error_in_words(message, said):
    assert words.in_words(RecurraError(message)) == said


def test_a_symbol_that_a_model_does_not_know_is_shown_as_it_is():
    with pytest.raises(VocabularyError) as caught:
        build_vocabulary(["abc"]).encode("aΩbΩ\tc", where="prompt")
    assert caught.value.symbols == ("Ω", "\t")
    assert words.in_words(caught.value).startswith("This model has never seen “Ω”, '\\t'")
    assert "is not in the vocabulary" in str(caught.value)


def test_no_sentence_of_the_forms_has_a_bare_name():
    for option in (*known().values(), *GENERATION):
        shown = words.help_in_words(option.help)
        assert not [name for name in words.NAMES if "_" in name and name in shown], option.name


def test_an_error_is_there_by_names_and_in_words(tmp_path):
    with client(tmp_path) as api:
        fault = api.post("/api/card", json={"settings": {"hidden_size": 0}}).json()
        unwritten = api.post("/api/runs/packaged.manual-lstm/generate", json={"length": 0}).json()
        look = api.post("/api/runs/packaged.manual-lstm/inside/wires", json={"text": "of the", "unit": -1}).json()
    assert fault["detail"].startswith("`hidden_size` is 0")
    assert fault["words"].startswith("“Units per layer” is 0")
    assert unwritten["words"].startswith("“Characters” is 0")
    assert look["words"].startswith("`unit` is -1")  # a unit of the model, not the setting of that name
