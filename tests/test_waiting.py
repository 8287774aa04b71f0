"""Threads look for a moment and then sleep, in every process that begins with Recurra."""

import os
import subprocess
import sys

import pytest

from recurra import waiting

CODE = "import recurra, os; print(os.environ.get('GOMP_SPINCOUNT'), 'torch' in __import__('sys').modules)"


@pytest.mark.parametrize(
    ("chosen", "looks"),
    [
        ({}, "3000"),
        ({"GOMP_SPINCOUNT": "7"}, "7"),
        ({"OMP_WAIT_POLICY": "ACTIVE"}, "None"),
    ],
)
def test_short_looks_are_chosen_before_pytorch_is_loaded_where_nobody_chose(chosen, looks):
    free = {name: value for name, value in os.environ.items() if name not in (waiting.LOOKS, "OMP_WAIT_POLICY")}
    done = subprocess.run([sys.executable, "-c", CODE], env=free | chosen, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [looks, "False"]


@pytest.mark.skipif(sys.platform != "linux", reason="GCC's OpenMP is what PyTorch computes with on Linux")
def test_pytorchs_openmp_reads_the_number():
    """What its OpenMP says of its settings when it is loaded; a `recurra` command, from outside."""
    free = {name: value for name, value in os.environ.items() if name not in (waiting.LOOKS, "OMP_WAIT_POLICY")}
    done = subprocess.run(
        [sys.executable, "-m", "recurra", "doctor"],
        env=free | {"OMP_DISPLAY_ENV": "VERBOSE"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"GOMP_SPINCOUNT = '{waiting.SHORT}'" in done.stderr
    assert waiting.LOOKS in done.stdout
