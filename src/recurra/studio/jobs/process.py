"""How a process that trains or measures is begun."""

import os
import sys

COMMAND = (sys.executable, "-m", "recurra.studio.jobs.worker")


def environment() -> dict[str, str]:
    """Its environment: this one's, with threads that sleep while they wait for each other.

    Training shares the cores with the page, the browser and whatever else runs. On two cores of a Zen 4 with other work on
    them, a step of 192 LSTM units took 104 ms so, and 596 ms with threads that keep their core while they wait.
    """
    return {"OMP_WAIT_POLICY": "PASSIVE", **os.environ}
