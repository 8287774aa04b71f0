"""What is done to recordings while training: joined, slower and faster, louder and softer, noisy, blanked out in places."""

from collections.abc import Sequence

import numpy as np

from recurra.tasks.speech.config import SpeechDataConfig
from recurra.tasks.speech.features import EMPTY
from recurra.tasks.speech.resample import Resampler

QUIET = 40.0  # dB that the softest noise lies below the sound
NARROWEST = 0.4  # fraction of the bands: at any rate the upper half of the frequencies is a quarter to a third of them


def join(
    sounds: Sequence[np.ndarray], rate: int, random: np.random.Generator, pause: float = 0.5, noise: float | None = None
) -> np.ndarray:
    """Recordings one after the other, with silence between and noise over all: `join([one, two], 8000, random)`.

    Half of the results begin with the first recording at once: what has always heard a silence first misses a word without.

    sounds: (samples,) each. rate: samples a second. pause: longest silence before, between and after them, in seconds.
    noise: dB that the loudest noise lies below the sound, the softest 40; None = no noise. Returns (samples,) float32.
    """
    silences = [np.zeros(int(random.uniform(0, pause) * rate), np.float32) for _ in range(len(sounds) + 1)]
    parts = silences[: random.integers(0, 2)]
    for sound, silence in zip(sounds, silences[1:], strict=True):
        parts += [sound, silence]
    return noisy(np.concatenate(parts), random, noise)


def noisy(sound: np.ndarray, random: np.random.Generator, noise: float | None) -> np.ndarray:
    """Sound with noise over it, of a colour between white and nearly brown; its power is from `noise` to 40 dB lower."""
    if noise is None or not len(sound):
        return sound
    # A power of two, since the transform of a length with large factors is slow.
    spectrum = np.fft.rfft(random.standard_normal(1 << len(sound).bit_length()))
    spectrum *= np.maximum(np.arange(len(spectrum)), len(spectrum) / 100) ** -random.uniform(0, 0.8)
    added = np.fft.irfft(spectrum)[: len(sound)]
    below = random.uniform(noise, QUIET)
    scale = np.sqrt(np.square(sound).mean() / np.square(added).mean() * 10 ** (-below / 10))
    return sound + (added * scale).astype(np.float32)


def varied(sound: np.ndarray, random: np.random.Generator, data: SpeechDataConfig) -> np.ndarray:
    """Sound played a little slower or faster, or as it is, and made a little louder or softer."""
    speed = 1000 + round(1000 * data.speed) * int(random.integers(-1, 2))
    louder = np.float32(10 ** (random.uniform(-data.gain, data.gain) / 20))
    return Resampler(speed, 1000).feed(sound, last=True) * louder


def channelled(frames: np.ndarray, random: np.random.Generator, data: SpeechDataConfig) -> np.ndarray:
    """Log-mel frames (frames, mels) as another microphone gives them: the bands tilted, and the upper ones maybe empty."""
    bands, tilt = frames.shape[1], random.uniform(-data.tilt, data.tilt)
    narrow, empty = random.random() < data.low_pass, random.uniform(0, NARROWEST)
    slope = tilt * np.log(10) / 10 * np.linspace(-0.5, 0.5, bands)  # the logarithms are natural, and of powers
    frames = np.maximum(frames + slope.astype(np.float32), np.float32(EMPTY))
    if narrow:
        frames[:, bands - round(empty * bands) :] = EMPTY
    return frames


def masked(frames: np.ndarray, random: np.random.Generator, data: SpeechDataConfig) -> np.ndarray:
    """Normalised frames (frames, mels) with some stretches of time and ranges of bands set to 0, as if never heard.

    SpecAugment (Park et al. 2019, arXiv:1904.08779), without its time warping, which they found to matter least.
    """
    frames, (steps, bands) = frames.copy(), frames.shape
    for _ in range(data.time_masks):
        width = int(random.uniform(0, data.time_mask) * steps)
        at = int(random.integers(0, steps - width + 1))
        frames[at : at + width] = 0
    for _ in range(data.band_masks):
        width = int(random.integers(0, min(data.band_mask, bands) + 1))
        at = int(random.integers(0, bands - width + 1))
        frames[:, at : at + width] = 0
    return frames
