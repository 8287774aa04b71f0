"""Numbers at mean 0 and standard deviation 1, computed in float64; what is constant but for rounding stays at 0.

mean, deviation = moments([rows])            (features,) each; a standard deviation of 0 marks a constant
standardised(rows, mean, deviation)          float32; 0 for constants, whatever they become later

A constant has no unit that anything could be measured in: dividing by 1 would depend on the unit it was written in, and
dividing by what rounding leaves makes 1e15 of the first real change. A network has learned nothing from it, so it stays
without effect.
"""

from collections.abc import Sequence

import numpy as np

_ROUNDING = 16
"""Units in the last place of the largest number, up to which differences are rounding."""


def constant(deviation: np.ndarray, largest: np.ndarray, dtype: np.dtype | type = np.float64) -> np.ndarray:
    """Where numbers differ by rounding alone. deviation, largest: standard deviation and largest magnitude of each.

    dtype: what the numbers were stored in.
    """
    kind = np.dtype(dtype)
    epsilon = np.finfo(kind if kind.kind == "f" else np.float64).eps
    return deviation <= _ROUNDING * epsilon * largest


def moments(parts: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each feature over all rows of all parts, (rows, features) each: (features,) float64.

    NaN is a missing value, and counts nowhere. The deviation of a constant is 0, and so are both where no value is.
    """
    counts = np.maximum(sum((~np.isnan(part)).sum(0) for part in parts), 1)
    mean = sum(np.nansum(part, 0, dtype=np.float64) for part in parts) / counts
    # Once more around the mean: the sum of many large numbers is rounded by more than they may differ by.
    mean = mean + sum(np.nansum(part - mean, 0, dtype=np.float64) for part in parts) / counts
    deviation = np.sqrt(sum(np.nansum(np.square(part - mean), 0, dtype=np.float64) for part in parts) / counts)
    largest = np.fmax.reduce([np.fmax.reduce(np.abs(part), 0) for part in parts], 0).astype(np.float64)
    return mean, np.where(constant(deviation, largest, parts[0].dtype), 0.0, deviation)


def standardised(rows: np.ndarray, mean: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    """(rows - mean) / deviation as float32, rounded only then; 0 where the standard deviation is. NaN stays."""
    still = np.where(np.isnan(rows), np.nan, 0.0)
    return np.where(deviation > 0, (rows - mean) / np.where(deviation > 0, deviation, 1.0), still).astype(np.float32)
