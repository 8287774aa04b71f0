"""Features of a text: each by hand, and those with too few values."""

import pytest

from recurra import inside
from recurra.errors import DataError, ShapeError
from recurra.inside.features import columns

# Feature, text, and its values: a digit or a dot (0) for each character.
FEATURE_TABLE = [
    ("double quotes", 'a "b c" d', "..1111..."),
    ("double quotes", "a “b” „c“ «d» 「e」", "..11..11..11..11."),
    ("double quotes", 'a "b\nc', "..1111"),  # never closed
    ("double quotes", 'a "b\n\nc "d"', "..11....11."),  # ends with the paragraph at the latest
    ("single quotes", "it's 'so, isn't it' x", ".....1111111111111..."),
    ("single quotes", "‘don’t’ x", "111111..."),
    ("bracket depth", "f(a[1], {b}) )x(", ".1122111221....1"),
    ("comment", "x = 1  # y\nz", ".......111.."),
    ("comment", "a // b\nc", "..1111.."),
    ("comment", "c /* d */ e", "..11111...."),
    ("comment", "http://x <!-- z --> w", ".........1111111....."),
    ("tag", "a <b c='d'>e</b> 1 < 2", "..11111111..111......."),
    ("URL", "see https://x.y/z now", "....1111111111111...."),
    ("line position", "ab\nc\n\nd", "12.1..1"),
    ("line start", "ab\nc\n\nd", "1..1.11"),
    ("line break", "ab\nc\n", "..1.1"),
    ("indentation", "a\n  b c\n\td", "..12222.11"),
    ("word position", "ab c2, d", "12.12..1"),
    ("white space", "a b\nc\td", ".1.1.1."),
    ("sentence position", "ab. c!d", "12.12.1"),
    ("sentence end", "ab. c!？", "..1..11"),
    ("punctuation", "a, b-c。", ".1..1.1"),
    ("letter", "aß1 猫.", "11..1."),
    ("upper case", "Ab ÄéE", "1..1.1"),
    ("vowel", "bäÉy o", ".11..1"),
    ("digit", "a12b", ".11."),
    ("text position", "abcd", "0123"),
]


@pytest.mark.parametrize(("name", "text", "want"), FEATURE_TABLE)
def test_feature(name, text, want):
    values = [int(v) for v in inside.FEATURES[name].of(text)]
    assert "".join(map(str, values)) == want.replace(".", "0")


def test_the_table_of_features_is_tested_whole():
    assert {name for name, *_ in FEATURE_TABLE} == set(inside.FEATURES)


@pytest.mark.parametrize("name", inside.FEATURES)
@pytest.mark.parametrize("text", ["", "a", "\n", "猫が「好き」。\nÄ", '"' * 50, "('" * 50, "/*", "<!--"])
def test_features_take_any_text(name, text):
    assert len(list(inside.FEATURES[name].of(text))) == len(text)


def test_a_token_has_the_value_at_its_last_character():
    table = columns(["A", "bC", "", "dE", "f"], inside.FEATURES)
    assert table["upper case"].tolist() == [1, 1, 1, 1, 0]
    assert table["text position"].tolist() == [0, 2, 2, 4, 5]
    assert "digit" not in table  # the same all through


def test_a_feature_with_too_few_values_is_said():
    features = {"mine": inside.Feature("half of it", lambda text: [1])}
    with pytest.raises(
        ShapeError, match=r"feature 'mine' gives \(1,\) values; expected \(3,\), one for each character"
    ):
        columns("abc", features)


def test_a_feature_without_numbers_is_said_and_not_left_out():
    features = {"mine": inside.Feature("a quotient", lambda text: [1.0, float("nan"), 2.0])}
    with pytest.raises(DataError, match="feature 'mine' gives NaN or infinity; expected a number for each character"):
        columns("abc", features)
