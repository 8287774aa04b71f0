"""A visitor who stays for long: many trainings and texts, and memory, descriptors and threads stay where they were."""

import gc
import os
import random
import re
import sys
import threading
from pathlib import Path

import pytest
from helpers.soak import count
from helpers.studio_support import client, save_model, send, start, wait

TEXTS, JOBS = count(24, 2000), count(2, 60)
LENGTH = 5000
"""Characters of a text; 2,000 of them are ten million."""


def state() -> tuple[int, int, int]:
    """Megabytes, descriptors and threads of this process."""
    gc.collect()
    memory = int(re.search(r"VmRSS:\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) >> 10
    return memory, len(os.listdir("/proc/self/fd")), threading.active_count()


@pytest.mark.slow
@pytest.mark.clock
@pytest.mark.sampled
@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_visitor_of_many_jobs_and_texts_leaves_nothing_behind(tmp_path, capsys):
    save_model(tmp_path / "cats")
    draw, seen = random.Random(0), []
    with client(tmp_path) as api:
        for number in range(TEXTS):
            if number % (TEXTS // JOBS) == 0:
                assert wait(api, start(api), "finished", "failed")["state"] == "finished"
            words = " ".join(draw.choice(("the", "cat", "sat", "on", "a", "mat")) for _ in range(LENGTH // 3))[:LENGTH]
            send(api, words, f"text {number}.txt")
            made = api.post("/api/runs/cats/generate", json={"prompt": "the", "length": LENGTH // 10, "seed": number})
            assert made.status_code == 200, made.text
            assert api.get("/api/runs").status_code == 200
            if number % (TEXTS // 8) == 0:
                seen.append(state())
    memory, descriptors, threads = zip(*seen[1:], strict=True)
    with capsys.disabled():
        print(f"\n  {JOBS} jobs, {TEXTS} texts: {memory} MB, {descriptors} descriptors, {threads} threads", end="")
    assert max(memory) - memory[0] < 48
    assert max(descriptors) - min(descriptors) <= 4
    assert max(threads) - min(threads) <= 4
