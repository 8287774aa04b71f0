"""A reader that is gone ends no work."""

import os
import subprocess
import sys

import pytest

from recurra.terminal import Steady

TEXT = "The quick brown fox jumps over the lazy dog. " * 40


def test_a_closed_pipe_falls_silent():
    reading, writing = os.pipe()
    with open(writing, "w") as stream:
        steady = Steady(stream)
        assert steady.fileno() == writing
        print("read", file=steady, flush=True)
        assert os.read(reading, 10) == b"read\n"
        os.close(reading)
        for _ in range(3):
            print("unread", file=steady, flush=True)


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="pipes as a shell makes them")
def test_a_training_whose_output_nobody_reads_is_whole(tmp_path):
    """`recurra train text.txt 2>&1 | head -1`."""
    (tmp_path / "t.txt").write_text(TEXT)
    command = [sys.executable, "-m", "recurra", "train", "t.txt", "-o", "run", "--preset", "tiny", "--epochs", "2"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        assert process.stdout.readline().startswith(b"training for")
        process.stdout.close()
        assert process.wait() == 141  # the name of the folder could not be printed
    assert '"reason": "finished"' in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()[-1]
