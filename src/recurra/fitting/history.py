"""The evaluations of a fit: a list, a frame, and in a notebook the curve of the losses."""

from io import BytesIO
from typing import Any

from recurra.errors import ConfigError


class History(list):
    """What was measured, an evaluation each, in order: `model.history[-1]["validation_loss"]`, `model.history.frame()`."""

    def frame(self) -> Any:
        """A pandas DataFrame, a row an evaluation: step, epoch, seconds, losses, measures. ConfigError without pandas."""
        try:
            import pandas
        except ImportError as error:
            raise ConfigError("a frame needs pandas: pip install pandas. The list itself has the same rows") from error
        return pandas.DataFrame([{name: value for name, value in row.items() if name != "event"} for row in self])

    def figure(self) -> Any:
        """Training and validation loss against the steps, a matplotlib Figure."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=(6, 3.2), dpi=100, layout="constrained")
        axes = figure.add_subplot(xlabel="step", ylabel="loss")
        for name, key, style in (("training", "training_loss", "-"), ("validation", "validation_loss", "o-")):
            points = [(row["step"], row[key]) for row in self if isinstance(row.get(key), float)]
            if points:
                axes.plot(*zip(*points, strict=True), style, label=name, markersize=3)
        axes.grid(alpha=0.3)
        if axes.lines:
            axes.legend()
        return figure

    def _repr_png_(self) -> bytes | None:
        if not self:
            return None
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        content = BytesIO()
        FigureCanvasAgg(self.figure()).print_png(content)
        return content.getvalue()
