"""Sounds of one tone."""

import numpy as np


def tone(rate, height, seconds=0.5):
    return np.sin(2 * np.pi * height * np.arange(int(rate * seconds)) / rate).astype(np.float32)
