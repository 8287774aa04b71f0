"""Forecasts of real series beside published figures: M4 Hourly, ETTh1, airline passengers, sunspots.

RECURRA_DATA names the folder with m4/, ett/, airline/ and sunspots/ (default ../shared/data). Settings are the same for
all horizons of a data set; the weights are picked on the part before the test part, which no fit ever reads.

    python benchmarks/bench_forecasting.py --markdown FILE        everything but the comparison, about ten minutes
    python benchmarks/bench_forecasting.py --parts m4 ett
    python benchmarks/bench_forecasting.py --parts peer --peer-python PATH     neuralforecast's LSTM, in a Python that has it
"""

import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

DATA = Path(os.environ.get("RECURRA_DATA", Path(__file__).parents[1] / "../shared/data"))
PICTURES = Path(__file__).parents[1] / "docs/pictures"
PARTS = ("m4", "ett", "airline", "sunspots", "peer")

# Competition's own sheet (Makridakis et al. 2020): sMAPE, MASE.
M4 = {"ES-RNN, the winner": (9.328, 0.893), "seasonal naive": (13.912, 1.193), "RNN benchmark": (14.698, 3.048)}
# Informer's tables (Zhou et al. 2021, arXiv:2012.07436): MSE, MAE on standardised values.
HORIZONS = (24, 48, 168, 336, 720)
LSTMA = {
    "all": ((0.650, 0.624), (0.702, 0.675), (1.212, 0.867), (1.424, 0.994), (1.960, 1.322)),
    "OT": ((0.114, 0.272), (0.193, 0.358), (0.236, 0.392), (0.590, 0.698), (0.683, 0.768)),
}
INFORMER = {"all": ((0.577, 0.549), (0.685, 0.625), (0.931, 0.752), (1.128, 0.873), (1.215, 0.896))}
DEEPAR = {"OT": ((0.107, 0.280), (0.162, 0.327), (0.239, 0.422), (0.445, 0.552), (0.658, 0.707))}

M4_SETTINGS = dict(log=True, season=24, lags=(24, 168), input_size=48, validation=48, lr=5e-3, epochs=3)
ETT_SETTINGS = dict(
    head="mean", lags=(24, 168), input_size=96, hidden_size=32, validation=2880, lr=1e-3, epochs=3, epoch_steps=100
)
WINDOW, AHEAD, ROWS, STEPS = 48, 48, 128, 500  # of the comparison: a window, windows in a step, steps


def m4_series(part: str) -> dict[str, np.ndarray]:
    with (DATA / f"m4/Hourly-{part}.csv").open() as file:
        rows = list(csv.reader(file))[1:]
    return {row[0]: np.array([float(cell) for cell in row[1:] if cell]) for row in rows}


def long(series: dict[str, np.ndarray]):
    import polars

    parts = [polars.DataFrame({"unique_id": k, "ds": np.arange(1, len(v) + 1), "y": v}) for k, v in series.items()]
    return polars.concat(parts)


def m4_scores(train: dict, test: dict, forecasts: dict[str, np.ndarray]) -> tuple[float, float]:
    """sMAPE and MASE, means over the series."""
    from recurra.tasks.forecasting import metrics

    pairs = [(metrics.smape(y, forecasts[k]), metrics.mase(y, forecasts[k], train[k], 24)) for k, y in test.items()]
    return tuple(np.mean(pairs, 0).tolist())


def by_series(found, column: str) -> dict[str, np.ndarray]:
    return {key[0]: part[column].to_numpy() for key, part in found.group_by("unique_id")}


def m4(report, options) -> None:
    from recurra.tasks.forecasting import Forecaster, metrics

    train, test = m4_series("train"), m4_series("test")
    start = time.perf_counter()
    model = Forecaster(48, 1, **M4_SETTINGS | ({"epochs": 1} if options.quick else {})).fit(long(train), quiet=True)
    minutes = (time.perf_counter() - start) / 60
    found = model.predict()
    report.say(f"M4 Hourly, 414 series, 48 steps, one model for all, seed 1: {minutes:.1f} minutes of training")
    report.table("model", "sMAPE", "MASE")
    smape, mase = m4_scores(train, test, by_series(found, "forecast"))
    report.row("recurra LSTM 64", f"{smape:.2f}", f"{mase:.3f}")
    report.row(
        "seasonal naive, here", *(f"{x:.3f}" for x in m4_scores(train, test, by_series(found, "seasonal_naive")))
    )
    for name, scores in M4.items():
        report.row(f"{name}, published", *scores)
    report.target(f"M4 Hourly sMAPE {smape:.2f}, wanted at most 12.5", smape <= 12.5)
    y = np.concatenate([test[k] for k in found["unique_id"].unique(maintain_order=True)])
    part = metrics.coverage(y, found["q0.1"].to_numpy(), found["q0.9"].to_numpy())
    report.target(
        f"80 % intervals cover {part:.1%} of the test values, wanted within 3 points", abs(part - 0.8) <= 0.03
    )
    model.plot(found, PICTURES / "forecast-m4.png", ids=["H1", "H150", "H300"], history=168)


