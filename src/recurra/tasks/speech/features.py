"""Log-mel features: how loud each band of the voice is, a hundred times a second."""

import numpy as np

from recurra.config import whole
from recurra.errors import ConfigError, ShapeError, setting
from recurra.tasks.speech.sound import check_rate, need

FLOOR = -5.0
EMPTY = float(np.log(np.finfo(np.float32).eps))  # of a band in which nothing is
TAIL = 0.3  # seconds of silence after every recording: a model that reads forward can then hear out the last word


class LogMel:
    """Samples → frames of log-mel energies, block by block: `LogMel(16000, 40).feed(samples)` is (frames, 40) float32.

    rate: samples a second. mels: bands, from 20 Hz to half the rate. A frame covers 25 ms under a Povey window, and one
    starts every 10 ms; only whole frames are given. kaldi-native-fbank computes them, without dither, so that the same
    sound always gives the same numbers.
    """

    def __init__(self, rate: int, mels: int):
        check_rate(rate)
        mels = whole("mels", mels, "a whole number of bands, 3 or more", 3)
        knf = need("kaldi_native_fbank")
        options = knf.FbankOptions()
        options.frame_opts.samp_freq = rate
        options.frame_opts.dither = 0
        options.mel_opts.num_bins = mels
        try:
            self._online = knf.OnlineFbank(options)
        except ValueError as error:  # how many there can be follows from the width of a frame's spectrum
            raise ConfigError(
                f"{setting('mels')} is {mels}, too many for {rate:,} samples a second; give fewer"
            ) from error
        self.rate, self.mels, self._given = rate, mels, 0

    def feed(self, samples: np.ndarray) -> np.ndarray:
        """The frames that these samples complete: (frames, mels), maybe none."""
        if np.ndim(samples) != 1:
            raise ShapeError(f"the samples are {np.shape(samples)}; expected (samples,), one channel")
        if len(samples):
            # As 16-bit integers, Kaldi's own scale: on that of floats the energies of a quiet voice would be cut at EMPTY.
            self._online.accept_waveform(self.rate, np.asarray(samples, np.float32) * np.float32(2**15))
        ready = range(self._given, self._online.num_frames_ready)
        frames = np.empty((len(ready), self.mels), np.float32)
        for row, number in enumerate(ready):
            frames[row] = self._online.get_frame(number)
        self._online.pop(len(ready))  # or an hour of frames would be kept
        self._given = ready.stop
        return frames


def frames_of(samples: np.ndarray, rate: int, mels: int) -> np.ndarray:
    """The frames of one whole recording and its tail: (frames, mels)."""
    return LogMel(rate, mels).feed(np.concatenate([samples, tail(rate)]))


def tail(rate: int) -> np.ndarray:
    """The silence that follows every recording: (samples,) float32."""
    return np.zeros(int(TAIL * rate), np.float32)


def standardised(frames: np.ndarray, heard: int) -> np.ndarray:
    """Each band brought to mean 0 and standard deviation 1 over the frames that were heard, the first so many of them.

    The silent tail may lie far below all of them; nothing goes below FLOOR standard deviations.
    """
    if not heard:
        return np.zeros_like(frames)
    mean, std = frames[:heard].mean(0, dtype=np.float64), frames[:heard].std(0, dtype=np.float64)
    return np.maximum((frames - mean) / np.maximum(std, 1e-3), FLOOR).astype(np.float32)


def count(samples: int, rate: int) -> int:
    """Whole frames in so many samples."""
    frame, shift = spans(rate)
    return max(0, 1 + (samples - frame) // shift)


def spans(rate: int) -> tuple[int, int]:
    """How long a frame is, and from one to the next, in samples: 25 and 10 ms without the part of a sample, as they are cut."""
    return rate * 25 // 1000, rate * 10 // 1000
