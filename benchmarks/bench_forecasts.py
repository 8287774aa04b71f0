"""Forecasts by default settings on series nobody tuned for, beside statsforecast's AutoETS, Theta and seasonal naive.

The sets come from packages (statsmodels, sktime, pmdarima), two are made. Which half chooses the defaults and which half
reports was written down before the first run: CHOOSE and REPORT. MORE came later: what is tried is tried on these too. Peers
are refitted before every window, Recurra is fitted once.

    python benchmarks/bench_forecasts.py --peer-python PATH     a Python with those packages and statsforecast
    python benchmarks/bench_forecasts.py --neural kept.json     beside what neural_peers.py found, too
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np

# set: horizon, windows, season. One series or several of one set; years and quarters count as whole numbers.
CHOOSE = {
    "airline": (12, 2, 12),
    "co2, monthly": (12, 4, 12),
    "macrodata, quarterly": (8, 3, 4),
    "nile, yearly": (6, 4, 1),
    "shampoo, monthly": (6, 2, 12),
    "demand, made, a": (28, 2, 7),
}
REPORT = {
    "prescriptions, monthly": (12, 4, 12),
    "lynx, yearly": (8, 3, 1),
    "sunspots, yearly": (10, 4, 1),
    "el nino, monthly": (12, 4, 12),
    "consumption, quarterly": (8, 3, 4),
    "economy, quarterly rates": (8, 3, 4),
    "demand, made, b": (28, 2, 7),
}
MORE = {
    "beer, quarterly": (8, 3, 4),
    "residents, quarterly": (8, 2, 4),
    "heart rate": (12, 3, 1),
    "wine, monthly": (12, 3, 12),
    "wool, quarterly": (8, 3, 4),
    "money, quarterly": (8, 2, 4),
    "interest, quarterly": (8, 3, 4),
    "copper, yearly": (4, 2, 1),
}
HALVES = {"choose": CHOOSE, "report": REPORT, "more": MORE}
SETS = CHOOSE | REPORT | MORE
COUNTS = ("demand, made, a", "demand, made, b")


def demand(seed: int) -> dict[str, list[float]]:
    """60 series of 200 days, most of them zeros."""
    rng, found = np.random.default_rng(seed), {}
    for k in range(60):
        rate, size = rng.uniform(0.05, 0.35), rng.uniform(1, 4)
        week = np.tile(rng.uniform(0.5, 1.5, 7), 29)[:200]
        found[f"s{k}"] = (rng.random(200) < rate * week).astype(float) * (1 + rng.poisson(size - 1, 200))
    return {name: values.tolist() for name, values in found.items()}


def from_packages() -> dict[str, dict[str, list[float]]]:
    """Every set as series by name. Run in a Python that has the packages."""
    import pandas as pd
    import pmdarima.datasets as pmdarima
    import sktime.datasets as sktime
    import statsmodels.api as sm

    def of(series) -> dict[str, list[float]]:
        return {"y": np.asarray(series, float).tolist()}

    def several(frame) -> dict[str, list[float]]:
        return {str(name): frame[name].astype(float).tolist() for name in frame}

    data = {
        name: getattr(sm.datasets, name).load_pandas().data
        for name in ("co2", "elnino", "nile", "sunspots", "macrodata", "danish_data", "interest_inflation", "copper")
    }
    co2 = data["co2"].set_index(pd.DatetimeIndex(data["co2"].index)).co2.resample("MS").mean().interpolate()
    macro = ("realgdp", "realcons", "realinv", "realgovt", "realdpi", "cpi", "m1", "pop")
    target, exogenous = sktime.load_uschange()
    rates = ("tbilrate", "unemp", "infl", "realint")
    return {
        "airline": of(sktime.load_airline()),
        "co2, monthly": of(co2),
        "macrodata, quarterly": {name: data["macrodata"][name].tolist() for name in macro},
        "nile, yearly": of(data["nile"].volume),
        "shampoo, monthly": of(sktime.load_shampoo_sales()),
        "demand, made, a": demand(1),
        "prescriptions, monthly": of(sktime.load_PBS_dataset()),
        "lynx, yearly": of(sktime.load_lynx()),
        "sunspots, yearly": of(data["sunspots"].SUNACTIVITY),
        "el nino, monthly": of(data["elnino"].drop(columns="YEAR").to_numpy().reshape(-1)),
        "consumption, quarterly": {"y": target.tolist()} | {name: exogenous[name].tolist() for name in exogenous},
        "economy, quarterly rates": {name: data["macrodata"][name].tolist() for name in rates},
        "demand, made, b": demand(2),
        "beer, quarterly": of(pmdarima.load_ausbeer()[:-1]),  # the last one is missing
        "residents, quarterly": of(pmdarima.load_austres()),
        "heart rate": of(pmdarima.load_heartrate()),
        "wine, monthly": of(pmdarima.load_wineind()),
        "wool, quarterly": of(pmdarima.load_woolyrnq()),
        "money, quarterly": several(data["danish_data"].select_dtypes("number")),
        "interest, quarterly": several(data["interest_inflation"][["Dp", "R"]]),
        "copper, yearly": several(data["copper"].drop(columns="TIME")),
    }


def cuts(length: int, horizon: int, windows: int) -> list[int]:
    return [length - horizon * (windows - k) for k in range(windows)]


def peers(to: Path) -> None:
    """Write the series and the peers' forecasts of every window: {set: {"series": …, model: [[point, low, high] …]}}."""
    import pandas as pd
    from statsforecast import StatsForecast
    from statsforecast.models import AutoETS, AutoTheta, CrostonSBA, SeasonalNaive

    found = {}
    for name, series in from_packages().items():
        horizon, windows, season = SETS[name]
        models = [AutoETS(season_length=season), AutoTheta(season_length=season), SeasonalNaive(season_length=season)]
        models = [CrostonSBA(), SeasonalNaive(season_length=season)] if name in COUNTS else models
        rows, began = [], time.perf_counter()
        for k in range(windows):
            for one, values in series.items():
                cut = cuts(len(values), horizon, windows)[k]
                rows.append(pd.DataFrame({"unique_id": f"{one}/{k}", "ds": np.arange(cut), "y": values[:cut]}))
        made = StatsForecast(models=models, freq=1, n_jobs=1).forecast(
            df=pd.concat(rows), h=horizon, **({} if name in COUNTS else {"level": [80]})
        )
        seconds = time.perf_counter() - began
        out = {"series": series, "seconds": seconds}
        for model in [str(one) for one in models]:
            by_name = dict(list(made.groupby("unique_id")))
            out[model] = [
                [
                    by_name[f"{one}/{k}"][column].tolist() if column in made else [float("nan")] * horizon
                    for column in (model, f"{model}-lo-80", f"{model}-hi-80")
                ]
                for one in series
                for k in range(windows)
            ]
        found[name] = out
        print(f"{name}: peers in {seconds:.1f} s", file=sys.stderr, flush=True)
    to.write_text(json.dumps(found))