def ett_frame(columns: list[str]):
    import polars

    table = polars.read_csv(DATA / "ett/ETTh1.csv", try_parse_dates=True)[:14400]
    x = table.select(columns).to_numpy()
    x = (x - x[:8640].mean(0)) / x[:8640].std(0)
    parts = [polars.DataFrame({"unique_id": c, "ds": table["date"], "y": x[:, k]}) for k, c in enumerate(columns)]
    return polars.concat(parts), table["date"][11520]


def ett(report, options) -> None:
    import polars

    from recurra.tasks.forecasting import Forecaster, metrics

    every = ["HUFL", "HULL", "MUFL", "MULL", "LUFL", "LULL", "OT"]
    for name, columns in (("OT", ["OT"]), ("all", every)):
        frame, test = ett_frame(columns)
        what = "OT alone" if name == "OT" else "all seven columns, one model that reads each column by itself"
        report.say(f"ETTh1, {what}; every window of the test part (stride 1), standardised values, seed 1")
        other = ("DeepAR", DEEPAR) if name == "OT" else ("Informer", INFORMER)
        report.table("steps", "MSE", "MAE", "LSTMa", other[0], "naive", "seasonal", "minutes")
        for k, horizon in enumerate(HORIZONS):
            if horizon not in (HORIZONS[:1] if options.quick else options.horizons):
                continue
            start = time.perf_counter()
            model = Forecaster(horizon, "h", **ETT_SETTINGS)
            model.fit(frame.filter(polars.col("ds") < test), quiet=True)
            minutes = (time.perf_counter() - start) / 60
            cv = model.cross_validate(frame, windows=2880 - horizon + 1, step=1, fit=False)
            y = cv["y"].to_numpy()
            errors = {c: metrics.mse(y, cv[c].to_numpy()) for c in ("forecast", "naive", "seasonal_naive")}
            mse, mae = errors["forecast"], metrics.mae(y, cv["forecast"].to_numpy())
            beside, than = LSTMA[name][k], other[1][name][k]
            shown = (f"{mse:.3f}", f"{mae:.3f}", *(" / ".join(f"{x:.3f}" for x in pair) for pair in (beside, than)))
            report.row(horizon, *shown, f"{errors['naive']:.3f}", f"{errors['seasonal_naive']:.3f}", f"{minutes:.1f}")
            for rival, pair in (("LSTMa", beside), (other[0], than)):
                met = mse < pair[0] and mae < pair[1]
                report.target(
                    f"ETTh1 {name}, {horizon} steps: {mse:.3f} / {mae:.3f}, {rival} {pair[0]} / {pair[1]}", met
                )


def classic(report, name: str, file: str, windows: int, settings: dict) -> None:
    import polars

    from recurra.tasks.forecasting import Forecaster

    frame = polars.read_csv(DATA / file)
    month, value = frame.columns
    model = Forecaster(time_col=month, target_col=value, **settings)
    start = time.perf_counter()
    cv = model.cross_validate(frame, windows=windows)
    seconds = time.perf_counter() - start
    steps = settings["horizon"]
    report.say(
        f"{name}: {windows} windows of {steps} months at the end, fitted once before them, {seconds:.0f} s, seed 1"
    )
    report.table("model", "sMAPE", "MASE", "CRPS", "80 % covers")
    table = model.score(cv, frame)
    for row in table.iter_rows(named=True):
        covers = "" if np.isnan(row["coverage"]) else f"{row['coverage']:.1%}"
        report.row(row["model"], f"{row['smape']:.2f}", f"{row['mase']:.3f}", f"{row['crps']:.2f}", covers)
    better = table["mase"][0] < min(table["mase"][1], table["mase"][2])
    report.target(f"{name}: MASE {table['mase'][0]:.3f}, wanted below both naive forecasts", better)
    model.fit(frame[: len(frame) - steps], quiet=True)
    picture = PICTURES / f"forecast-{name.split()[0]}.png"
    model.plot(cv.filter(polars.col("cutoff") == cv["cutoff"].max()), picture, history=4 * steps)


def airline(report, options) -> None:
    settings = dict(horizon=12, log=True, epochs=30, dropout=0.3)
    classic(report, "airline passengers", "airline/airline-passengers.csv", 2, settings)


