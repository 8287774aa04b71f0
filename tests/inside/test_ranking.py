"""Features of a text, and the ranking of units by what they follow."""

import dataclasses

import numpy as np
import pytest
from helpers.inside_by_hand import TEXT, tiny

from recurra import inside
from recurra.cells import LSTM
from recurra.errors import ConfigError, DataError, ShapeError
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


def test_a_limit_below_zero_is_no_limit_from_the_end():
    with pytest.raises(ConfigError, match="`limit` is -1; expected 0 or more units"):
        inside.rank(inside.read(tiny(), TEXT), limit=-1)


# The ranking


def reading(text: str, h: np.ndarray, c: np.ndarray | None = None) -> inside.Reading:
    """A reading of one layer with these states, (T, units)."""
    read = inside.read(tiny(text=text, num_layers=1), text)
    return dataclasses.replace(read, cell=LSTM(), states=[{"h": h, "c": h if c is None else c}])


@pytest.fixture
def quoted():
    text = 'he said "no no" and then "yes, but why" to me\n' * 6
    noise = np.random.default_rng(0).normal(size=(len(text), 6))
    inner = np.array(list(inside.FEATURES["double quotes"].of(text)), float)
    upper = np.array([c == "," for c in text], float)
    h = noise.copy()
    h[:, 2] = 3 - 2 * inner + 0.1 * noise[:, 2]  # follows quotes, the other way round
    h[:, 4] = upper
    h[:, 5] = 1.0
    return reading(text, h), inner


def test_r_is_pearson_s(quoted):
    read, inner = quoted
    ranking = inside.rank(read, by="double quotes", state="h")
    assert ranking.units[0].unit == 2
    for unit in ranking.units[:5]:
        want = np.corrcoef(read.states[0]["h"][:, unit.unit], inner)[0, 1]
        assert dict(unit.follows)["double quotes"] == pytest.approx(want, abs=1e-12)
    assert ranking.units[0].follows[0][0] == "double quotes"
    assert ranking.units[0].follows[0][1] < -0.98
    strengths = [abs(r) for _, r in ranking.units[0].follows]
    assert strengths == sorted(strengths, reverse=True)


def test_a_constant_unit_follows_nothing(quoted):
    read, _ = quoted
    unit = next(one for one in inside.rank(read, state="h").units if one.unit == 5)
    assert unit.variance == 0
    assert {r for _, r in unit.follows} == {0.0}


def test_ranked_by_variance(quoted):
    read, _ = quoted
    units = inside.rank(read, state="h").units
    assert [unit.variance for unit in units] == sorted(read.states[0]["h"].var(0), reverse=True)


def test_limit_layer_and_state_choose(quoted):
    read, _ = quoted
    both = inside.rank(read, by="follows", limit=3)
    assert len(both.units) == 3
    assert both.tried == 12
    assert {unit.state for unit in inside.rank(read, state="c").units} == {"c"}
    assert inside.rank(read, layer=0).tried == 12


def test_chance_is_what_noise_reaches():
    """Slow noise follows a slow feature by chance; how well, is told."""
    random = np.random.default_rng(1)
    text = "".join(random.choice(list("ab"), 40).repeat(random.integers(5, 40, 40)))
    features = {"b": inside.Feature("the letter b", lambda text: [c == "b" for c in text])}
    walk = np.cumsum(random.normal(size=(len(text), 200)), 0)
    walk[:, 7] = [c == "b" for c in text]
    ranking = inside.rank(reading(text, walk), by="b", state="h", features=features)
    strengths = [abs(unit.follows[0][1]) for unit in ranking.units]
    assert ranking.units[0].unit == 7
    assert strengths[0] == pytest.approx(1)
    # The best of 199 random walks is no better than the level of chance, give or take.
    assert 0.5 * ranking.chance["b"] < strengths[1] < 1.5 * ranking.chance["b"] < 1


def test_what_never_changes_is_left_out(quoted):
    ranking = inside.rank(quoted[0])
    assert {"digit", "comment", "upper case"} <= set(ranking.left_out)
    assert not set(ranking.left_out) & set(ranking.chance)


def test_a_text_of_one_character_ranks_by_variance_alone():
    ranking = inside.rank(inside.read(tiny(), "t"), by="follows")
    assert ranking.tried == 20
    assert ranking.units[0].follows == ()


def test_wrong_rankings_are_said():
    read = inside.read(tiny(), TEXT)
    with pytest.raises(ConfigError, match=r"`by` is 'double quote'; did you mean `double quotes`\?"):
        inside.rank(read, by="double quote")
    with pytest.raises(ConfigError, match="`by` is 'digit', which is the same all through this text"):
        inside.rank(read, by="digit")
    with pytest.raises(ConfigError, match="`layer` is 2; expected 0 to 1"):
        inside.rank(read, layer=2)
    with pytest.raises(ConfigError, match="`state` is 'x'"):
        inside.rank(read, state="x")