def ours(name: str, series: dict[str, list[float]], seed: int, **settings) -> tuple[list, float]:
    """The same of Recurra's default: fitted once before the first window."""
    import polars

    from recurra.tasks.forecasting import Forecaster

    horizon, windows, season = SETS[name]
    rows = [
        polars.DataFrame({"unique_id": one, "ds": np.arange(len(values)), "y": values})
        for one, values in series.items()
    ]
    more = {"season": season} if season > 1 else {}
    began = time.process_time()
    model = Forecaster(horizon=horizon, seed=seed, **more, **settings)
    cv = model.cross_validate(polars.concat(rows), windows=windows, quiet=True)
    seconds = time.process_time() - began
    parts = cv.sort("ds").partition_by("unique_id", "cutoff", as_dict=True)
    names = ("forecast", "q0.1", "q0.9")
    found = [
        [parts[one, cut - 1][c].to_list() if c in cv.columns else [float("nan")] * horizon for c in names]
        for one, values in series.items()
        for cut in cuts(len(values), horizon, windows)
    ]
    return found, seconds


def measures(name: str, series: dict[str, list[float]], made: list) -> dict[str, float]:
    """MASE (mean over windows), the part inside the 80 % interval, and the sum of forecasts over the sum of values."""
    horizon, windows, season = SETS[name]
    mase, inside, total, truth = [], [], 0.0, 0.0
    for j, values in enumerate(series.values()):
        y = np.array(values)
        for k, cut in enumerate(cuts(len(y), horizon, windows)):
            point, low, high = (np.array(part) for part in made[j * windows + k])
            real, first = y[cut : cut + horizon], y[: cuts(len(y), horizon, windows)[0]]
            scale = np.abs(first[season:] - first[:-season]).mean()
            if scale > 0:
                mase.append(np.abs(point - real).mean() / scale)
            inside += ((low <= real) & (real <= high)).tolist() if np.isfinite(low).all() else []
            total, truth = total + point.sum(), truth + real.sum()
    return {
        "mase": float(np.mean(mase)),
        "inside": float(np.mean(inside)) if inside else float("nan"),
        "points": len(inside),
        "sum": total / truth,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--peer-python", help="a Python with statsmodels, sktime, pmdarima and statsforecast")
    parser.add_argument("--kept", type=Path, help="a file of the peers' forecasts, made if it is not there")
    parser.add_argument("--neural", type=Path, action="append", default=[], help="a file of neural_peers.py's")
    parser.add_argument("--sets", type=Path, help="write the sets for neural_peers.py, and stop")
    parser.add_argument("--half", choices=HALVES, default="report")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", help="one set")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    if options.peers:
        peers(options.peers)
        return
    with tempfile.TemporaryDirectory() as folder:
        kept = options.kept or Path(folder) / "peers.json"
        if not kept.exists():
            subprocess.run([options.peer_python, __file__, "--peers", str(kept)], check=True)
        found = json.loads(kept.read_text())
    half = HALVES[options.half]
    if options.sets:
        names = ("horizon", "windows", "season")
        sets = {name: dict(zip(names, SETS[name], strict=True)) | {"series": found[name]["series"]} for name in half}
        options.sets.write_text(json.dumps(sets))
        return
    neural = [json.loads(path.read_text()) for path in options.neural]
    print("| set | series | model | MASE | inside 80 % | sum | CPU s |\n|---|--:|---|--:|--:|--:|--:|")
    all_inside, gaps = [], []
    for name in half:
        if options.only and name != options.only:
            continue
        series = found[name]["series"]
        rows = {
            model: measures(name, series, made)
            for model, made in found[name].items()
            if model not in ("series", "seconds")
        }
        others = {f"neuralforecast's {kind}": one for each in neural for kind, one in each.get(name, {}).items()}
        rows |= {kind: measures(name, series, one["made"]) for kind, one in others.items()}
        runs = [ours(name, series, seed) for seed in range(1, options.seeds + 1)]
        each = [measures(name, series, made) for made, *_ in runs]
        mean = {key: float(np.mean([one[key] for one in each])) for key in each[0]}
        seconds = float(np.mean([one[1] for one in runs]))
        all_inside.append((mean["inside"], mean["points"]))
        gaps.append(mean["mase"] / rows.get("AutoTheta", rows.get("CrostonSBA"))["mase"])
        for model, row in {"**Recurra**": mean, **rows}.items():
            time_of = others[model]["seconds"] if model in others else seconds if "Recurra" in model else None
            time_of = "" if time_of is None else f"{time_of:.1f}"
            numbers = f"{row['mase']:.3f} | {row['inside']:.0%} | {row['sum']:.2f} | {time_of}"
            print(f"| {name} | {len(series)} | {model} | {numbers} |", flush=True)
    points = sum(n for _, n in all_inside)
    pooled = sum(p * n for p, n in all_inside) / points
    print(f"\npooled coverage {pooled:.1%} of {points:.0f} points")
    print(f"MASE over Theta's (Croston's of demand), geometric mean {np.exp(np.mean(np.log(gaps))):.3f}")


if __name__ == "__main__":
    main()
