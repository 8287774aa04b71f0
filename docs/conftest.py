"""Every Python example in these pages is run, and what it prints is compared, by `make test`."""

import os
import sys
import tempfile
from doctest import ELLIPSIS, NORMALIZE_WHITESPACE
from pathlib import Path

import torch
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser

from recurra import cells

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))  # pages use what the examples define


def setup(namespace):
    """Pages train, save and register cells: each in an empty folder, and none for the next."""
    torch.manual_seed(0)
    namespace["_folder"], namespace["_home"] = tempfile.TemporaryDirectory(), Path.cwd()
    os.chdir(namespace["_folder"].name)
    namespace["_cells"] = cells.registered()
    namespace["_cells"].__enter__()


def teardown(namespace):
    os.chdir(namespace["_home"])
    namespace["_cells"].__exit__(None, None, None)
    namespace["_folder"].cleanup()


pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser(doctest_optionflags=ELLIPSIS | NORMALIZE_WHITESPACE), SkipParser()],
    pattern="**/*.md",
    setup=setup,
    teardown=teardown,
).pytest()
