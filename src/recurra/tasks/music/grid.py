"""On how many steps a beat notes are written down, and how many of them are lost there."""

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np

GRIDS = (4, 6, 8, 12, 16, 24, 32, 48, 96)
"""Steps a beat, coarse to fine: 6 and 12 have triplets."""

LOST = 0.02
"""Fraction of the notes that may be lost, and that may begin off a grid that fits."""

_NEAR = 0.2  # of a step: a note that begins nearer to one lies on it


class Onsets(NamedTuple):
    """When notes begin: ticks (notes,) and keys (notes,), each pair once; ticks a beat."""

    ticks: np.ndarray
    keys: np.ndarray
    ticks_per_beat: int


def choose(pieces: Sequence[Onsets]) -> int:
    """The coarsest grid on which the notes of all the pieces lie and hardly any is lost.

    Notes of free playing lie on none: then the coarsest on which hardly any is lost. Both mean at most 2 % of the notes.
    """
    counts = np.array([[_misses(piece, grid) for grid in GRIDS] for piece in pieces]).sum(0)
    lost, off = (LOST * sum(len(piece.ticks) for piece in pieces) >= counts.T).tolist()
    for fits in ([a and b for a, b in zip(lost, off, strict=True)], lost):
        if any(fits):
            return GRIDS[fits.index(True)]
    return GRIDS[-1]


def step_of(tick: int, ticks_per_beat: int, steps_per_beat: int) -> int:
    """The nearest step. Halves go up, so that equal distances stay as equal as they can."""
    return int(Fraction(tick * steps_per_beat, ticks_per_beat) + Fraction(1, 2))


def _misses(piece: Onsets, grid: int) -> tuple[int, int]:
    """How many notes are lost on a grid, as they would begin in the step and on the key of another; and how many lie off it."""
    ticks, beat = piece.ticks.astype(np.int64) * grid, piece.ticks_per_beat
    steps = (2 * ticks + beat) // (2 * beat)
    kept = np.unique(np.stack([steps, piece.keys]), axis=1).shape[1]
    return len(steps) - kept, int((np.abs(ticks - steps * beat) > _NEAR * beat).sum())
