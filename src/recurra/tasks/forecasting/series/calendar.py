"""What a stamp says of itself: where it is in the minute, hour, day, week, month and year, as points on a circle."""

import numpy as np

from recurra.tasks.forecasting.series.frequency import Frequency

_DAY = 86400.0
# A circle of so many seconds matters to steps that are shorter.
_CIRCLES = {"hour": 3600.0, "day": _DAY, "week": 7 * _DAY, "month": 28 * _DAY, "year": 365 * _DAY}


def names(freq: Frequency) -> list[str]:
    """The circles that stamps of this frequency go round: names(parse("h")) → ["day", "week", "month", "year"]."""
    if freq.unit == "int":
        return []
    return [name for name, seconds in _CIRCLES.items() if freq.seconds < seconds]


def features(stamps: np.ndarray, freq: Frequency) -> np.ndarray:
    """(n, 2 circles) float32: sine and cosine of each circle's phase. stamps: (n,) datetime64[ns] or integers."""
    circles = names(freq)
    if not circles:
        return np.zeros((len(stamps), 0), np.float32)
    days = stamps.astype("datetime64[D]")
    seconds = (stamps - days).astype("timedelta64[s]").astype(np.float64)
    since = {
        "hour": seconds % 3600 / 3600,
        "day": seconds / _DAY,
        "week": (days.astype(np.int64) + 3) % 7 / 7,  # 1 January 1970 was a Thursday
        "month": _part(days, "M"),
        "year": _part(days, "Y"),
    }
    angles = 2 * np.pi * np.stack([since[name] for name in circles], 1)
    return np.concatenate([np.sin(angles), np.cos(angles)], 1).astype(np.float32)


def _part(days: np.ndarray, unit: str) -> np.ndarray:
    """How much of its month or year has passed at each day."""
    start = days.astype(f"datetime64[{unit}]")
    length = ((start + 1).astype("datetime64[D]") - start.astype("datetime64[D]")).astype(np.float64)
    return (days - start.astype("datetime64[D]")).astype(np.float64) / length
