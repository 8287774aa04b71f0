"""Settings searched for some minutes, beside the defaults, on test data that neither of them saw.

    python benchmarks/bench_tuning.py                      two sets, two seeds, five minutes each: about 25 minutes
    python benchmarks/bench_tuning.py --peer-python PATH   also neuralforecast's AutoLSTM in the same minutes, on series
    python benchmarks/bench_tuning.py --quick --trials 8   short fits, of the defaults too: to see that it works
    python benchmarks/bench_tuning.py --trials 10          by fits: whatever else the machine does, the same result

    sunspots  monthly, the last 70 years: 24 months ahead, 20 years as ten windows of test; sMAPE, less is better
    hours     the first hourly series of M4: 24 hours ahead, ten days as ten windows of test; sMAPE
    oil       the oil's temperature of ETTh1, the last 100 days: 24 hours ahead, ten days as ten windows of test; sMAPE
    vowels    Japanese vowels, 270 spoken sequences of 9 people to learn from, 370 of test; errors in percent
    words     a language model of the first 200,000 characters of Shakespeare, the next 50,000 as test; nats a character

The data come from the folder of RECURRA_DATA. The settings searched are those of each task's table; what the search holds out
of the training part chooses, and the test part is scored once, at the end.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from pairs import header
from report import Report, arguments, row_of

from recurra.data import text_document
from recurra.tasks.classification import SequenceClassifier
from recurra.tasks.classification.files import read_files
from recurra.tasks.forecasting import Forecaster, metrics
from recurra.tasks.language import LanguageEstimator

DATA = Path(os.environ.get("RECURRA_DATA", "../shared/data"))
HORIZON, WINDOWS = 24, 10


class Set(NamedTuple):
    """What is learned from, as `fit` takes it, and the score of a fitted model on the test part."""

    estimator: Callable[..., Any]
    data: tuple
    score: Callable[[Any], float]
    measure: str
    peer: Callable[[str, float, int], tuple[float, float, int]] | None = None
    """python, minutes, seed → the score of AutoLSTM on the test part, its seconds and its fits."""


def series(frame, freq: str) -> Set:
    """A set of one series; frame: a column of stamps and one of numbers."""
    import pandas as pd

    frame.columns = ["ds", "y"]
    frame["ds"] = pd.to_datetime(frame["ds"])

    def score(model: Forecaster) -> float:
        found = model.cross_validate(frame, windows=WINDOWS, h=HORIZON, fit=False, quiet=True)
        return float(model.score(found, frame)["smape"].iloc[0])

    def peer(python: str, minutes: float, seed: int) -> tuple[float, float, int]:
        given = {"ds": frame["ds"].astype(str).to_list(), "y": frame["y"].to_list(), "freq": freq}
        given |= {"horizon": HORIZON, "windows": WINDOWS, "minutes": minutes, "seed": seed}
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "series.json").write_text(json.dumps(given))
            command = [python, str(Path(__file__).parent / "auto_lstm.py"), "series.json", "found.json"]
            subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
            found = json.loads((Path(folder) / "found.json").read_text())
        truth = frame["y"].to_numpy()[-HORIZON * WINDOWS :].reshape(WINDOWS, HORIZON)
        errors = [metrics.smape(y, one) for y, one in zip(truth, found["forecasts"], strict=True)]
        return sum(errors) / WINDOWS, found["seconds"], found["fits"]

    train = frame.iloc[: -HORIZON * WINDOWS]
    return Set(lambda **settings: Forecaster(HORIZON, freq=freq, **settings), (train,), score, "sMAPE", peer)


def sunspots() -> Set:
    import pandas as pd

    return series(pd.read_csv(DATA / "sunspots" / "monthly-sunspots.csv").tail(12 * 70), "MS")


def hours() -> Set:
    import pandas as pd

    row = (DATA / "m4" / "Hourly-train.csv").read_text().splitlines()[1]
    values = [float(cell.strip('"')) for cell in row.split(",")[1:] if cell.strip('"')]
    # M4 says how far apart its values are, and not when they were.
    return series(pd.DataFrame({"ds": pd.date_range("2024-01-01", periods=len(values), freq="h"), "y": values}), "h")


def oil() -> Set:
    import pandas as pd

    return series(pd.read_csv(DATA / "ett" / "ETTh1.csv")[["date", "OT"]].tail(24 * 100), "h")


def vowels() -> Set:
    train, test = (read_files(DATA / "japanese_vowels" / f"JapaneseVowels_{part}.ts") for part in ("TRAIN", "TEST"))
    return Set(SequenceClassifier, train, lambda model: 100 * (1 - model.score(*test)), "errors %")


def words() -> Set:
    text = (DATA / "tinyshakespeare" / "input.txt").read_text("utf-8")
    train, test = text_document(text[:200_000]), text_document(text[200_000:250_000])
    return Set(LanguageEstimator, (train,), lambda model: -model.score(test), "nats")


SETS = {"sunspots": sunspots, "hours": hours, "oil": oil, "vowels": vowels, "words": words}
USUAL = ("sunspots", "vowels")
QUICK = {
    "sunspots": {"epochs": 60},
    "hours": {"epochs": 60},
    "oil": {"epochs": 10},
    "vowels": {"epochs": 8},
    "words": {"epochs": 1},
}


def main() -> None:
    parser = arguments(__doc__, quick=False, threads=1)
    parser.add_argument("rows", nargs="*", type=row_of(SETS), help=f"sets; default: {' and '.join(USUAL)}")
    parser.add_argument("--minutes", type=float, help="of each search; default 5, with --trials none")
    parser.add_argument("--trials", type=int, help="the most fits of each search")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--peer-python", help="a Python with neuralforecast and optuna")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    minutes = options.minutes or (None if options.trials else 5.0)
    report = Report(__doc__, options)
    report.say(f"{header('optuna')}; minutes {minutes}, most fits {options.trials}")
    report.table(
        "set     ",
        "measure ",
        "seed",
        "default",
        "its s",
        "tuned",
        "its s",
        "fits",
        "AutoLSTM",
        "its s",
        "fits",
        "best of ours" + " " * 100,
    )
    ahead, beside = [], []
    for name in options.rows or USUAL:
        make, data, score, measure, peer = SETS[name]()
        settings = QUICK[name] if options.quick else {}
        for seed in range(1, options.seeds + 1):
            began = time.perf_counter()
            plain = make(seed=seed, **settings).fit(*data, quiet=True)
            middle = time.perf_counter()
            with tempfile.TemporaryDirectory() as folder:
                tuned = make(seed=seed, **settings).tune(
                    *data, minutes=minutes, trials=options.trials, out=Path(folder) / "run"
                )
                ended = time.perf_counter()
                scores = score(plain), score(tuned)
            best = next(row for row in tuned.tried if row["best"])
            words = " ".join(f"{key}={value}" for key, value in best.items() if key in tuned.SEARCH)
            ahead.append(scores[1] <= scores[0])
            others = peer(options.peer_python, minutes or 5.0, seed) if peer and options.peer_python else ("", "", "")
            beside += [scores[1] <= others[0]] if others[0] else []
            report.row(
                name, measure, seed, scores[0], middle - began, scores[1], ended - middle, len(tuned.tried), *others,
                f"{best['trial']}: {words}",
            )  # fmt: skip
    rows = f"{sum(ahead)} of {len(ahead)} rows"
    report.target(
        f"tuned is level with the default or ahead in {rows} (at least 3 of 4)", sum(ahead) >= 0.75 * len(ahead)
    )
    if beside:
        report.target(f"tuned is ahead of AutoLSTM in {sum(beside)} of {len(beside)} rows (all)", all(beside))
    sys.exit(report.end())


if __name__ == "__main__":
    main()
