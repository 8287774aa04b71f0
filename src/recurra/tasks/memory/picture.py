"""The memory bench as a picture: for each problem the steps that each cell took to solve it, by lag."""

from collections.abc import Sequence
from pathlib import Path

from recurra.fitting import pictures
from recurra.tasks.memory.measure import Row


def draw(rows: Sequence[Row], path: str | Path) -> Path:
    """Write a picture (.png, .svg, .pdf) of what `bench` gave: a panel a problem; a cross is a run that did not solve it.

    ConfigError for another ending, or a folder that is not there; RunError if it is not writable.
    """
    from matplotlib.figure import Figure

    pictures.check(path)
    tasks, cells, lags = (list(dict.fromkeys(getattr(row, name) for row in rows)) for name in ("task", "cell", "lag"))
    columns = 2 if len(tasks) == 4 else min(3, len(tasks))
    lines = -(-len(tasks) // columns)
    figure = Figure(figsize=(1 + 3 * columns, 0.6 + 2.6 * lines), dpi=110, layout="constrained")
    panels = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False).ravel()
    most = max(1, *(row.step for row in rows))
    for axes, task in zip(panels, tasks, strict=False):
        for place, cell in enumerate(cells):
            own = [row for row in rows if (row.task, row.cell) == (task, cell)]
            # Side by side, or those that fail together would hide each other.
            shift = [lags.index(row.lag) + 0.08 * (place - (len(cells) - 1) / 2) for row in own]
            axes.plot(
                shift, [row.step if row.solved else 1.6 * most for row in own], color=f"C{place}", lw=1, alpha=0.5
            )
            for x, row in zip(shift, own, strict=True):
                height, mark = (row.step, "o") if row.solved else (1.6 * most, "x")
                axes.plot(x, height, mark, color=f"C{place}", markersize=5)
        axes.set_title(task, fontsize=10)
        axes.set_yscale("log")
        axes.set_xticks(range(len(lags)), lags)
        axes.grid(alpha=0.3)
    for axes in panels[len(tasks) :]:
        axes.set_axis_off()
    handles = [figure.axes[0].plot([], [], "o-", color=f"C{place}", label=cell)[0] for place, cell in enumerate(cells)]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(cells), frameon=False)
    figure.supylabel("steps until solved (x: not solved)", fontsize=10)
    figure.supxlabel("lag (steps)", fontsize=10)
    return pictures.write(figure, path)
