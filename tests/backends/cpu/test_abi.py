"""The structures that Python fills are laid out as in C++."""

import ctypes

import pytest
from helpers.kernels import needs_compiler

from recurra.backends.cpu import abi, library, processor
from recurra.expr import trace


@needs_compiler
def test_structures_are_laid_out_as_in_cpp():
    said = library._core(processor.chosen()).library.recurra_layout().decode()
    library.check_layout(said, abi.layout())
    assert said.startswith("Step.rows long 0 8;")
    structures = abi.Step, abi.Cell, abi.Watched, abi.Watch, abi.Direction, abi.Call
    assert said.count(";") == sum(len(part.spelled) for part in structures)


@pytest.mark.parametrize(("one", "other"), [("keep", "keep_row"), ("scratch", "merged")])
def test_two_swapped_fields_are_noticed(one, other, monkeypatch):
    """Both are numbers of the same size: only the names tell."""
    said, text = abi.layout(), abi._text

    def swapped(file):
        names = {f"FIELD(long, {one})": f"FIELD(long, {other})", f"FIELD(long, {other})": f"FIELD(long, {one})"}
        return "\n".join(names.get(line.split("  ")[0], line) for line in text(file).splitlines())

    monkeypatch.setattr(abi, "_text", swapped)
    wrong = abi.structure("Cell")
    assert ctypes.sizeof(wrong) == ctypes.sizeof(abi.Cell)
    monkeypatch.setattr(abi, "Cell", wrong)
    with pytest.raises(
        AssertionError, match=rf"drifted apart: 'Cell.({one}|{other}) long \d+ 8' and 'Cell.({one}|{other}) long"
    ):
        library.check_layout(said, abi.layout())


def test_constants_of_the_tracer_are_the_cores():
    assert abi.MOST_STAGES == trace.MOST_OFS + 1
    assert abi.MOST_GATES == trace.MOST_GATES
