"""Sounds of one tone."""

import wave

import numpy as np


def tone(rate, height, seconds=0.5):
    return np.sin(2 * np.pi * height * np.arange(int(rate * seconds)) / rate).astype(np.float32)


def write(path, rate=8000, height=440):
    """Half a second of a tone, as a WAV file; its path."""
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes((tone(rate, height) * 20_000).astype("<i2").tobytes())
    return path
