"""Missing values in sequences of numbers, NaN: filled by the last value, beside a mask that reports where they were.

    gappy(X)                     the features that have any
    closed(row, masked, start)   a row without NaN, and after its features a mask of each feature in `masked`

That a value is missing may itself be a sign, such as a test that nobody ordered, which the mask lets the network learn (Lipton,
Kale & Wetzel 2016, arXiv:1606.04130; Che et al. 2018, arXiv:1606.01865). Nothing looks ahead: a gap is filled from before.
"""

import numpy as np

from recurra.errors import DataError
from recurra.tasks.sequences.rows import Rows


def gappy(X: Rows) -> np.ndarray:
    """The numbers of the features that miss a value somewhere. DataError if one of them has no value at all."""
    missing = sum(np.isnan(row).sum(0) for row in X)
    if (empty := np.flatnonzero(missing == sum(map(len, X)))).size:
        raise DataError(
            f"feature {empty[0]} of `X` is NaN at every step of the {len(X):,} sequences to learn from; leave it out"
        )
    return np.flatnonzero(missing)


def described(X: Rows, masked: np.ndarray) -> str:
    """A line about the missing values. masked: from `gappy`, one feature or more."""
    part = 100 * sum(np.isnan(row).sum() for row in X) / sum(row.size for row in X)
    return (
        f"{part:.2g} % of the numbers are missing, in {len(masked)} of {X[0].shape[1]} features: filled by the last value,"
        " beside a mask"
    )


def closed(row: np.ndarray, masked: np.ndarray, start: np.ndarray | float) -> np.ndarray:
    """(steps, features + masks) of a row (steps, features): each gap as the last value before it, or as `start`.

    masked: the numbers of the features whose masks follow, 1 where the value is missing. start: (features,) or one number.
    """
    missing = np.isnan(row)
    if missing.any():
        last = np.maximum.accumulate(np.where(missing, -1, np.arange(len(row))[:, None]))
        row = np.where(last < 0, start, np.take_along_axis(row, last.clip(0), 0)).astype(row.dtype)
    return np.concatenate([row, missing[:, masked].astype(row.dtype)], 1) if len(masked) else row
