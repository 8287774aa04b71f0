"""Settings as scikit-learn's parameters, also where scikit-learn is not installed: `clone` and searches over grids work.

    class Forecaster(Parameters, Estimator):
        def __init__(self, horizon: int = 24, *, seed: int = 1, ...):
            self._set(locals())

Each parameter is an attribute of the same name and holds what the user passed. With scikit-learn's BaseEstimator before it
among a class's parents, `get_params` and `set_params` are that one's.
"""

import inspect
from collections.abc import Mapping
from typing import Any, Self

from recurra.errors import ConfigError, nearest


class Parameters:
    """The rule of scikit-learn's estimators, for a class of `Lifecycle` whose `__init__` names every setting."""

    def _set(self, values: Mapping[str, Any]) -> None:
        """Set the parameters as attributes, as they are. values: `locals()` of `__init__`."""
        vars(self).update({name: values[name] for name in self._defaults()})

    @classmethod
    def _defaults(cls) -> dict[str, Any]:
        parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]
        return {parameter.name: parameter.default for parameter in parameters}

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters by name, as they were passed. deep: has no effect; no parameter has parameters of its own."""
        return {name: getattr(self, name) for name in self._defaults()}

    def set_params(self, **params: Any) -> Self:
        """Change parameters, for the next `fit`: `set_params(lr=1e-3)`. ConfigError if one is invalid; none is set then."""
        before = self.get_params()
        for name in params:
            if name not in before:
                raise ConfigError(f"`{name}` is not a setting; {nearest(name, before)}")
        vars(self).update(params)
        try:
            self._checked()
        except ConfigError:
            vars(self).update(before)
            raise
        return self

    def _changed(self, more: dict[str, Any]) -> Self:
        return type(self)(**(self.get_params() | more))

    def _given(self) -> dict[str, Any]:
        """The parameters that differ from their defaults."""
        defaults = self._defaults()
        values = {name: getattr(self, name) for name in defaults}
        return {name: value for name, value in values.items() if not _same(value, defaults[name])}


def _same(value: Any, default: Any) -> bool:
    # An array, for one, is compared element by element: what is of another type is another value.
    return value is default or (type(value) is type(default) and value == default)
