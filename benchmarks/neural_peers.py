"""neuralforecast's LSTM and NHITS, by their defaults, on sets of series: forecasts of every window of test.

    python neural_peers.py SETS.json FOUND.json [LSTM]     {set: {"series", "horizon", "windows", "season"}}
                                                           → {set: {model: {"made": [[point, low, high] …], "seconds"}}}

Run by `bench_forecasts.py --neural-python`, in a Python that has neuralforecast. Each model is fitted once, before the first
window, and forecasts each window from all before it, as Recurra does. It learns the quantiles 0.1, 0.5 and 0.9.
"""

import json
import logging
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from neuralforecast import NeuralForecast
from neuralforecast.losses.pytorch import MQLoss
from neuralforecast.models import LSTM, NHITS

warnings.simplefilter("ignore")
logging.disable(logging.WARNING)
KINDS = {"LSTM": LSTM, "NHITS": NHITS}
QUIET = {"enable_progress_bar": False, "enable_model_summary": False, "logger": False, "enable_checkpointing": False}


def forecasts(kind: type, of: dict, seed: int) -> dict:
    horizon, windows = of["horizon"], of["windows"]
    length = max(2 * horizon, 3 * of["season"])
    frame = pd.concat(
        pd.DataFrame({"unique_id": name, "ds": np.arange(len(values)), "y": values})
        for name, values in of["series"].items()
    )
    first = {name: len(values) - horizon * windows for name, values in of["series"].items()}

    def until(window: int) -> pd.DataFrame:
        return frame[frame["ds"] < frame["unique_id"].map(first) + horizon * window]

    began = time.process_time()
    loss = MQLoss(quantiles=[0.1, 0.5, 0.9])
    model = kind(h=horizon, input_size=length, loss=loss, random_seed=seed, start_padding_enabled=True, **QUIET)
    found = NeuralForecast(models=[model], freq=1)
    found.fit(df=until(0))
    made = [found.predict(df=until(k)) for k in range(windows)]
    seconds = time.process_time() - began
    # What it calls a quantile follows from how the loss was made.
    ends = (("-median", "_ql0.5"), ("-lo-80.0", "_ql0.1"), ("-hi-80.0", "_ql0.9"))
    columns = [next(f"{kind.__name__}{end}" for end in one if f"{kind.__name__}{end}" in made[0]) for one in ends]
    by_window = [dict(list(one.groupby("unique_id"))) for one in made]
    rows = [
        [by_window[k][name][column].tolist() for column in columns] for name in of["series"] for k in range(windows)
    ]
    return {"made": rows, "seconds": seconds}


def main() -> None:
    torch.set_num_threads(1)
    found = {}
    for name, of in json.loads(Path(sys.argv[1]).read_text()).items():
        found[name] = {kind: forecasts(KINDS[kind], of, seed=1) for kind in sys.argv[3:] or KINDS}
        Path(sys.argv[2]).write_text(json.dumps(found))  # NHITS takes minutes a set: what is there can be used
        print(name, {kind: round(one["seconds"]) for kind, one in found[name].items()}, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
