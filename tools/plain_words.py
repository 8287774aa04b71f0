"""Words that stop a reader: where they stand in prose, comments, messages and docs. `make lint` fails on any of them.

    python tools/plain_words.py [--count] [FILE ...]

Each row: the pattern, and what to write instead. A line that quotes one of them on purpose ends in `plain-words: ok`.
"""

import re
import sys
from collections import Counter
from pathlib import Path

UNIT = "unit|step|row|layer|token|direction|window|series|gate|head|word|item|sample|thread|call|batch|cell|file|core|worker"
COUNTED = "number|one|vector|bit|line|row|file|bias|state|weight|block|scale|entry|copy"
WORDS = {
    r"\bcannot be(?= *([.,;:)\"]|$))": "invalid",
    r"\b(go|goes|going|went|gone) on\b(?! (fire|disk|top))": "continue, resume, move to the next",
    r"(?<!\.)\b(told|tells?|telling)\b(?!.{0,40}\b(apart|from|the difference)\b)": "report, state, pass",
    r"(?<!-)\bsaid\b": "reported, stated, named",
    r"\bnoted\b": "stored, recorded",
    r"\b(long|short) way\b": "general path, fast path",
    r"\b(and|the|or|of|a|its|their|to) deviations?\b(?! from)": "standard deviation",
    r"\b(a|the|that|this|what|which|same|equal|each step's) shares?\b|(?<!its )\bshares? of\b": "fraction",
    r"\bmemory of (a|the) (running )?mean\b": "decay",
    rf"\b({COUNTED})s? an? ({UNIT})\b": "per unit, per step",
    r"\bwhat (is|was|were|are|has been) (asked|told|given|said)\b": "the request, the setting",
    r"\b(is|are|was|were|be|been|as|than|what) asked for\b|\basks for\b": "requested, requires",
    r"\bhas the words for\b": "raises the error message",
    r"\bwhat stands\b|\bstands there\b|\bwhat comes of\b": "the value, the content",
    r"\b[Ww]hatever (is|has|was|does|can)\b": "anything that",
    r"\bin a coat\b": "(nothing)",
    r"\banew\b": "again, over",
    r"\b(hangs?|hung) on\b(?! the wall)": "depends on",
    r"\b(to|can|could|cannot) be had\b": "available",
    r"\b\w+(Error|Unavailable)s?(, in one line,?)? where\b|\(4\d\d\),? where\b": "if",
}
# A word that is the field's own in some files.
ALLOWED = {"said": ("speech", "transcri", "sounds")}  # what a recording says
ITSELF = Path(__file__).resolve()
HERE = ITSELF.parents[1]
ROOMS = ("src", "native", "docs", "benchmarks", "tools", "examples", "README.md", "CONTRIBUTING.md")
KINDS = {".py", ".md", ".h", ".cpp", ".js", ".html", ".css"}


def files() -> list[Path]:
    """The files of these rooms; the reference is made from the code, results stay as they were printed."""
    made = (HERE / "docs/reference", HERE / "benchmarks/results", ITSELF)
    rooms = [HERE / room for room in ROOMS]
    paths = [path for room in rooms for path in ([room] if room.is_file() else sorted(room.rglob("*")))]
    return [path for path in paths if path.suffix in KINDS and not any(path.is_relative_to(one) for one in made)]


def places(paths: list[Path]):
    """(path, line number, words found, what to write, line) for each hit."""
    for path in paths:
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            if "plain-words: ok" in line:
                continue
            for pattern, better in WORDS.items():
                hit = re.search(pattern, line)
                if hit and not any(part in str(path) for part in ALLOWED.get(hit[0].lower().split()[-1], ())):
                    yield path, number, hit[0], better, line.strip()


def main(arguments: list[str]) -> int:
    """0 where nothing was found."""
    counting = "--count" in arguments
    named = [Path(a) for a in arguments if a != "--count"]
    hits = list(places(named or files()))
    if counting:
        for (word, better), n in Counter((hit[2].lower(), hit[3]) for hit in hits).most_common():
            print(f"{n:5}  {word} → {better}")
    else:
        for path, number, word, better, line in hits:
            print(
                f"{path.relative_to(HERE) if path.is_relative_to(HERE) else path}:{number}: “{word}”: {better}\n    {line}"
            )
    print(f"{len(hits)} places")
    return bool(hits)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
