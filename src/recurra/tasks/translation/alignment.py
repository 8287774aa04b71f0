"""Which tokens of a text its translation looked at."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from recurra.errors import ConfigError, setting
from recurra.fitting import pictures


class Alignment(NamedTuple):
    """A translation and where it looked: `output, matrix, *_ = model.alignment("3 May 1987")`."""

    output: str
    matrix: np.ndarray
    """(output tokens, source tokens) float32; each row sums to 1. Without columns where the model has attention="none"."""
    target: list[str]
    """The output's tokens."""
    source: list[str]
    """The text's tokens."""

    def draw(self, path: str | Path) -> Path:
        """Write the matrix as a picture (.png, .svg, .pdf): text above, translation on the left, dark where it looked.

        ConfigError for another ending, a folder that is not there, and attention="none"; RunError if it is not writable.
        """
        from matplotlib.figure import Figure

        pictures.check(path)
        rows, columns = self.matrix.shape
        if columns < len(self.source):
            raise ConfigError(
                f"a model with {setting('attention', 'none')} looks at nothing, so there is nothing to draw"
            )
        figure = Figure(figsize=(1 + 0.28 * columns, 1 + 0.28 * rows), dpi=120, layout="constrained")
        axes = figure.subplots()
        axes.imshow(self.matrix, cmap="Blues", vmin=0, vmax=1, aspect="equal")
        axes.set_xticks(range(columns), [_visible(token) for token in self.source])
        axes.set_yticks(range(rows), [_visible(token) for token in self.target])
        axes.xaxis.tick_top()
        axes.tick_params(length=0)
        return pictures.write(figure, path)


def _visible(token: str) -> str:
    return token.replace(" ", "␣") if token.isspace() else token
