"""Tables at random, as people have them: names, stamps, frequencies, gaps, scales and encodings; and what is right for each.

table = random_table(random.Random(3))      frames and files of known rows, and of the rows that come next
table.settings                              what a forecaster has to be given for it
problems(table, folder)                     what a forecaster does with it that is not right, in lines
"""

import calendar
import datetime
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa

from recurra.tasks.forecasting import Forecaster
from recurra.tasks.forecasting.series import frames

TINY = {"horizon": 3, "preset": "tiny", "input_size": 6, "epochs": 1, "epoch_steps": 3, "season": 4}
TEXTS = ["001", "007", "1.10", "true", "1e5", "NA", "b", "Zürich", "2024-01-01", "-1", " x"]
COLUMNS = ["value", "001", "1.10", "true", "sales (€)", "Passengers"]
FREQUENCIES = [
    "D",
    "B",
    "h",
    "15min",
    "100ms",
    "W-MON",
    "W-SUN",
    "MS",
    "ME",
    "QS-OCT",
    "QE-NOV",
    "YS",
    "BME",
    "2D",
    "1",
    "7",
]
WEEKS = ["Sun Mon Tue Wed Thu", "Mon Tue Wed Thu Fri Sat"]
DAYS = [("MS", 30, 1), ("MS", 15, 1), ("QS", 31, 3), ("YS", 29, 12), ("2MS", 30, 2)]
SHAPES = ["wave", "far", "stops", "constant", "rounded", "zero"]
FORMS = ["pandas", "polars", "pyarrow", "index", "csv", "spreadsheet", "parquet"]
TEXT = ("csv", "spreadsheet")


@dataclass
class Table:
    """Series in one frame, each with the rows that come next."""

    frame: pd.DataFrame
    """The known rows, in any order."""
    ahead: pd.DataFrame
    """The next rows of each series, as many as the horizon and one more."""
    settings: dict[str, Any]
    form: str
    about: str
    """What was drawn, for a message."""

    def scaled(self, unit: float) -> "Table":
        """The same in another unit."""
        target = self.settings["target_col"]
        frames_ = (one.assign(**{target: one[target] * unit}) for one in (self.frame, self.ahead))
        return replace(self, frame=next(frames_), ahead=next(frames_))


def random_table(random: Random) -> Table:
    """A table, and what was drawn for it."""
    columns = random.sample(COLUMNS, 3)
    time_col, target_col, price = ("ds", "y", "price") if random.random() < 0.4 else columns
    kind = random.choice(["none", "text", "text", "number", "two"])
    form = random.choice(FORMS)
    if form == "index" and kind == "two":
        form = "pandas"
    stamps, freq, zone = _stamps(random, form)
    if form == "spreadsheet" and getattr(stamps, "microsecond", np.zeros(1)).any():
        form = "csv"  # which knows parts of a second
    steps, parts, ahead = len(stamps) - 20, [], []
    names = _names(random, kind)
    shapes = [random.choice(SHAPES) for _ in names]
    gaps = random.random() < 0.5
    for name, shape in zip(names, shapes, strict=True):
        start = random.randrange(0, 12) if len(names) > 1 else 0
        length = random.randrange(30, steps - start + 1)
        y, where = _values(random, shape, length + 4), np.arange(start, start + length + 4)
        rows = pd.DataFrame({**name, time_col: stamps[where], target_col: y, price: np.full(len(where), 1.1)})
        known = rows[:length]
        if gaps:
            inside = random.sample(range(2, length - 3), random.randrange(0, 4))
            known = known.drop(index=[known.index[k] for k in inside])
        parts.append(known)
        ahead.append(rows[length:])
    frame = (
        pd.concat(parts, ignore_index=True).sample(frac=1.0, random_state=random.randrange(1000)).reset_index(drop=True)
    )
    settings = {"time_col": time_col, "target_col": target_col, "future": (price,), "freq": freq}
    settings["id_col"] = tuple(names[0]) or ("unique_id",)
    settings["fill"] = random.choice(["forward", "linear", "zero"])
    about = f"{form}, {freq or 'found'}{zone and ' ' + zone}, {stamps[:2].tolist()}, names {kind}, {shapes}, {settings}"
    return Table(frame, pd.concat(ahead, ignore_index=True), settings, form, about)


