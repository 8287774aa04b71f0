"""A live microphone as pieces of sound."""

from collections.abc import Iterator

import numpy as np

from recurra.errors import ConfigError, RunError

PIECE = 0.1  # seconds


def microphone(rate: int) -> Iterator[np.ndarray]:
    """What the default microphone hears from now on, without end: pieces (samples,) float32, `rate` samples a second.

    ConfigError if the package sounddevice or its library is missing, RunError if there is no microphone.
    """
    try:
        import sounddevice
    except ImportError as error:
        raise ConfigError(
            "the microphone needs sounddevice, which is missing. Install it: pip install 'recurra[microphone]'"
        ) from error
    except OSError as error:  # sounddevice is there, but not what it stands on
        raise ConfigError(f"the microphone needs the library PortAudio, which is missing: {error}") from error
    return _pieces(sounddevice, rate)


def _pieces(sounddevice, rate: int) -> Iterator[np.ndarray]:
    try:
        with sounddevice.InputStream(samplerate=rate, channels=1, dtype="float32") as source:
            while True:
                piece, _ = source.read(int(PIECE * rate))
                yield piece[:, 0]
    except sounddevice.PortAudioError as error:
        raise RunError(f"the microphone cannot be read: {error}") from error
