"""What `import recurra` adds to `import torch`: fresh processes in turns, medians.

python benchmarks/bench_import.py
"""

import statistics
import subprocess
import sys

from pairs import header, in_turns

WAYS = {
    "python": "pass",
    "import recurra": "import recurra",
    "import torch": "import torch",
    "import torch, recurra": "import torch, recurra",
    "import torch, recurra.nn": "import torch, recurra.nn",
}


def main() -> None:
    print(header())
    commands = {
        name: lambda code=code: subprocess.run([sys.executable, "-c", code], check=True) for name, code in WAYS.items()
    }
    seconds = in_turns(commands, runs=7)
    for name, times in seconds.items():
        print(f"{name:26}{statistics.median(times):8.3f} s")
    for name in ("import torch, recurra", "import torch, recurra.nn"):
        added = statistics.median(a - b for a, b in zip(seconds[name], seconds["import torch"], strict=True))
        print(f"{name.split(', ')[1]} adds {added:.3f} s to import torch")


if __name__ == "__main__":
    main()
