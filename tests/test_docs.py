"""The pages hold what the code holds: references are up to date, links lead somewhere, nothing is left out."""

import re
import runpy
import sys
from pathlib import Path
from unittest.mock import create_autospec, patch

import pytest
import torch

import recurra
from recurra import cells, expr
from recurra.backends.cpu import library
from recurra.cli.frame import COMMANDS, run
from recurra.nn import Recurrent
from recurra.studio.views import about
from recurra.tasks.language import LanguageModel
from recurra.tasks.sequences.encoder import spread

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "docs"))
import make_reference  # noqa: E402 (the script lies beside the pages, not in the package)

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


UNLISTED = {"build", "dist", "runs", "__pycache__"}  # made here, not kept


@pytest.mark.parametrize("name", make_reference.PAGES)
def test_reference_is_up_to_date(name):
    written = (make_reference.FOLDER / name).read_text(encoding="utf-8")
    assert written == make_reference.PAGES[name](), "run: python docs/make_reference.py"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.S)
    links = [link.split("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]
    missing = [link for link in links if link and not (page.parent / link).exists()]
    assert not missing


def test_every_guide_page_is_in_the_map():
    index = (ROOT / "docs/README.md").read_text(encoding="utf-8")
    assert not [page.name for page in (ROOT / "docs/guide").glob("*.md") if f"guide/{page.name}" not in index]


@pytest.mark.parametrize("page", sorted((ROOT / "docs/guide").glob("*.md")), ids=lambda page: page.stem)
def test_a_guide_page_begins_with_a_question_and_ends_with_the_next_step(page):
    first, *_, last = page.read_text(encoding="utf-8").split("\n", 1)[1].strip().split("\n\n")
    assert re.fullmatch(r"\*[^*]+[.?]\*", first), "a newcomer's question, in italics, under the title"
    assert last.startswith("Next: "), "the last paragraph names the next page"


@pytest.mark.parametrize("name", [f"recurra {command}" for command in COMMANDS])
def test_the_guide_speaks_of_every_command(name):
    guide = "".join(page.read_text(encoding="utf-8") for page in (ROOT / "docs/guide").glob("*.md"))
    assert name in guide


def needed_by_a_cell() -> set[str]:
    """The files in CONTRIBUTING's list of what a new cell needs."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = text.split("## A new cell\n")[1].split("\n## ")[0]
    return set(re.findall(r"^\d\. `([^`]+)`", section, flags=re.M))


@pytest.mark.parametrize("name", ["gru-original", "layernorm-lstm", "minlstm"])
def test_a_built_in_cell_stands_in_the_files_of_contributings_list_alone(name):
    # These three are nobody's example or default; of others that is a use, not a need.
    kind = type(cells.get(name))
    module = kind.__module__.rpartition(".")[2]
    word = re.compile(rf"(?<![\w-])({name}|{kind.__name__}|{module})(?![\w-])")
    code = [*(ROOT / "src").rglob("*"), ROOT / "hatch_build.py", *(ROOT / "docs").glob("*.py")]
    code = [file for file in code if file.suffix in (".py", ".js", ".html")]
    naming = {str(file.relative_to(ROOT)) for file in code if word.search(file.read_text(encoding="utf-8"))}
    listed = {file.replace("NAME", module) for file in needed_by_a_cell()}
    assert naming == {file for file in listed if file.startswith("src/")}
    for file in listed - {"CHANGELOG.md"}:
        assert word.search((ROOT / file).read_text(encoding="utf-8")), file


class Toy(cells.Cell):
    """A cell with all that a built-in one has."""

    gates = "f n"
    forget = "f"
    keeps = {"f": 1}
    lesson = cells.Lesson("Toy", "It leaks.", {"f": "keeps", "n": "writes"}, "Never.")

    def step(self, x, h, s):
        f = expr.sigmoid(x.f + h.f)
        return s.next(h=f * s.h + (1 - f) * expr.tanh(x.n + h.n), f=f, n=x.n)


def test_what_a_new_cell_needs_is_derived_or_stands_in_contributings_list(capsys):
    cells_tests = runpy.run_path(str(ROOT / "tests/cells/test_cells.py"))
    checks = {
        "tests/cells/test_cells.py": cells_tests["test_every_cell_has_a_formula_here"],
        "docs/reference/cells.md": lambda: test_reference_is_up_to_date("cells.md"),
    }
    with cells.registered({"toy": Toy}):
        # A layer with it, compiled as a wheel's cells are, and the gates that `span` and `forget_bias` set.
        assert library.unit(cells.get("toy"))[0].name
        layer = Recurrent("toy", 2, 3)
        assert layer.explain(torch.randn(4, 1, 2)) == Recurrent("lstm", 2, 3).explain(torch.randn(4, 1, 2))
        spread(layer, 9)
        # The studio, the commands, the reference.
        shown = about.cell("toy")
        assert (shown["title"], shown["summary"], shown["pick"]) == ("Toy", "It leaks.", "Never.")
        assert shown["gates"] == [{"name": "f", "does": "keeps"}, {"name": "n", "does": "writes"}]
        assert "| [`toy`](#toy) | It leaks. | Never. |" in make_reference.equations()
        assert run(["show", "toy"]) == run(["card", "toy"]) == 0
        assert "h' = f ⊙ h" in capsys.readouterr().out
        # What is not derived is missed by a test, and named in the list.
        for file, check in checks.items():
            with pytest.raises(AssertionError):
                check()
            assert file in needed_by_a_cell()
    for check in checks.values():
        check()


def test_the_readmes_tree_is_the_tree_on_disk():
    block = (ROOT / "README.md").read_text(encoding="utf-8").split("## The tree")[1].split("```")[1]
    listed = [line.split()[0] for line in block.strip().splitlines()]
    packages = [f"src/recurra/{path.parent.name}" for path in (ROOT / "src/recurra").glob("*/__init__.py")]
    rooms = [p.name for p in ROOT.iterdir() if p.is_dir() and p.name not in UNLISTED and not p.name.startswith(".")]
    assert sorted(listed) == sorted(packages + [room for room in rooms if room != "src"])


def test_the_readmes_code_runs():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    layers, train, cell = re.findall(r"```python\n(.*?)```", text, flags=re.S)
    names = {"x": torch.randn(5, 3, 64), "lengths": [5, 0, 2]}
    exec(layers, names)  # noqa: S102 (our own page)
    assert names["y"].shape == (5, 3, 256)
    exec(cell, names)  # noqa: S102 (our own page)
    assert names["layer"](names["x"])[0].shape == (5, 3, 128)
    # Training takes minutes, so a stand-in is called: with what the page passes, as the real one would be.
    model = create_autospec(LanguageModel, instance=True)
    with patch("recurra.tasks.language.api.train", create_autospec(recurra.train, return_value=model)):
        exec(train, names)  # noqa: S102 (our own page)
    model.generate.assert_called_once_with("Once upon", 500, temperature=0.8)
