"""Settings: the range beside each number, and arguments that are whole numbers."""

import dataclasses
import importlib
import math
import pkgutil
import typing
from typing import Annotated, Literal

import numpy as np
import pytest

import recurra
from recurra import config
from recurra.config import Count, Fraction, Range
from recurra.errors import ConfigError


def settings_classes() -> list[type]:
    """Every settings class of the package: the dataclasses of the modules called config, and the studio's."""
    names = [module.name for module in pkgutil.walk_packages(recurra.__path__, "recurra.")]
    modules = [importlib.import_module(name) for name in names if name.endswith((".config", "studio.settings"))]
    classes = {one for module in modules for one in vars(module).values() if dataclasses.is_dataclass(one)}
    return sorted(classes - {config.Option, config.Reads, Range}, key=lambda cls: (cls.__module__, cls.__name__))


def numeric() -> list[tuple[type, config.Option]]:
    found = [(cls, option) for cls in settings_classes() for option in config.options(cls)]
    kinds = [(cls, option, typing.get_args(option.type) or (option.type,)) for cls, option in found]
    return [(cls, option) for cls, option, kind in kinds if {int, float} & set(kind)]


NUMERIC = numeric()
IDS = [f"{cls.__module__.removeprefix('recurra.')}.{option.name}" for cls, option in NUMERIC]


def test_the_settings_classes_are_found():
    assert {"TrainingConfig", "GenerationConfig", "SpeechDataConfig", "Limits"} <= {
        c.__name__ for c in settings_classes()
    }
    assert len(NUMERIC) > 80


@pytest.mark.parametrize(("cls", "option"), NUMERIC, ids=IDS)
def test_every_number_has_a_range_that_nan_and_infinity_break(cls, option):
    assert option.range, "give it a Range beside its type"
    for wrong in (math.nan, math.inf, -math.inf):
        assert wrong not in option.range
        value = (wrong,) if typing.get_origin(option.type) is tuple else wrong
        with pytest.raises(ConfigError, match=f"`{option.name}` is .*{wrong}.*; expected"):
            cls(**{option.name: value})


@pytest.mark.parametrize(("cls", "option"), NUMERIC, ids=IDS)
def test_the_ends_of_every_range_hold(cls, option):
    within, scale = option.range, 1e-9 if option.type is float else 1
    beyond = [end for end in (within.above, within.below) if end is not None]
    beyond += [] if within.least is None else [within.least - scale]
    beyond += [] if within.most is None else [within.most + scale]
    assert beyond
    for wrong in beyond:
        assert wrong == within.also or wrong not in within
    for end in (within.least, within.most, within.also):
        assert end is None or end in within


@pytest.mark.parametrize(("cls", "option"), NUMERIC, ids=IDS)
def test_no_whole_number_is_too_large_to_be_multiplied(cls, option):
    if option.type is float or option.range.most or option.range.below:
        return
    value = (2**62,) if typing.get_origin(option.type) is tuple else 2**62
    with pytest.raises(ConfigError, match=f"`{option.name}` is .*expected"):
        cls(**{option.name: value})


@dataclasses.dataclass(frozen=True)
class Some:
    """Some settings."""

    rate: Annotated[float, Range(above=0)] = 0.1
    """A rate."""
    part: Fraction | None = None
    """A part."""
    span: Annotated[int, Range(above=2, also=0, words="{} steps")] = 0
    """A span."""
    lags: Annotated[tuple[int, ...], Range(1, 9, words="whole numbers, {}")] = ()
    """Lags."""
    units: Count = 1
    """Units."""
    names: tuple[str, ...] = ()
    """Names."""

    def __post_init__(self):
        config.check(self)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("rate", 0.0, "`rate` is 0.0; expected more than 0"),
        ("rate", math.inf, "`rate` is inf; expected more than 0, and finite"),
        ("part", 1, "`part` is 1; expected a fraction, 0 to below 1"),
        ("part", "all", "`part` is 'all'; expected float"),
        ("span", 2, "`span` is 2; expected 0, or more than 2 steps"),
        ("lags", (3, 10), "`lags` is (3, 10); expected whole numbers, 1 to 9"),
        ("lags", (0.5,), "`lags` is (0.5,); expected whole numbers, 1 to 9"),
        ("units", True, "`units` is True; expected int"),
        pytest.param("units", -(10**5000), "`units` is too small; expected 1 or more", id="huge"),
        ("units", 2**53, "`units` is 9007199254740992; expected at most 2**53 - 1"),
        ("names", (1,), "`names` is (1,); expected several values, each str"),
    ],
)
def test_values_out_of_their_range_are_refused(name, value, words):
    with pytest.raises(ConfigError) as caught:
        Some(**{name: value})
    assert str(caught.value) == words


def test_numbers_of_numpy_become_pythons():
    some = Some(rate=np.float32(0.5), span=np.int64(3), lags=tuple(np.arange(1, 3)), part=np.float64(0.25))
    assert (type(some.rate), type(some.span), {*map(type, some.lags)}) == (float, int, {int})
    assert some == Some(rate=0.5, span=3, lags=(1, 2), part=0.25)


