"""Another sampling rate: a windowed sinc at each output's place, from any rate to any other, block by block."""

import math

import numpy as np

from recurra.errors import ConfigError, ShapeError

ZEROS = 16  # zero crossings of the sinc on each side: more make the edge of the band steeper
ROLLOFF = 0.94  # the band that is kept, as a fraction of what the lower rate can hold
_AT_ONCE = 1 << 14  # outputs; each looks at a hundred inputs or so


class Resampler:
    """Bring sound from one rate to another: `Resampler(44100, 16000).feed(samples, last=True)`.

    source, target: samples a second. Pieces fed one after the other give what the whole gives, to the bit; n samples
    give ceil(n * target / source). ConfigError for rates that are no whole numbers, ShapeError for samples of several
    channels. A sinc under a Hann window (Smith, "Digital audio resampling", 1984).
    """

    def __init__(self, source: int, target: int):
        for rate in (source, target):
            if isinstance(rate, bool) or not isinstance(rate, int | np.integer) or rate < 1:
                raise ConfigError(f"{rate!r} is no sampling rate; expected whole samples a second, 1 or more")
        shared = math.gcd(source, target)
        self.up, self.down = target // shared, source // shared
        cutoff = ROLLOFF * min(1.0, target / source)  # 1 = half the source's rate
        self.reach = math.ceil(ZEROS / cutoff)  # inputs on each side of an output
        # One row a phase: the offsets that an output can have from the input before it.
        time = np.arange(-self.reach, self.reach + 1) - np.arange(self.up)[:, None] / self.up
        window = np.cos(np.clip(time * cutoff / ZEROS, -1, 1) * np.pi / 2) ** 2
        self.kernels = (cutoff * np.sinc(cutoff * time) * window).astype(np.float32)
        self.kept, self.start, self.next = np.zeros(self.reach, np.float32), -self.reach, 0

    def feed(self, samples: np.ndarray, last: bool = False) -> np.ndarray:
        """The outputs that these samples complete, (n,) float32; with `last`, all that are left."""
        samples = np.asarray(samples, np.float32)
        if samples.ndim != 1:
            raise ShapeError(f"the samples are {samples.shape}; expected (samples,), one channel at a time")
        if self.up == self.down:
            return samples
        tail = [np.zeros(self.reach, np.float32)] * last
        self.kept = np.concatenate([self.kept, samples, *tail])
        end = -(-(self.start + len(self.kept) - self.reach) * self.up // self.down)
        parts = [self._outputs(at, min(at + _AT_ONCE, end)) for at in range(self.next, end, _AT_ONCE)]
        self.next = max(self.next, end)
        done = self.next * self.down // self.up - self.reach - self.start
        self.kept, self.start = self.kept[done:], self.start + done
        return np.concatenate(parts) if parts else np.empty(0, np.float32)

    def _outputs(self, first: int, end: int) -> np.ndarray:
        places = np.arange(first, end) * self.down
        windows = np.lib.stride_tricks.sliding_window_view(self.kept, 2 * self.reach + 1)
        windows = windows[places // self.up - self.reach - self.start]
        return np.einsum("nt,nt->n", windows, self.kernels[places % self.up])