def _names(random: Random, kind: str) -> list[dict[str, Any]]:
    """The columns that name each of some series."""
    if kind == "none":
        return [{}]
    count = random.randrange(1, 4)
    if kind == "text":
        return [{"unique_id": name} for name in random.sample(TEXTS, count)]
    if kind == "number":
        return [{"unique_id": name} for name in random.sample([1, 2, 10, 77], count)]
    pairs = [(shop, item) for shop in ("001", "b") for item in (1, 20)]
    return [{"shop": shop, "item": item} for shop, item in random.sample(pairs, count)]


def _stamps(random: Random, form: str) -> tuple[np.ndarray | pd.Index, Any, str]:
    """More stamps than a series needs, the frequency to give (None: it is found), and the time zone."""
    count, zone = 80, ""
    if random.random() < 0.3:
        freq, day, months = random.choice(DAYS)
        first = random.randrange(12)
        made = pd.DatetimeIndex([_on_day(first + k * months, day) for k in range(count)])
        return made, random.choice([None, freq]), zone
    freq = random.choice(FREQUENCIES + WEEKS)
    if freq.isdigit():
        return np.arange(count) * int(freq) + 5, random.choice([None, int(freq)]), zone
    offset = pd.offsets.CustomBusinessDay(weekmask=freq) if freq in WEEKS else freq
    clock = random.choice(["", " 16:30"]) if freq not in ("h", "15min", "100ms") else ""
    made = pd.date_range(f"202{random.randrange(4)}-0{random.randrange(1, 9)}-01{clock}", periods=count, freq=offset)
    # A week's days are known where the series shows each of them often enough; the rest is found in 30 rows.
    made = made.as_unit(random.choice(["ns", "us"]) if freq != "100ms" else "ns")
    if random.random() < 0.2 and form not in TEXT:
        zone = random.choice(["UTC", "America/New_York"])
        made = (
            made.tz_localize(zone) if zone == "UTC" or freq not in ("h", "15min", "100ms") else made.tz_localize("UTC")
        )
        zone = str(made.tz)
    return made, random.choice([None, None, freq]), zone


def _on_day(months: int, day: int) -> datetime.datetime:
    year, month = 2016 + months // 12, months % 12 + 1
    return datetime.datetime(year, month, min(day, calendar.monthrange(year, month)[1]))


