"""neuralforecast's AutoLSTM for some minutes on one series, and its forecasts of every window of test.

    python auto_lstm.py SERIES.json FOUND.json     {"ds", "y", "freq", "horizon", "windows", "minutes", "seed"}
                                                   → {"forecasts", "seconds", "fits"}

Run by `bench_tuning.py --peer-python`, in a Python that has neuralforecast and optuna. The search sees the
months or hours before the first window, and holds out their last tenth; each window is then forecast from all before it,
without a new fit.
"""

import json
import logging
import sys
import time
import warnings
from pathlib import Path

import optuna
import pandas as pd
import torch
from neuralforecast import NeuralForecast
from neuralforecast.auto import AutoLSTM
from neuralforecast.common._base_auto import OptunaOptions

warnings.simplefilter("ignore")
logging.disable(logging.WARNING)


def main() -> None:
    given = json.loads(Path(sys.argv[1]).read_text())
    torch.set_num_threads(1)
    horizon, windows = given["horizon"], given["windows"]
    frame = pd.DataFrame({"unique_id": "y", "ds": pd.to_datetime(given["ds"]), "y": given["y"]})
    known = len(frame) - horizon * windows
    began = time.perf_counter()
    model = AutoLSTM(
        h=horizon,
        backend="optuna",
        num_samples=10_000,
        time_budget=60 * given["minutes"],
        search_alg=optuna.samplers.TPESampler(seed=given["seed"]),
        # Some of the inputs that it draws are longer than a short series; such a fit fails, and the next one is tried.
        optuna_options=OptunaOptions(study_kwargs={"catch": (Exception,)}),
    )
    found = NeuralForecast(models=[model], freq=given["freq"])
    found.fit(df=frame[:known], val_size=max(horizon, known // 10))
    seconds = time.perf_counter() - began
    made = [found.predict(df=frame[: known + horizon * k])["AutoLSTM"].to_list() for k in range(windows)]
    fits = sum(trial.state.is_finished() for trial in found.models[0].results.trials)
    Path(sys.argv[2]).write_text(json.dumps({"forecasts": made, "seconds": seconds, "fits": fits}))


if __name__ == "__main__":
    main()
