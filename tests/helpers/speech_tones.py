"""A language of three words, each a tone that jumps: recordings made in code, which a small model learns in seconds."""

import numpy as np

RATE = 8000
TONES = {"low": (350, 700), "mid": (1400, 900), "high": (1800, 2700)}
SETTINGS = {
    "unit": "word",
    "mels": 20,
    "cell": "gru",
    "hidden_size": 32,
    "num_layers": 1,
    "lookahead": 4,
    "dropout": 0.0,
    "band_masks": 0,
    "time_masks": 0,
    "batch_size": 8,
    "join": 4,
    "noise": 20.0,
    "pause": 0.2,
    "lr": 2e-2,
    "average": 0.9,
    "epochs": 16,
    "device": "cpu",
}


def tone(word: str, random: np.random.Generator, rate: int = RATE) -> np.ndarray:
    """One word, 0.15 to 0.3 s long, of a random loudness and phase: (samples,) float32."""
    time = np.arange(int(random.uniform(0.15, 0.3) * rate)) / rate
    first, second = TONES[word]
    heights = np.where(np.arange(len(time)) < len(time) / 2, first, second)
    wave = np.sin(2 * np.pi * heights * time + random.uniform(0, 6)) * random.uniform(0.1, 0.5)
    return (wave * np.hanning(len(time)) ** 0.3).astype(np.float32)


def words(count: int, seed: int, rate: int = RATE) -> list[tuple[np.ndarray, str]]:
    """Recordings of single words."""
    random = np.random.default_rng(seed)
    names = list(TONES)
    return [(tone(names[k % 3], random, rate), names[k % 3]) for k in range(count)]


def sentence(text: str, seed: int, rate: int = RATE) -> np.ndarray:
    """A recording of several words with pauses and a little noise."""
    random = np.random.default_rng(seed)
    parts = [np.zeros(int(0.1 * rate), np.float32)]
    for word in text.split():
        parts += [tone(word, random, rate), np.zeros(int(random.uniform(0.1, 0.25) * rate), np.float32)]
    sound = np.concatenate(parts)
    return sound + random.normal(0, 3e-3, len(sound)).astype(np.float32)


SAID = "low high high mid low mid mid"
