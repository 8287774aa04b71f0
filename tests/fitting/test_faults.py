"""Every file operation of a run may fail, be cut short or be the last one: the old state loads, the same command continues.

A sample of the operations as a rule; all of them with RECURRA_SOAK=1.
"""

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

HELPERS = Path(__file__).parents[1] / "helpers"
SOAK = os.environ.get("RECURRA_SOAK", "0") not in ("", "0")
STRIDE = 1 if SOAK else 151  # every so manieth operation; which one differs by task, kind of fault and command


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """file_faults.cpp, compiled."""
    compiler = shutil.which("c++") or shutil.which("g++")
    if sys.platform != "linux" or compiler is None:
        pytest.skip("needs Linux and a C++ compiler")
    path = tmp_path_factory.mktemp("faults") / "file_faults.so"
    subprocess.run([compiler, "-O1", "-shared", "-fPIC", "-o", path, HELPERS / "file_faults.cpp", "-ldl"], check=True)
    return path


@pytest.mark.slow
@pytest.mark.parametrize("task", ["language", "translation", "classification"])
def test_any_file_operation_may_fail(library, tmp_path, task, capsys):
    environment = os.environ | {"LD_PRELOAD": str(library), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "ignore", "-m", "helpers.fault_driver", tmp_path / "runs", task, str(STRIDE)]
    done = subprocess.run(command, cwd=HELPERS.parent, env=environment, stdout=subprocess.PIPE, text=True)
    cases = [json.loads(line) for line in done.stdout.splitlines()]
    wrong = [case for case in cases if not case["ok"]]
    assert not wrong, wrong
    assert done.returncode == 0
    counts = Counter((case["case"], case["of"]) for case in cases)
    assert {case for case, _ in counts} == {"train", "resume", "save"}
    with capsys.disabled():
        for (case, operations), tried in counts.items():
            print(f"\n  {task}, {case}: {tried} faults at {operations} file operations, all continued", end="")
