"""Parameters as scikit-learn has them."""

from dataclasses import dataclass

import numpy as np
import pytest
from sklearn.base import clone

from recurra import config
from recurra.config import Count, make_parts
from recurra.errors import ConfigError
from recurra.fitting.parameters import Parameters


@dataclass(frozen=True)
class Sizes:
    """Two sizes."""

    wide: Count = 4
    """How wide."""
    lags: tuple[int, ...] = ()
    """Steps back."""

    def __post_init__(self):
        object.__setattr__(self, "lags", tuple(self.lags))
        config.check(self)


class Toy(Parameters):
    def __init__(self, wide: int = 4, *, lags=()):
        self._set(locals())
        self._checked()

    def _checked(self):
        return make_parts({"sizes": Sizes}, self._given())


def test_parameters_are_kept_as_they_were_passed():
    lags = [1, 2]
    toy = Toy(3, lags=lags)
    assert toy.get_params() == {"wide": 3, "lags": [1, 2]}
    assert toy.lags is lags
    assert toy._checked()["sizes"] == Sizes(3, (1, 2))
    assert Toy()._given() == {}
    assert list(Toy(lags=np.array([1]))._given()) == ["lags"]


def test_a_clone_has_the_same_parameters():
    toy = Toy(3, lags=(1, 2))
    other = clone(toy)
    assert other is not toy
    assert other.get_params() == toy.get_params()


def test_parameters_are_set_all_or_none():
    toy = Toy()
    assert toy.set_params(wide=8) is toy
    assert toy.wide == 8
    with pytest.raises(ConfigError, match="`wode` is not a setting; did you mean `wide`"):
        toy.set_params(wide=9, wode=1)
    with pytest.raises(ConfigError, match="`wide` is 0; expected 1 or more"):
        toy.set_params(lags=(1,), wide=0)
    assert toy.get_params() == {"wide": 8, "lags": ()}
    with pytest.raises(ConfigError, match="`wide` is 0"):
        Toy(0)
