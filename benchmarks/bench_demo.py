"""What `recurra demo` writes after its minute on a busy machine: how many of its words occur in the text it learned from.

    python benchmarks/bench_demo.py                     four busy loops beside it, a minute each of three runs
    python benchmarks/bench_demo.py --loops 0 --runs 1  the machine as it is
    python benchmarks/bench_demo.py --runs 0 --processor 2.5 5 10 20    by seconds of one processor, whatever else runs

A word is three letters or more, in the case in which it stands. The sample is the one that the command prints, 400 characters,
and behind it 5,000 more of the same model, since sixty words are few.
"""

import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch
from bench_recipe import processor_time
from pairs import header
from report import Report, arguments

from recurra.data import corpus_text
from recurra.tasks import language

WORD = re.compile(r"[A-Za-z]{3,}")
LEAST = 0.6  # of the words
BEFORE, AFTER = "What it writes after", "What to try next:"


@contextlib.contextmanager
def busy(loops: int) -> Iterator[None]:
    """Within, so many processes that do nothing but compute."""
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(loops)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def called(folder: Path, *arguments: str) -> str:
    """What a command prints."""
    command = [sys.executable, "-m", "recurra", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout


def known(sample: str, words: set[str]) -> tuple[float, int]:
    """The fraction of a sample's words that are among some, and how many it has."""
    found = WORD.findall(sample)
    return sum(word in words for word in found) / max(1, len(found)), len(found)


def measured(minutes: float, loops: int, words: set[str]) -> tuple[int, float, float, float, str]:
    """Steps, nats, the fraction of words known in the command's sample and in a long one, and the sample."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        with busy(loops):
            shown = called(folder, "demo", "--minutes", str(minutes))
        sample = shown.partition(BEFORE)[2].partition("\n")[2].partition(AFTER)[0].strip()
        run = next((folder / "runs").iterdir())
        rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text("utf-8").splitlines()]
        best = next(row for row in reversed(rows) if row.get("better"))
        # The first and the last word may be cut.
        long = called(folder, "generate", str(run), "--length", "5000", "--temperature", "0.7", "--seed", "1")
        return rows[-1]["step"], best["nats"], known(sample, words)[0], known(long[10:-10], words)[0], sample


def by_processor(seconds: float, words: set[str]) -> tuple[int, float]:
    """Steps in so many seconds of one processor, and the fraction of words known in 5,000 characters."""
    last = {}
    with tempfile.TemporaryDirectory() as folder, processor_time():
        options = {"out": Path(folder, "run"), "quiet": True, "listeners": [last.update]}
        model = language.train("manual", preset="demo", minutes=seconds / 60, **options)
    return last["step"], known(model.generate("The ", 5000, temperature=0.7, seed=1)[:-10], words)[0]


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--minutes", type=float, default=1.0, help="of each demo; default 1")
    parser.add_argument("--loops", type=int, default=4, help="busy loops beside it; default 4")
    parser.add_argument("--runs", type=int, default=3, help="default 3")
    parser.add_argument("--processor", type=float, nargs="+", default=[], help="seconds of a processor")
    options = parser.parse_args()
    report, words = Report(__doc__, options), set(WORD.findall(corpus_text("manual")))
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    report.say(f"{header()}; load before: {load}; {options.loops} busy loops, {options.minutes:g} minutes")
    least = 1.0
    if options.runs:
        report.table("run", "steps", "nats", "words known, its sample", "words known, 5,000 characters")
    for number in range(1, options.runs + 1):
        steps, nats, short, long, sample = measured(options.minutes, options.loops, words)
        report.row(number, steps, f"{nats:.3f}", f"{short:.0%}", f"{long:.0%}")
        least = min(least, short, long)
    if options.runs:
        report.say(f"```text\n{sample}\n```")
        report.target(f"{least:.0%} of the words occur in the text (at least {LEAST:.0%})", least >= LEAST)
    if options.processor:
        torch.set_num_threads(1)
        report.table("seconds of a processor", "steps", "words known, 5,000 characters")
    for seconds in options.processor:
        steps, long = by_processor(seconds, words)
        report.row(f"{seconds:g}", steps, f"{long:.0%}")
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
