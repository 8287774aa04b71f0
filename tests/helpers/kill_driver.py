"""`python -m helpers.kill_driver FOLDER TASKS COUNT SEED`: kill -9 at random moments of a training; a JSON line for each end.

COUNT times, task after task: a training is killed at a random moment, in half of the cases its continuation as well, and
then the same command runs to the end, which must be that of a training that nobody killed. Each training is a process of its
own, forked from this one, where everything is imported.
"""

import itertools
import json
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from helpers.fault_driver import TASKS, Uses, contents, continue_run, continued, forked, must, shorten


def killed(work: Callable[[], Any], after: float) -> bool:
    """Do work in a fork and kill it after so many seconds; False if it had ended by then."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    time.sleep(after)
    os.kill(child, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, -signal.SIGKILL), "the training failed"
    return code != 0


def case(uses: Uses, out: Path, whole: dict, seconds: float, draw: random.Random) -> dict:
    """One end: how often it was killed, what the first kill left, and whether it ended as `whole`."""
    shutil.rmtree(out, ignore_errors=True)
    # A moment after the end kills nothing; the next is tried.
    while not killed(lambda: uses.train(out), draw.uniform(0, seconds)):
        shutil.rmtree(out)
    left = sorted(os.listdir(out)) if out.exists() else None
    kills = 1
    if draw.random() < 0.5:
        kills += killed(lambda: continue_run(uses, out), draw.uniform(0, seconds))
    code, words = forked(lambda: continued(uses, out, whole))
    return {"kills": kills, "left": left, "ok": code == 0} | ({"words": words[-600:]} if code else {})


def main(place: Path, names: list[str], count: int, seed: int) -> int:
    draw, made, wrong = random.Random(seed), {}, 0
    for name in itertools.islice(itertools.cycle(names), count):
        home = place / name
        if name not in made:
            home.mkdir(parents=True)
            uses, begun = TASKS[name](), time.monotonic()
            must(lambda uses=uses, home=home: uses.train(home / "whole"))
            made[name] = (uses, time.monotonic() - begun, contents(home / "whole"))
        uses, seconds, whole = made[name]
        row = case(uses, home / "run", whole, seconds, draw)
        wrong += not row["ok"]
        print(json.dumps({"task": name} | row), flush=True)
    return wrong > 0


if __name__ == "__main__":
    torch.set_num_threads(1)
    shorten()
    sys.exit(main(Path(sys.argv[1]), sys.argv[2].split(","), int(sys.argv[3]), int(sys.argv[4])))
