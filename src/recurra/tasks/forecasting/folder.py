"""A forecaster's folder: where it is, and what is in it.

config.json           the settings of every part, the frequency, how covariates are scaled, the frame's form
model.safetensors     the best weights
history.safetensors   the end of each series: what the next forecast reads
state.safetensors, metrics.jsonl, loss.png             after training
"""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import torch

from recurra import tensorfiles
from recurra.errors import RunError
from recurra.fitting import folders
from recurra.tasks.forecasting.config import CONFIGS
from recurra.tasks.forecasting.series import frequency
from recurra.tasks.forecasting.series.panel import Form, Panel
from recurra.tasks.forecasting.series.windows import Unit

SCHEMA = "forecasting/1"
HISTORY = "history.safetensors"
_FORMAT = "history/1"
_ABOUT = ("freq", "held", "about", "sizes", "fingerprint", "sources")
_ARRAYS = ("offsets", "y", "seen", "past", "known")
_LATE = ("wait", "held")  # older folders have none


def write(folder: Path, parts: dict[str, Any], about: dict[str, Any], form: Form) -> None:
    """Write config.json. about: what the data said: freq, covariates, fingerprint, sources."""
    about = {name: about[name] for name in _ABOUT}
    folders.write_settings(folder, SCHEMA, parts, form=dataclasses.asdict(form), **about)


def read(folder: Path) -> tuple[dict[str, Any], dict[str, Any], Form]:
    """Settings by part, what the data said, and the frame's form. RunError where the folder is damaged."""
    parts, about = folders.read_settings(folder, SCHEMA, CONFIGS, need=CONFIGS)
    try:
        form = Form(**about.pop("form"))
        if missing := set(_ABOUT) - about.keys():
            raise KeyError(*missing)
    except (KeyError, TypeError) as error:
        raise RunError(
            f"{folder / folders.CONFIG} describes no forecaster; restore it from a copy, or train again"
        ) from error
    return parts, about, form


def write_history(folder: Path, panel: Panel, units: Unit, since: np.ndarray) -> None:
    """Write the end of each series."""
    arrays = {name: torch.from_numpy(np.ascontiguousarray(getattr(panel, name))) for name in _ARRAYS + _LATE}
    arrays |= {"first": torch.from_numpy(panel.first.astype(np.int64)), "since": torch.from_numpy(since)}
    arrays |= {name: torch.from_numpy(part) for name, part in units._asdict().items()}
    about = {
        "schema": _FORMAT,
        "freq": str(panel.freq),
        "ids": [one.item() if isinstance(one, np.generic) else one for one in panel.ids],
        "static": [[v.item() if isinstance(v, np.generic) else v for v in row] for row in panel.static],
    }
    tensorfiles.write(folder / HISTORY, arrays, about)


def read_history(folder: Path) -> tuple[Panel, Unit, np.ndarray]:
    """The end of each series, their units, and how far the state had carried on."""
    tensors, about = tensorfiles.read(folder / HISTORY, _FORMAT)
    arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
    freq = frequency.parse(about["freq"])
    first = arrays["first"] if freq.unit == "int" else arrays["first"].view("datetime64[ns]")
    panel = Panel(freq, about["ids"], first, *(arrays[name] for name in _ARRAYS), about["static"])
    panel = dataclasses.replace(panel, **{name: arrays[name] for name in _LATE if name in arrays})
    return panel, Unit(arrays["level"], arrays["size"]), arrays["since"]