@pytest.mark.parametrize(
    ("one", "ends", "form"),
    [
        (Range(1), "1 or more", (1, None)),
        (Range(1, form=64), "1 or more", (1, 64)),
        (Range(0, 2**63 - 1, form=2**53 - 1), "0 to 2**63 - 1", (0, 2**53 - 1)),
        (Range(1000, 384_000, also=0), "0, or 1000 to 384,000", (0, 384_000)),
        (Range(0, below=1), "0 to below 1", (0, 1)),
        (Range(above=0, below=1), "between 0 and 1", (0, 1)),
        (Range(above=0, most=1), "above 0 and at most 1", (0, 1)),
        (Range(above=2, also=0), "0, or more than 2", (0, None)),
        (Range(most=-0.5), "at most -0.5", (None, -0.5)),
        (Range(below=3), "below 3", (None, 3)),
    ],
)
def test_a_range_in_words_and_in_a_form(one, ends, form):
    assert (one.ends, one.form_ends) == (ends, form)
    assert not any(wrong in one for wrong in (math.nan, math.inf, -math.inf))


@pytest.mark.parametrize("value", [3, np.int64(3), np.uint8(3)])
def test_whole_numbers_of_numpy_become_pythons(value):
    found = config.whole("beam", value, "1 to 3", 1, 3)
    assert (found, type(found)) == (3, int)


@pytest.mark.parametrize("value", [0, 4, True, 2.0, "2", None, np.nan, np.array([2])])
def test_what_is_no_whole_number_in_the_range_is_refused(value):
    with pytest.raises(ConfigError, match=r"`beam` is .*; expected 1 to 3"):
        config.whole("beam", value, "1 to 3", 1, 3)


@dataclasses.dataclass(frozen=True)
class Other:
    """Settings of another part."""

    mode: Literal["streams", "windows"] = "streams"
    """What is read: one text in streams,
    or windows of it."""
    deep: bool = False
    """Whether it is deep."""
    ratio: Annotated[float, Range(above=0)] = 1
    """A ratio."""
    path: Annotated[str | None, config.Reads(str.strip)] = None
    """Where it lies."""

    def __post_init__(self):
        config.check(self)
        config.require(self, "ratio", self.ratio < 5, "less than 5")


PARTS = {"some": Some, "other": Other}


def test_an_option_is_its_field_with_the_sentence_under_it():
    mode, deep, ratio, path = config.options(Other)
    assert (mode.name, mode.type, mode.default, mode.choices) == ("mode", str, "streams", ("streams", "windows"))
    assert mode.help == "What is read: one text in streams,\nor windows of it."
    assert (deep.type, deep.range, deep.optional) == (bool, None, False)
    assert (ratio.type, ratio.range) == (float, Range(above=0))
    assert (path.type, path.optional, path.default) == (str, True, None)


def test_a_field_without_a_sentence_is_refused():
    @dataclasses.dataclass(frozen=True)
    class Silent:
        size: Count = 1

    with pytest.raises(ConfigError, match="size has no sentence under it; write what it is, with its unit"):
        config.options(Silent)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"mode": "window"}, "`mode` is 'window'; did you mean `windows`?"),
        ({"mode": None}, "`mode` is None; expected one of: streams, windows"),
        ({"deep": 1}, "`deep` is 1; expected bool"),
        ({"ratio": True}, "`ratio` is True; expected float"),
        ({"ratio": 5}, "`ratio` is 5; expected less than 5"),
        ({"path": "a" * 200, "mode": "x" * 200}, f"`mode` is 'x{'x' * 95}...; expected one of: streams, windows"),
        ({"ratio": 10**5000}, "`ratio` is too large; expected less than 5"),
    ],
)
def test_values_of_another_type_or_choice_are_refused(values, words):
    with pytest.raises(ConfigError) as caught:
        Other(**values)
    assert str(caught.value) == words


def test_an_int_passes_for_a_float_and_a_value_is_read_as_its_option_says():
    assert Other(ratio=2).ratio == 2
    assert Other(path=" here ").path == "here"


def test_a_setting_that_a_class_lacks_is_refused_with_the_nearest():
    assert config.make(Other, {"mode": "windows"}) == Other("windows")
    with pytest.raises(ConfigError, match=r"`moda` is not a setting of Other; did you mean `mode`\?"):
        config.make(Other, {"moda": "streams"})
    with pytest.raises(ConfigError, match="`x` is not a setting of Other; expected one of: mode, deep, ratio, path"):
        config.make(Other, {"x": 1})


def test_settings_find_their_part_by_name():
    assert config.homes(PARTS) == {option.name: part for part, cls in PARTS.items() for option in config.options(cls)}
    made = config.make_parts(PARTS, {"rate": 0.5, "mode": "windows"})
    assert made == {"some": Some(rate=0.5), "other": Other(mode="windows")}
    with pytest.raises(ConfigError, match=r"`rat` is not a setting; did you mean `rate`\?"):
        config.make_parts(PARTS, {"rat": 0.5})


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (dict(value=0), "`beam` is 0; expected a whole number, 1 or more"),
        (dict(value=10**5000, expected="1 to 3", most=3), "`beam` is too large; expected 1 to 3"),
        (dict(value=2**53, expected="1 or more"), "`beam` is 9007199254740992; expected at most 2**53 - 1"),
        (dict(value=1, least=2, of="lstm"), "lstm: `beam` is 1; expected a whole number, 2 or more"),
    ],
)
def test_a_whole_number_without_words_of_its_own(arguments, words):
    with pytest.raises(ConfigError) as caught:
        config.whole("beam", **arguments)
    assert str(caught.value) == words
