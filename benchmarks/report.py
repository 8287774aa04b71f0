"""What a benchmark says: tables as they are measured, then which targets are met and which are missed."""

import argparse
import datetime
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

SHARED = {
    "quick": "a few sizes only, to see that it works",
    "threads": "of PyTorch and of the kernels",
    "seconds": "time for each pair",
    "seed": "of all that is drawn",
}


def arguments(doc: str, **defaults: bool | int | float | list[int]) -> argparse.ArgumentParser:
    """The options that scripts share, of `SHARED` those that this one takes: `arguments(__doc__, quick=False, threads=[2, 1])`.

    A default that is False makes a switch, a list an option with several values. `doc` is the script's docstring.
    """
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in defaults.items():
        if default is False:
            parser.add_argument(f"--{name}", action="store_true", help=SHARED[name])
            continue
        several = isinstance(default, list)
        form = {"type": type(default[0] if several else default), "nargs": "+" if several else None}
        parser.add_argument(f"--{name}", default=default, help=f"{SHARED[name]}; default {default}", **form)
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="also add the tables to this file")
    parser.add_argument("--strict", action="store_true", help="exit with 1 if a target is missed")
    return parser


def row_of(names: Iterable[str]) -> Callable[[str], str]:
    """For `add_argument("rows", nargs="*", type=row_of(ROWS))`, where `choices` would refuse to be given none."""

    def check(name: str) -> str:
        if name not in names:
            raise argparse.ArgumentTypeError(f"no row {name!r}; expected some of: {', '.join(names)}")
        return name

    return check


class Report:
    """Prints line by line, and keeps the same as Markdown for `--markdown`.

    report = Report(__doc__, options)
    report.table("layer", "ms", "ratio")
    report.row("LSTM", 12.0, 1.7)
    report.target("never slower", worst >= 1)
    sys.exit(report.end())
    """

    def __init__(self, doc: str, options: argparse.Namespace):
        self.options, self.widths = options, []
        self.targets: list[tuple[str, bool]] = []
        script = Path(sys.argv[0]).name
        self.lines = [f"## `{script}`, {datetime.date.today()}", "", doc.strip().splitlines()[0]]

    def say(self, text: str) -> None:
        """A line of its own."""
        print(text, flush=True)
        self.lines += ["", text]

    def table(self, *columns: str) -> None:
        """Begin a table; a column is as wide as its title needs, with at least room for a number."""
        self.widths = [max(len(column), 8) + 2 for column in columns]
        print("".join(f"{column:>{width}}" for column, width in zip(columns, self.widths, strict=True)), flush=True)
        self.lines += ["", f"| {' | '.join(column.strip() for column in columns)} |", f"|{'---|' * len(columns)}"]

    def row(self, *cells: object) -> None:
        """A row of the table begun last. Numbers are cut to what a reader can use."""
        shown = [_shown(cell) for cell in cells]
        print("".join(f"{cell:>{width}}" for cell, width in zip(shown, self.widths, strict=True)), flush=True)
        self.lines.append(f"| {' | '.join(shown)} |")

    def target(self, words: str, met: bool) -> None:
        """Note whether a target is met; `words` carry the measured number."""
        self.targets.append((words, bool(met)))

    def end(self) -> int:
        """Print the verdicts, write the file, and give the exit status."""
        missed = [words for words, met in self.targets if not met]
        if self.targets:
            self.say(f"Targets: {len(self.targets) - len(missed)} met, {len(missed)} missed")
            self.lines.append("")
        for words, met in self.targets:
            line = f"{'met   ' if met else 'MISSED'}  {words}"
            print(line, flush=True)
            self.lines.append(f"- {line}")
        if self.options.markdown:
            with self.options.markdown.open("a", encoding="utf-8") as file:
                file.write("\n".join(self.lines) + "\n\n")
        return int(self.options.strict and bool(missed))


def _shown(cell: object) -> str:
    if not isinstance(cell, float):
        return str(cell)
    if abs(cell) >= 100:
        return f"{cell:.0f}"
    return f"{cell:.1f}" if abs(cell) >= 10 else f"{cell:.3f}" if abs(cell) < 0.1 else f"{cell:.2f}"
