"""Piano rolls as a picture: time to the right, keys upwards, a bar a note."""

from pathlib import Path
from typing import Any

from recurra.fitting import pictures
from recurra.tasks.music.form import key_name

_MOST_BARS = 64  # of a picture whose notes can still be told apart
_COLOUR = "tab:blue"


def draw(pieces: Any, path: str | Path) -> Path:
    """Draw a piece, or several one above the other: `draw({"real": a, "generated": b}, "rolls.png")`.

    path: ends in .png, .svg or .pdf. Of each piece the first 64 bars are drawn. Returns the path. ConfigError for another
    ending or a folder that is not there, RunError if it is not writable.
    """
    # Not pyplot: its state, and the choice of a window system, are the user's.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    pictures.check(path)
    if not isinstance(pieces, dict):
        pieces = {pieces.name: pieces}
    figure = Figure(figsize=(9, 2.2 + 1.8 * len(pieces)), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    for axes, (title, piece) in zip(figure.subplots(len(pieces), squeeze=False)[:, 0], pieces.items(), strict=True):
        draw_roll(axes, piece.cut(piece.form.steps(_MOST_BARS, "bars")), title)
    return pictures.write(figure, path)


def draw_roll(axes, piece: Any, title: str) -> None:
    per_bar = piece.form.steps(1, "bars")
    notes = piece.notes()
    keys = sorted({key for _, _, key in notes}) or [60]
    for key in keys:  # together: one by one, some thousands of notes take half a minute
        # A little short of its end, so that a note struck again is seen to be.
        spans = [(start / per_bar, (end - start - 0.12) / per_bar) for start, end, one in notes if one == key]
        axes.broken_barh(spans, (key - 0.4, 0.8), facecolor=_COLOUR)
    low, high = min(keys) - 2, max(keys) + 2
    named = [key for key in range(low, high + 1) if key % 12 == 0]
    axes.set_yticks(named, [key_name(key) for key in named])
    axes.set_title(title, parse_math=False)  # a name may have dollars in it
    axes.set(xlabel="bar", xlim=(0, len(piece) / per_bar), ylim=(low, high))
    bars = range(0, len(piece) // per_bar + 1, max(1, len(piece) // per_bar // 16))
    axes.set_xticks(list(bars), [str(bar + 1) for bar in bars])
    axes.grid(alpha=0.3)
    axes.set_axisbelow(True)