def sunspots(report, options) -> None:
    settings = dict(horizon=24, season=132, lags=(132,), input_size=132, hidden_size=32, dropout=0.2, epochs=10)
    classic(report, "sunspots", "sunspots/monthly-sunspots.csv", 20, settings)


def peer(report, python: Path) -> None:
    """The same windows a step through both LSTMs: time, and the forecast after as many steps."""
    import torch

    from recurra.tasks.forecasting import Forecaster

    train, test = m4_series("train"), m4_series("test")
    with tempfile.TemporaryDirectory() as folder:
        given, taken = Path(folder, "given.json"), Path(folder, "taken.json")
        given.write_text(json.dumps({k: v.tolist() for k, v in train.items()}))
        subprocess.run([python, __file__, "--be-the-peer", given, taken, str(torch.get_num_threads())], check=True)
        other = json.loads(taken.read_text())
    settings = dict(season=24, input_size=WINDOW, batch_size=ROWS, validation=0, evaluate_every=STEPS, epochs=1)
    report.say(
        f"Both: LSTM of 64 units, windows of {WINDOW} + {AHEAD} hours, {ROWS} in a step, {STEPS} steps, the median and 80 %;"
        " nothing is held out. neuralforecast with its own defaults else, and the rate 2e-3"
    )
    report.table("model", "ms a step", "sMAPE", "MASE")
    found = {f"neuralforecast {other['version']}": (other["seconds"], {k: np.array(v) for k, v in other["y"].items()})}
    frame = long(train)
    for name, more in (("recurra", {}), ("recurra, log and lags 24, 168", {"log": True, "lags": (24, 168)})):
        times = []
        model = Forecaster(AHEAD, 1, epoch_steps=STEPS, **settings, **more)
        model.fit(frame, quiet=True, listeners=[lambda event, times=times: times.append(event.get("seconds", 0.0))])
        found[name] = max(times), by_series(model.predict(), "forecast")
    for name, (seconds, forecasts) in found.items():
        report.row(name, f"{1e3 * seconds / STEPS:.0f}", *(f"{x:.3f}" for x in m4_scores(train, test, forecasts)))


def be_the_peer(given: str, taken: str, threads: str) -> None:
    """Runs in the other Python."""
    import logging

    import neuralforecast
    import pandas
    import torch
    from neuralforecast.losses.pytorch import MQLoss
    from neuralforecast.models import LSTM

    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    torch.set_num_threads(int(threads))
    series = json.loads(Path(given).read_text())
    parts = [pandas.DataFrame({"unique_id": k, "ds": np.arange(1, len(v) + 1), "y": v}) for k, v in series.items()]
    model = LSTM(
        h=AHEAD,
        input_size=WINDOW,
        encoder_hidden_size=64,
        encoder_n_layers=1,
        loss=MQLoss(quantiles=[0.1, 0.5, 0.9]),
        learning_rate=2e-3,
        max_steps=STEPS,
        windows_batch_size=ROWS,
        random_seed=1,
        enable_progress_bar=False,
        logger=False,
        enable_checkpointing=False,
    )
    forecaster = neuralforecast.NeuralForecast([model], freq=1)
    start = time.perf_counter()
    forecaster.fit(pandas.concat(parts))
    seconds = time.perf_counter() - start
    found = forecaster.predict()
    found = found.reset_index() if "unique_id" not in found.columns else found
    median = next(c for c in found.columns if "median" in c or c.endswith("0.5"))
    y = {key: part[median].tolist() for key, part in found.groupby("unique_id")}
    Path(taken).write_text(json.dumps({"seconds": seconds, "version": neuralforecast.__version__, "y": y}))


def main() -> int:
    import torch
    from report import Report, arguments

    parser = arguments(__doc__, quick=False, threads=2)
    parser.add_argument("--horizons", nargs="+", type=int, default=HORIZONS, help=f"of ETTh1; default {HORIZONS}")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS[:-1], help="default: all but peer")
    parser.add_argument(
        "--peer-python", type=Path, metavar="PATH", help="a Python with neuralforecast, for --parts peer"
    )
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    report = Report(__doc__, options)
    report.say(f"PyTorch {torch.__version__}, {options.threads} threads")
    for part in options.parts:
        if part != "peer":
            globals()[part](report, options)
        elif options.peer_python:
            peer(report, options.peer_python)
        else:
            report.say("neuralforecast was left out: --peer-python names a Python that has it.")
    return report.end()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--be-the-peer"]:
        be_the_peer(*sys.argv[2:])
    else:
        sys.exit(main())
