"""Names of a package that are loaded when first used, so that importing the package, or asking for help, stays quick."""

import importlib
from collections.abc import Callable


def names(package: str, homes: dict[str, str]) -> tuple[list[str], Callable, Callable]:
    """`__all__, __getattr__, __dir__ = names(__name__, {"config": "TextConfig", ...})`: module → the names in it.

    A module's own name stands for the module itself; so it does where its names are left empty.
    """
    where = {name: module for module, listed in homes.items() for name in listed.split() or [module]}
    public = sorted(where)

    def getattr_(name: str):
        if name not in where:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = importlib.import_module(f"{package}.{where[name]}")
        return module if where[name] == name else getattr(module, name)

    return public, getattr_, lambda: public
