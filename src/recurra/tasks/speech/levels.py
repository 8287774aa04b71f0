"""Level and channel made harmless: each band less its running mean, which follows the sound as it comes.

    e_t = log Σ_k exp x_tk            how loud frame t is
    w_t = exp(e_t / 2)                what it counts: loud frames, mostly the voice's, decide
    E, M = Σ λ^(t-s) w_s (e_s, x_s) / Σ λ^(t-s) w_s       over the frames s ≤ t; E at least SOFTEST
    n = (Σ λ^(t-s) w_s)² / Σ λ^(2t-2s) w_s²               how many frames count
    m_t = E + b + n / (n + PRIOR) · clip(M - E - b, ±WIDEST)
    y_t = x_t - m_(t + AHEAD)                             or the last one's: a word's beginning has the level of its rest

b is how the bands lie to the level in all that was learned from; as the sound continues, its own mean takes the place of that.
Twice the amplitude adds the same to x, e, E and M, so y stays as it is, from the first frame on. What is silent counts for
nothing, however long, and is not made louder: nothing below SOFTEST is. Kaldi's online cepstral mean normalisation is such a
mean too, over a window, with all frames alike and from a mean that knows one level.
"""

import numpy as np

from recurra.tasks.speech.features import spans

AHEAD = 30  # frames, 0.3 s: as long as the silence after a recording, so that all of the sound is heard out
REACH = 1000  # frames after which one counts a third: 10 seconds
PRIOR = 50  # frames of the voice until its own mean counts as much as what was learned
SOFTEST = 7.0  # nats: the level of what 16 bits round off
WIDEST = 4.0  # nats, 17 dB: no channel that lets the voice through bends a band more, so an empty one stays empty
HUSH = 3.5  # nats, 15 dB below the level: what is softer is a pause
PAUSE = 0.2  # seconds: a shorter one is within a word
_AT_ONCE = 512  # frames: between two of them the decay is not far from 1


class Levels:
    """Frames (n, mels) of log-mel energies → the same less their running mean, block by block: `Levels(b).feed(frames)`.

    bands: (mels,) b of the equations. What is returned is AHEAD frames behind what was fed, until the last block.
    """

    def __init__(self, bands: np.ndarray):
        self.bands = np.asarray(bands, np.float64)
        self._sums, self._squares = np.zeros(2 + len(self.bands)), 0.0
        self._sounds: list[np.ndarray] = []
        self._waiting = np.empty((0, len(self.bands)), np.float32)
        self._last = np.zeros(len(self.bands))

    @property
    def mean(self) -> np.ndarray:
        """The frames' mean so far less their level, M - E: (mels,)."""
        weight, level, *bands = self._sums
        return (np.array(bands) - level) / max(weight, np.finfo(float).tiny)

    def sounding(self, rate: int) -> tuple[tuple[float, float], ...]:
        """From when to when something sounds, in seconds: frames within 15 dB of the level, and pauses of up to 0.2 s."""
        frame, shift = (samples / rate for samples in spans(rate))
        loud = np.flatnonzero(np.concatenate([np.empty(0, bool), *self._sounds]))
        if not len(loud):
            return ()
        gaps = np.flatnonzero(np.diff(loud) * shift > PAUSE)
        first, last = loud[np.r_[0, gaps + 1]], loud[np.r_[gaps, len(loud) - 1]]
        return tuple(zip((first * shift).tolist(), (last * shift + frame).tolist(), strict=True))

    def feed(self, frames: np.ndarray, last: bool = False) -> np.ndarray:
        """The frames whose mean is known now, (n, mels) float32; with `last`, all that are left."""
        parts = [self._means(frames[at : at + _AT_ONCE]) for at in range(0, len(frames), _AT_ONCE)]
        means = np.concatenate([np.empty((0, len(self.bands))), *parts])
        waiting = np.concatenate([self._waiting, frames])
        ready = len(waiting) if last else max(0, len(waiting) - AHEAD)
        if len(means):
            self._last = means[-1]
        if last:
            means = np.concatenate([means, np.repeat(self._last[None], min(AHEAD, ready), 0)])
        self._waiting = waiting[ready:]
        return (waiting[:ready] - means[len(means) - ready :]).astype(np.float32)

    def _means(self, frames: np.ndarray) -> np.ndarray:
        """m of the equations, up to each frame: (n, mels)."""
        x = frames.astype(np.float64)
        loudest = x.max(1)
        level = loudest + np.log(np.exp(x - loudest[:, None]).sum(1))
        weight = np.exp(level / 2)
        growth = np.exp(np.arange(1, len(x) + 1) / REACH)[:, None]
        terms = weight[:, None] * np.concatenate([np.ones((len(x), 1)), level[:, None], x], 1)
        sums = (self._sums + np.cumsum(terms * growth, 0)) / growth
        squares = (self._squares + np.cumsum(weight[:, None] ** 2 * growth**2, 0)) / growth**2
        self._sums, self._squares = sums[-1], squares[-1]
        running = np.maximum(sums[:, 1:2] / sums[:, :1], SOFTEST)
        count = sums[:, :1] ** 2 / squares
        bent = np.clip((sums[:, 2:] - sums[:, 1:2]) / sums[:, :1] - self.bands, -WIDEST, WIDEST)
        self._sounds.append(level > running[:, 0] - HUSH)
        return running + self.bands + count / (count + PRIOR) * bent
