"""What a notebook shows of a fit beside the lines: the curve, drawn again at each evaluation."""

import sys
from collections.abc import Callable
from typing import Any

from recurra.fitting.history import History


def inside() -> bool:
    """Whether this runs in a notebook's kernel."""
    shell = sys.modules.get("IPython") and sys.modules["IPython"].get_ipython()
    return bool(shell) and hasattr(shell, "kernel")


def curve() -> Callable[[dict[str, Any]], None]:
    """A listener that shows the losses so far as one picture, which changes in place."""
    from IPython.display import display

    seen, shown = History(), []

    def listen(event: dict[str, Any]) -> None:
        if event["event"] != "evaluate":
            return
        seen.append(event)
        if shown:
            shown[0].update(seen)
        else:
            shown.append(display(seen, display_id=True))

    return listen
