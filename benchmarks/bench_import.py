"""What `import recurra` adds to `import torch`: fresh processes in turns, medians; and on request how long the wheel builds.

python benchmarks/bench_import.py
python benchmarks/bench_import.py --wheel           also builds the wheel from this folder, without its dependencies
"""

import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from pairs import header, in_turns
from report import Report, arguments

WAYS = {
    "python": "pass",
    "import recurra": "import recurra",
    "import torch": "import torch",
    "import torch, recurra": "import torch, recurra",
    "import torch, recurra.nn": "import torch, recurra.nn",
}
ADDED, WHEEL = 0.15, 180.0


def wheel(report: Report) -> None:
    """Seconds of `pip wheel`, with the tools it fetches for the build, and what came out."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder]
        start = time.perf_counter()
        subprocess.run([*command, Path(__file__).parents[1]], check=True)
        seconds = time.perf_counter() - start
        (built,) = Path(folder).glob("*.whl")
        report.say(f"{built.name}: {built.stat().st_size / 1e6:.1f} MB, built in {seconds:.0f} s")
    report.target(f"the wheel builds in {seconds:.0f} s, wanted at most {WHEEL:.0f}", seconds <= WHEEL)


def main() -> int:
    parser = arguments(__doc__, quick=False)
    parser.add_argument("--wheel", action="store_true", help="also build the wheel")
    options = parser.parse_args()
    report = Report(__doc__, options)
    report.say(header())
    commands = {name: partial(subprocess.run, [sys.executable, "-c", code], check=True) for name, code in WAYS.items()}
    seconds = in_turns(commands, runs=3 if options.quick else 9)
    report.table("a fresh process        ", "s")
    for name, times in seconds.items():
        report.row(name, f"{statistics.median(times):.3f}")
    for name in ("import torch, recurra", "import torch, recurra.nn"):
        added = statistics.median(a - b for a, b in zip(seconds[name], seconds["import torch"], strict=True))
        words = f"{name.split(', ')[1]} adds {added:.3f} s to import torch"
        report.target(f"{words}, wanted at most {ADDED}", added <= ADDED)
    if options.wheel:
        wheel(report)
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
