"""Every file operation of a run may fail, be cut short or be the last one: the old state loads, the same command continues.

A sample of the operations as a rule; all of them, each with every kind of fault, with RECURRA_SOAK=1.
"""

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from helpers import distributed_child
from helpers.soak import SOAK, chance, count

HELPERS = Path(__file__).parents[1] / "helpers"
TASKS = ["language", *(name for name in distributed_child.TASKS if SOAK or name != "tagging_by_a_random_field")]


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """file_faults.cpp, compiled."""
    compiler = shutil.which("c++") or shutil.which("g++")
    if sys.platform != "linux" or compiler is None:
        pytest.skip("needs Linux and a C++ compiler")
    path = tmp_path_factory.mktemp("faults") / "file_faults.so"
    subprocess.run([compiler, "-O1", "-shared", "-fPIC", "-o", path, HELPERS / "file_faults.cpp", "-ldl"], check=True)
    return path


def rows(driver, *arguments, **environment) -> list[dict]:
    """What a driver printed, a row for each case; all of them ended well."""
    command = [sys.executable, "-W", "ignore", "-m", f"helpers.{driver}", *map(str, arguments)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"} | environment
    done = subprocess.run(command, cwd=HELPERS.parent, env=environment, capture_output=True, text=True)
    cases = [json.loads(line) for line in done.stdout.splitlines()]
    wrong = [json.dumps(case) for case in cases if not case["ok"]]
    assert not wrong, "\n".join(wrong)
    assert done.returncode == 0, done.stderr[-3000:]
    return cases


@pytest.mark.slow
@pytest.mark.sampled
def test_any_file_operation_may_fail(library, tmp_path, capsys):
    # In one process: what it imports takes longer than a task's faults.
    cases = rows("fault_driver", tmp_path, ",".join(TASKS), count(1, 0), LD_PRELOAD=str(library))
    counts = Counter((case["task"], case["case"], case["of"]) for case in cases)
    assert {(task, case) for task, case, _ in counts} == {(t, c) for t in TASKS for c in ("train", "resume", "save")}
    with capsys.disabled():
        for (task, case, operations), tried in counts.items():
            print(f"\n  {task}, {case}: {tried} faults at {operations} file operations, all continued", end="")


@pytest.mark.slow
@pytest.mark.sampled
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_killed_at_any_moment_it_ends_as_if_nobody_had(tmp_path, capsys):
    draw, number = chance(), count(3, 100)
    # Of the sample, each case is another task's.
    tasks = draw.sample(TASKS, min(number, len(TASKS)))
    cases = rows("kill_driver", tmp_path, ",".join(tasks), number, draw.randrange(2**32))
    assert len(cases) == number
    with capsys.disabled():
        print(f"\n  {sum(case['kills'] for case in cases)} kills, {number} ends equal to the bit", end="")
