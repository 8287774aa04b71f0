"""The package itself: quick to import, nothing promised that is not there, imports that point one way."""

import ast
import importlib
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

import recurra
from recurra.tasks import TASKS

ROOT = Path(recurra.__file__).parent
LAZY = [
    "recurra",
    "recurra.text",
    "recurra.data",
    "recurra.generation",
    "recurra.training",
    "recurra.inside",
    "recurra.studio",
]
LAZY += [f"recurra.tasks.{name}" for name in ("memory", "sequences", *(task.package for task in TASKS))]


@pytest.mark.parametrize("package", LAZY)
def test_every_public_name_is_there(package):
    module = importlib.import_module(package)
    assert dir(module) == module.__all__
    for name in module.__all__:
        assert getattr(module, name) is not None
    with pytest.raises(AttributeError, match=f"module '{package}' has no attribute 'nothing'"):
        module.nothing  # noqa: B018 (the look-up is what is tested)


@pytest.mark.parametrize("statement", ["import recurra", "import recurra.cli"])
def test_importing_loads_nothing_heavy(statement):
    heavy = "{'torch', 'numpy', 'matplotlib', 'tokenizers', 'pooch', 'rich'}"
    code = f"import sys; {statement}; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# A part may import those before it, and itself; `cli` may import everything.
ORDER = [
    "errors",
    "lazy",
    "waiting",
    "terminal",
    "config",
    "locks",
    "files",
    "tensorfiles",
    "expr",
    "cells",
    "backends",
    "nn",
    "text",
    "data",
    "training",
    "fitting",
    "generation",
    "tasks",
    "inside",
    "studio",
    "page",
]


ROOMS = ["refusal", "words", "settings", "shapes", "store", "jobs", "views", "server"]
"""Those of the studio."""


def imports(file: Path) -> set[str]:
    """The modules that a file imports, anywhere in it; those of a package by their own names, `from recurra import nn` too."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            found |= {node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found


@pytest.mark.parametrize("room", ROOMS)
def test_the_studios_rooms_import_one_way(room):
    studio = ROOT / "studio"
    files = [studio / f"{room}.py"] if (studio / f"{room}.py").exists() else sorted((studio / room).rglob("*.py"))
    later = {f"recurra.studio.{name}" for name in ROOMS[ROOMS.index(room) + 1 :]}
    for file in files:
        wrong = [name for name in imports(file) if ".".join(name.split(".")[:3]) in later]
        assert not wrong, f"{file.relative_to(ROOT)} imports {wrong}"
    parts = {path.stem for path in studio.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert parts - {"__init__", "__main__"} == set(ROOMS)


@pytest.mark.slow
def test_no_import_circles():
    """Imports in functions and for type checkers count, and names loaded when first used lead to the module that has them."""
    structure = runpy.run_path(str(Path(__file__).parents[1] / "tools/structure.py"))
    checkout = structure["Checkout"](Path(__file__).parents[1])
    found = structure["circles"](structure["imports"](checkout))
    assert not found, "import circles: let only one of the modules know of the other"


@pytest.mark.parametrize("part", ORDER)
def test_imports_point_one_way(part):
    files = [ROOT / f"{part}.py"] if (ROOT / f"{part}.py").exists() else sorted((ROOT / part).rglob("*.py"))
    later = set(ORDER[ORDER.index(part) + 1 :]) | {"cli"}
    if part in ("training", "generation"):
        later |= {"text", "data", "training", "generation"} - {part}  # they know no task, and not each other
    for file in files:
        if file.name == "__main__.py":  # python -m recurra.studio: an end, not a part
            continue
        wrong = [name for name in imports(file) if name.startswith("recurra.") and name.split(".")[1] in later]
        assert not wrong, f"{file.relative_to(ROOT)} imports {wrong}"


LIMIT = 500
"""Lines of a source file."""


def test_no_source_file_is_longer_than_one_reads_in_a_sitting():
    top = ROOT.parents[1]
    rooms = [ROOT, *(top / name for name in ("native", "tools", "docs", "tests", "benchmarks"))]
    files = [file for room in rooms for file in room.rglob("*")]
    kinds = (".py", ".js", ".h", ".cpp", ".css", ".html")
    long = {file.name: lines for file in files if file.suffix in kinds and (lines := _lines(file)) > LIMIT}
    assert not long, "find the seam"


def _lines(file: Path) -> int:
    return file.read_text(encoding="utf-8").count("\n")
