"""Features of a text, and the ranking of units by what they follow."""

import dataclasses

import numpy as np
import pytest
from helpers.inside_by_hand import TEXT, tiny

from recurra import inside
from recurra.cells import LSTM
from recurra.errors import ConfigError


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
