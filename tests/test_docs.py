"""The pages hold what the code holds: references are up to date, links lead somewhere, nothing is left out."""

import re
import sys
from pathlib import Path
from unittest.mock import create_autospec, patch

import pytest
import torch

import recurra
from recurra import cells
from recurra.cli.frame import COMMANDS
from recurra.tasks.language import LanguageModel

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "docs"))
import make_reference  # noqa: E402 (the script lies beside the pages, not in the package)

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


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


@pytest.mark.parametrize("name", [*cells.names(), *(f"recurra {command}" for command in COMMANDS)])
def test_the_guide_speaks_of_every_cell_and_command(name):
    guide = "".join(page.read_text(encoding="utf-8") for page in (ROOT / "docs/guide").glob("*.md"))
    assert name in guide


def test_the_readmes_code_runs():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    train, layers, cell = re.findall(r"```python\n(.*?)```", text, flags=re.S)
    names = {"x": torch.randn(5, 3, 64), "lengths": [5, 0, 2]}
    exec(layers, names)  # noqa: S102 (our own page)
    assert names["y"].shape == (5, 3, 256)
    exec(cell, names)  # noqa: S102 (our own page)
    assert names["layer"](names["x"])[0].shape == (5, 3, 128)
    # Training takes minutes, so a stand-in is called: with what the page passes, as the real one would be.
    model = create_autospec(LanguageModel, instance=True)
    with patch("recurra.tasks.language.runner.train", create_autospec(recurra.train, return_value=model)):
        exec(train, names)  # noqa: S102 (our own page)
    model.generate.assert_called_once_with("Once upon", 500, temperature=0.8)
