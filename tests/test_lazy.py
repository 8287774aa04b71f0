"""Names of a package that are loaded when first used, on a package made for it."""

import importlib
import subprocess
import sys

import pytest

PACKAGE = """
from recurra import lazy

__all__, __getattr__, __dir__ = lazy.names(__name__, {"shapes": "Circle Square", "colours": "", "sizes": "sizes large"})
"""
MODULES = {"shapes": "Circle, Square = 'circle', 'square'", "colours": "red = 1", "sizes": "large = 9"}


@pytest.fixture
def package(tmp_path, monkeypatch):
    folder = tmp_path / "made_up_package"
    folder.mkdir()
    (folder / "__init__.py").write_text(PACKAGE)
    for name, text in MODULES.items():
        (folder / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("made_up_package")
    for name in [name for name in sys.modules if name.startswith("made_up_package")]:
        del sys.modules[name]


def test_nothing_is_loaded_before_a_name_is_used(package):
    assert [name for name in sys.modules if name.startswith("made_up_package.")] == []
    assert package.Square == "square"
    assert [name for name in sys.modules if name.startswith("made_up_package.")] == ["made_up_package.shapes"]


def test_names_are_listed_in_order(package):
    assert package.__all__ == dir(package) == ["Circle", "Square", "colours", "large", "sizes"]


def test_a_modules_own_name_is_the_module(package):
    assert package.sizes.large == package.large == 9
    assert package.colours.red == 1


def test_every_name_is_imported_by_a_star(tmp_path, package):
    code = "from made_up_package import *; print(Circle, colours.red, large)"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "circle 1 9\n"


def test_a_name_that_is_not_there_is_named_with_its_package(package):
    with pytest.raises(AttributeError, match="module 'made_up_package' has no attribute 'Triangle'"):
        package.Triangle  # noqa: B018 (the look-up is what is tested)
    assert not hasattr(package, "shapes")
