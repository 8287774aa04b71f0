"""The counts of the architecture, on a made-up checkout whose numbers are known."""

import importlib.util
from pathlib import Path

import pytest

FILES = {
    "src/recurra/__init__.py": "from recurra import lazy\n\nlazy.names(__name__, {'first': 'One Two', 'second': ''})\n",
    "src/recurra/lazy.py": "",
    "src/recurra/first.py": "def one():\n    from recurra.second import two\n\n    return two\n",
    "src/recurra/second.py": "from recurra import One\nfrom recurra import lazy\n\ntwo = One\n",
    "src/recurra/cli/__init__.py": "",
    "src/recurra/cli/compose.py": "from recurra.tasks.music.model import Model\n",
    "src/recurra/fitting/__init__.py": "",
    "src/recurra/fitting/estimator.py": '"""Fit."""\n\nx = 1\ny = 2\n',
    "src/recurra/tasks/__init__.py": "",
    "src/recurra/tasks/music/__init__.py": "",
    "src/recurra/tasks/music/model.py": "a = 1\nb = 2  # softplus\nc = 3\n",
    "src/recurra/tasks/music/player.py": '''
"""Play.

Twice.
"""
import sys


class Player:
    """A player."""

    @property
    def _load(self):
        # why
        return sys

    def play(self):
        return """two
lines"""
''',
    "src/recurra/tasks/speech/__init__.py": "",
    "src/recurra/tasks/video/__init__.py": "",
    "src/recurra/fitting/progress.py": "bar = 1\n",
    "src/recurra/nn/options.py": "zoneout = 0\nzoneouts = 0\n",
    "src/recurra/expr/rows.py": "softplus = 1\n",
    "src/recurra/page/static/graph.js": "const softplus = 1;\n",
    "native/core.h": "int softplus();",
    "README.md": "recurra compose, `video`, `speech` and MinLSTM",
    "docs/guide/music.md": ">>> from recurra.tasks.music import Model",
    "docs/reference/tasks.md": "`music`, `video`, `speech`",
    "pyproject.toml": "[x]\nmusic = [",
    "tests/test_first.py": "",
    "tests/test_all.py": "",
    "tests/native/test_core.py": "softplus",
}


@pytest.fixture(scope="module")
def structure():
    path = Path(__file__).parents[2] / "tools/structure.py"
    spec = importlib.util.spec_from_file_location("structure", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def rows(structure, tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return structure.rows(structure.Checkout(tmp_path))


def test_lines_of_code_leave_out_blanks_comments_docstrings_and_imports(rows):
    assert rows["plumbing, music"][0] == 7
    assert rows["maths and loops of the tasks"][0] == 3
    assert rows["plumbing, shared"][0] == 3  # fitting's two, and the bar
    assert rows["plumbing, all"][0] == 10


def test_the_lifecycle_is_the_functions_with_its_names_and_the_whole_of_fitting(rows):
    count, behind = rows["  of it the lifecycle"]
    assert count == 3 + 2
    assert behind == ["speech 0", "video 0", "music 3", "shared 2"]


def test_a_task_is_registered_by_lists_imports_and_guide_pages(rows):
    music = ["README.md", "docs/guide/music.md", "src/recurra/cli/compose.py"]
    assert rows["registrations, music"] == (3, music)
    assert rows["registrations, video"] == (1, ["README.md"])


def test_circles_are_found_through_functions_and_through_names_loaded_when_first_used(rows):
    assert rows["import circles"] == (1, ["recurra.first ↔ recurra.second"])


def test_tests_that_stand_where_their_module_stands(rows):
    assert rows["test modules that mirror a module"] == ("2 of 3", ["tests/test_all.py"])
    count, without = rows["modules with a test of their own"]
    assert count == "1 of 10"
    assert "src/recurra/first.py" not in without


def test_files_touched_are_those_that_name_the_whole_word_where_it_belongs(rows):
    assert rows["files touched by one operation"] == (
        3,
        ["native/core.h", "src/recurra/expr/rows.py", "src/recurra/page/static/graph.js"],
    )
    assert rows["files touched by one layer option"] == (1, ["src/recurra/nn/options.py"])
    assert rows["files touched by one cell"] == (1, ["README.md"])


def test_two_checkouts_stand_side_by_side_with_a_dash_where_one_has_no_such_row(structure):
    lines = []
    structure.show(["before", "after"], [{"a": (1, ["x"])}, {"a": (2, []), "bb": ("3 of 4", [])}], True, lines.append)
    assert [line.split() for line in lines[:3]] == [["before", "after"], ["a", "1", "2"], ["bb", "-", "3", "of", "4"]]
    assert lines[3:] == ["\nbefore: a: 1", "  x"]


def test_a_folder_without_the_package_is_refused(structure, tmp_path):
    with pytest.raises(SystemExit, match="has no src/recurra; name a checkout of Recurra"):
        structure.Checkout(tmp_path)
