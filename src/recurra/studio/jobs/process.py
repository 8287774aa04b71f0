"""How a process that trains or measures is begun."""

import sys

COMMAND = (sys.executable, "-m", "recurra.studio.jobs.worker")
