"""A run in training has one writer: a command or a call that comes second is told who the first is."""

import os
import subprocess
import sys

import pytest
from helpers.processes import started

import recurra
from recurra import locks
from recurra.errors import RunError

TEXT = "The quick brown fox jumps over the lazy dog. " * 200
TRAIN = """
import sys
import recurra
recurra.train(text=sys.argv[1], out="run", preset="tiny", epochs=10_000, quiet=True,
              listeners=[lambda event: print(event["event"], flush=True)])
"""


@pytest.mark.slow
@pytest.mark.skipif(locks.fcntl is None, reason="locks as POSIX has them")
def test_two_writers_of_one_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    command = [sys.executable, "-c", TRAIN, TEXT]
    with started(command, stdout=subprocess.PIPE, text=True) as first:
        assert any(line == "start\n" for line in first.stdout)
        words = rf"run is in use: process {first.pid} \(training\) writes it. Wait until that has ended, or stop it"
        with pytest.raises(RunError, match=words):
            recurra.resume("run", quiet=True)
        with pytest.raises(RunError, match=r"continue it by resuming|process"):
            recurra.train(text=TEXT, out="run", quiet=True)
        first.kill()
    assert locks.LOCK in os.listdir("run")
    seen = []
    recurra.resume("run", quiet=True, listeners=[lambda event: seen.append(event["event"])], stop=lambda: True)
    assert seen[0] == "start"
    assert not any(name.startswith((".lock", ".recurra")) for name in os.listdir("run"))