def _values(random: Random, shape: str, length: int) -> np.ndarray:
    t, noise = np.arange(length), np.random.default_rng(random.randrange(1000)).normal(size=length)
    wave = 5 + np.sin(t / 2) + 0.1 * noise
    return {
        "wave": wave,
        "far": 1e5 + wave,
        "stops": np.where(t < length // 2, wave, 0.0),
        "constant": np.full(length, 7.1),
        "rounded": np.where(t % 3, 0.3, 0.1 + 0.2),
        "zero": np.zeros(length),
    }[shape]


# What a forecaster does with it


def given(frame: pd.DataFrame, table: Table, path: Path) -> Any:
    """A frame in the form of the table: of another library, in the index of pandas, or out of a file."""
    ids = [name for name in table.settings["id_col"] if name in frame]
    if table.form == "index":
        return frame.set_index([*ids, table.settings["time_col"]])
    if table.form == "csv":
        frame.to_csv(path.with_suffix(".csv"), index=False)
        return frames.load(path.with_suffix(".csv"))
    if table.form == "spreadsheet":
        # As one in German or French saves it.
        clock = {"date_format": "%d.%m.%Y %H:%M:%S"}
        frame.to_csv(path.with_suffix(".csv"), index=False, sep=";", decimal=",", encoding="utf-16", **clock)
        return frames.load(path.with_suffix(".csv"))
    if table.form == "parquet":
        frame.to_parquet(path.with_suffix(".parquet"), index=False)
        return frames.load(path.with_suffix(".parquet"))
    return {"pandas": lambda: frame, "polars": lambda: pl.from_pandas(frame)}.get(
        table.form, lambda: pa.Table.from_pandas(frame, preserve_index=False)
    )()


def problems(table: Table, folder: Path, unit: float) -> list[str]:
    """What is not right, in lines: names, stamps, units, what a constant does, and all of it after an update and from disk."""
    try:
        return [f"{problem}   {table.about}" for problem in _problems(table, folder, unit)]
    except Exception as error:  # a table that cannot be read is a problem too
        return [f"{type(error).__name__}: {' '.join(str(error).split())[:160]}   {table.about}"]


def _problems(table: Table, folder: Path, unit: float) -> list[str]:
    settings, path, found = table.settings, folder / "table", []
    ids, time, price = (
        [name for name in settings["id_col"] if name in table.frame],
        settings["time_col"],
        settings["future"][0],
    )
    series = table.ahead.groupby(ids, sort=False) if ids else [((), table.ahead)]
    # A row of each to come, and the three after it.
    first, rest = (pd.concat([part.iloc[rows] for _, part in series]) for rows in (slice(0, 3), slice(1, 4)))
    new = pd.concat([part.iloc[:1] for _, part in series])

    def forecasts(model: Forecaster, rows: pd.DataFrame, moved: float = 0.0) -> pd.DataFrame:
        ahead = given(rows.assign(**{price: rows[price] + moved}).drop(columns=settings["target_col"]), table, path)
        frame = model.predict(future=ahead)
        frame = frame.to_pandas() if hasattr(frame, "to_pandas") else frame
        return frame.sort_values([*ids, time], kind="stable") if ids else frame

    def compare(frame: pd.DataFrame, rows: pd.DataFrame, what: str) -> None:
        want = rows if table.form not in TEXT else rows.astype(dict.fromkeys(ids, str))
        want = want.sort_values([*ids, time], kind="stable") if ids else want
        for name in ids:
            if frame[name].tolist() != want[name].tolist():
                found.append(f"{what}: names {sorted(set(frame[name]))[:3]} for {sorted(set(want[name]))[:3]}")
        got = frame[time] if table.frame[time].dtype.kind == "i" else pd.to_datetime(frame[time])
        if [str(one) for one in got] != [str(one) for one in want[time]]:
            found.append(f"{what}: stamps {list(map(str, got[:3]))} for {list(map(str, want[time][:3]))}")

    model = Forecaster(**TINY, **settings).fit(given(table.frame, table, path), quiet=True)
    one = forecasts(model, first)
    compare(one, first, "forecast")
    size = np.abs(table.frame[settings["target_col"]]).max()
    moved = forecasts(model, first, 0.1)
    if not np.allclose(moved["forecast"], one["forecast"], rtol=1e-6, atol=1e-9 * size):
        found.append(
            f"a constant that moved: {np.abs(moved['forecast']).max():.3g} for {np.abs(one['forecast']).max():.3g}"
        )
    other = table.scaled(unit)
    larger = forecasts(Forecaster(**TINY, **settings).fit(given(other.frame, other, path), quiet=True), first)
    for name in ("forecast", "q0.1", "q0.9"):
        if not np.allclose(larger[name] / unit, one[name], rtol=1e-5, atol=1e-5 * size):
            found.append(f"in units of {unit:g}: {name} {larger[name].iloc[0] / unit:.4g} for {one[name].iloc[0]:.4g}")
    model.save(folder / "run")
    again = Forecaster.load(folder / "run")
    again.update(given(new, table, path))
    compare(forecasts(again, rest), rest, "after an update of a stored run")
    return found
