"""Dates in fifteen spellings → ISO, and words from their end: learn both, score them on unseen ones, draw where they looked.

python examples/translate_dates.py              minutes; prints the shares that are right, and writes
                                                docs/pictures/attention-dates.png and attention-reversed.png
"""

import argparse
import time
from pathlib import Path

from recurra.tasks.translation import Translator, dates, reversed_words

PICTURES = Path(__file__).parents[1] / "docs" / "pictures"
SHOWN = {"dates": "Sunday, 3 May 1987", "reversed": "recurrent"}


def unseen(pairs, known):
    """Those pairs whose translation is none of the known ones."""
    known = {target for _, target in known}
    return [pair for pair in pairs if pair[1] not in known]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--pairs", type=int, default=20_000)
    parser.add_argument("--cells", default="lstm", help="the first one is drawn")
    parser.add_argument("--pictures", type=Path, default=PICTURES)
    options = parser.parse_args()
    made = {"dates": dates, "reversed": lambda count, seed: reversed_words(count, seed, longest=12)}
    for name, make in made.items():
        train = make(options.pairs, seed=1)
        test = unseen(make(5000, seed=2), train)
        for place, cell in enumerate(options.cells.split(",")):
            began = time.monotonic()
            model = Translator(cell=cell, epochs=options.epochs, quiet=False).fit(train)
            seconds = time.monotonic() - began
            shares = [f"beam {beam}: {model.score(test, beam=beam):.2%}" for beam in (1, 4)]
            print(
                f"{name}, {cell}: {', '.join(shares)} of {len(test):,} unseen ones, after {seconds:.0f} s", flush=True
            )
            if not place:
                model.alignment(SHOWN[name]).draw(options.pictures / f"attention-{name}.png")


if __name__ == "__main__":
    main()
