"""Recurra's operators for PyTorch by name: `import recurra` is enough to load a graph that holds `recurra::layer`.

`torch.export.load` and whoever else reads a graph looks an operator up as `torch.ops.recurra.layer`. That name loads the module
which registers it, when it is first used; PyTorch itself is not loaded for it, since `import recurra` stays quick.
"""

import importlib
import importlib.util
import sys
import types
from collections.abc import Callable

HOME = "recurra.backends.cpu.operator"


class _Namespace(types.ModuleType):
    """`torch.ops.recurra` until it is first asked."""

    def __getattr__(self, name: str):
        if name.startswith("__"):
            raise AttributeError(name)
        ops = sys.modules["torch"].ops
        if vars(ops).get("recurra") is self:
            del ops.recurra
        importlib.import_module(HOME)
        return getattr(ops.recurra, name)


class _AfterTorch:
    """A finder of modules that finds PyTorch as the others do, and acts once it is loaded."""

    def find_spec(self, name: str, path=None, target=None):
        if name != "torch":
            return None
        finders = [finder for finder in sys.meta_path if not isinstance(finder, _AfterTorch)]
        spec = next((spec for finder in finders if (spec := finder.find_spec(name, path, target))), None)
        if spec is not None and spec.loader is not None:
            spec.loader.exec_module = _then(spec.loader.exec_module)
        return spec


def _then(execute: Callable) -> Callable:
    def exec_module(module: types.ModuleType) -> None:
        execute(module)
        sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, _AfterTorch)]
        _offer()

    return exec_module


def _offer() -> None:
    ops = sys.modules["torch"].ops
    if HOME not in sys.modules and "recurra" not in vars(ops):
        ops.recurra = _Namespace("torch.ops.recurra")


def announce() -> None:
    """Make the operators' names known to PyTorch, now or as soon as it is loaded."""
    if hasattr(sys.modules.get("torch"), "ops"):
        _offer()
    elif not any(isinstance(finder, _AfterTorch) for finder in sys.meta_path):
        sys.meta_path.insert(0, _AfterTorch())
