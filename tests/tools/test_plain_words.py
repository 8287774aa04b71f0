"""The list of words that stop a reader: it finds them, it is short of false alarms, and the project has none of them."""

import importlib.util
from pathlib import Path

import pytest

FILE = Path(__file__).parents[2] / "tools/plain_words.py"
spec = importlib.util.spec_from_file_location("plain_words", FILE)
plain_words = importlib.util.module_from_spec(spec)
spec.loader.exec_module(plain_words)


@pytest.mark.parametrize(
    ("line", "better"),
    {
        "ConfigError for a value that cannot be.": "invalid",
        "the run goes on with its weights": "continue",
        "so a slip is told at once": "report",
        "a share of the units": "fraction",
        "mean and deviation of the window": "standard deviation",
        "one number a row": "per unit",
        "the text that was asked for": "requested",
    }.items(),
)
def test_a_word_of_the_list_is_found_with_what_to_write(tmp_path, line, better):
    path = tmp_path / "page.md"
    path.write_text(f"First.\n{line}\n", "utf-8")
    ((_, number, _, advice, _),) = plain_words.places([path])
    assert number == 2
    assert better in advice
    assert plain_words.main([str(path)]) == 1


@pytest.mark.parametrize(
    "line",
    [
        "a file that cannot be read",
        "its standard deviation",
        "`file.tell()` gives the place",
        "colours tell them apart",
        "four numbers, one for each gate",
        "cannot be.  plain-words: ok",
    ],
)
def test_plain_words_pass(tmp_path, line):
    path = tmp_path / "page.md"
    path.write_text(line, "utf-8")
    assert plain_words.main([str(path)]) == 0


def test_the_project_has_none_of_them(capsys):
    assert plain_words.main([]) == 0, capsys.readouterr().out
