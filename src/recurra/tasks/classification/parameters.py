"""Settings classes as the parameters of a scikit-learn estimator."""

import inspect
from collections.abc import Callable
from typing import Any

from recurra.config import nearest, options
from recurra.errors import ConfigError

OWN = {"out": None, "quiet": True}
"""Parameters that say nothing of the model: the folder to keep the run in, and whether to show nothing."""


def initialiser(configs: dict[str, type], defaults: dict[str, Any]) -> Callable:
    """An `__init__` whose keywords are the settings' fields and OWN, with their defaults, as scikit-learn reads them.

    It keeps what it is given as it is; values are checked when fitting, as scikit-learn asks. ConfigError for an unknown name.
    """
    values = {option.name: option.default for part in configs.values() for option in options(part)} | defaults | OWN

    def __init__(self, **given):
        for name in given:
            if name not in values:
                raise ConfigError(f"`{name}` is not a setting of {type(self).__name__}; {nearest(name, values)}")
        for name, default in values.items():
            setattr(self, name, given.get(name, default))

    itself = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    named = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=value) for name, value in values.items()]
    __init__.__signature__ = inspect.Signature([itself, *named])
    return __init__
