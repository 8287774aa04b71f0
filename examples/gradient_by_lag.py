"""How far back the loss of trained models reaches: the norm of its gradient by lag, one curve for each run.

python examples/gradient_by_lag.py picture.png text.py runs/lstm runs/rnn
"""

import sys
from pathlib import Path

from recurra import inside
from recurra.inside import Memory
from recurra.tasks import language


def curves(runs: list[str], text: str, lags: int = 100) -> dict[str, Memory]:
    """For each run, by its cell, units and number of weights, what `inside.memory` finds on a text."""
    found = {}
    for run in runs:
        model = language.load(run)
        config, size = model.config, sum(p.numel() for p in model.parameters())
        found[f"{config.cell}, {config.hidden_size} units, {size:,} parameters"] = inside.memory(model, text, lags)
    return found


def draw(path: str, found: dict[str, Memory]) -> None:
    """The picture in the guide's page on looking inside."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4))
    for name, memory in found.items():
        axes.semilogy(memory.norms, label=name)
    axes.set(xlabel="lag k, characters back from the predicted one", ylabel="gradient norm, relative to lag 0")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    picture, text, *runs = sys.argv[1:]
    draw(picture, curves(runs, Path(text).read_text("utf-8")))
