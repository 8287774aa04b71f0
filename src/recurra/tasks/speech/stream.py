"""Sound as it comes → text: the same, to the bit, whatever pieces it comes in.

    stream = transcriber.stream(rate=16000)
    for samples in microphone:
        print(stream.feed(samples))          the text so far
    stream.finish()                          the whole text

Whole files are read by the same way: sound is cut into blocks of one size before anything is computed, so memory does
not grow with its length, and pieces of any size lead to the same computations.
"""

import contextlib
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from recurra.errors import ConfigError, setting
from recurra.tasks.speech.config import SpeechConfig
from recurra.tasks.speech.decode import Spike, Transcript, decoder, spikes
from recurra.tasks.speech.features import LogMel, spans, tail
from recurra.tasks.speech.levels import AHEAD, Levels
from recurra.tasks.speech.model import SpeechModel
from recurra.tasks.speech.resample import Resampler
from recurra.tasks.speech.sound import check_rate, samples
from recurra.text import Vocabulary

BLOCK = 0.32  # seconds: shorter ones would cost more for each second of sound


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Compute on one thread: the products of a third of a second are too small to share, and sharing waits for the other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class Stream:
    """A recogniser in the middle of some sound, from `Transcriber.stream`.

    model, vocabulary: what recognises. rate: samples a second of what is fed. beam: width of the search, 0 = greedy.
    Text comes up to a third of a second after the sound, and the lookahead later: `delay` seconds in all.
    """

    def __init__(self, model: SpeechModel, vocabulary: Vocabulary, rate: int, beam: int = 0):
        config = model.config
        if not config.streams:
            why = setting("bidirectional", True) if config.bidirectional else setting("normalise", "file")
            raise ConfigError(
                f"a model with {why} needs the whole recording; use transcribe, or train without it to stream"
            )
        self.rate = check_rate(rate)
        report_narrow(rate, config)
        self._model, self._vocabulary, self._decoder = model, vocabulary, decoder(beam)
        self._resampler, self._features = Resampler(self.rate, config.rate), LogMel(config.rate, config.mels)
        self._levels = Levels(model.bands.cpu().numpy())
        self._block, self._ended, self._count = round(BLOCK * self.rate), False, 0
        self._waiting: list[np.ndarray] = []
        self._waits = 0
        units = config.hidden_size
        self._frames = torch.empty(1, 0, config.mels, dtype=torch.float32, device="cpu")  # that fill no whole step yet
        self._hidden = torch.empty(
            0, 1, units, dtype=torch.float32, device=model.device
        )  # whose lookahead has not come yet
        self._state: Any = None
        self._text: str | None = ""  # None = to be read again

    @property
    def delay(self) -> float:
        """The longest time from a sound to its text, in seconds, apart from what computing takes."""
        config = self._model.config
        frame, shift = spans(config.rate)
        return BLOCK + (frame + AHEAD * shift) / config.rate + step_times(config)[0] * (1 + config.ahead)

    def feed(self, piece: Any) -> str:
        """Hear some more sound, an array of any length as `Transcriber.transcribe` takes; returns the text so far.

        With the greedy reading the text only grows; a beam search may change its end.
        """
        self.hear(samples(piece))
        return self.text

    def hear(self, piece: np.ndarray) -> None:
        """`feed` without the text, for checked samples (n,) float32."""
        if self._ended:
            raise ConfigError("the stream has ended; open a new one for new sound")
        self._waiting.append(piece)
        self._waits += len(piece)
        self._count += len(piece)
        if self._waits >= self._block:
            sound = np.concatenate(self._waiting)
            whole = len(sound) // self._block * self._block
            for at in range(0, whole, self._block):
                self._hear(sound[at : at + self._block])
            self._waiting, self._waits = [sound[whole:]], len(sound) - whole

    def finish(self) -> str:
        """End the sound: the whole text."""
        if not self._ended:
            self._hear(np.concatenate([np.empty(0, np.float32), *self._waiting]), last=True)
            self._waiting, self._ended = [], True
        return self.text

    @property
    def text(self) -> str:
        """The text so far."""
        if self._text is None:
            self._text = Transcript(self._spikes(), 0.0).text
        return self._text

    @property
    def transcript(self) -> Transcript:
        """What was heard so far, with its times."""
        return Transcript(self._spikes(), self._count / self.rate, self._levels.sounding(self._model.config.rate))

    def _spikes(self) -> tuple[Spike, ...]:
        return spikes(self._decoder.found, self._vocabulary, step_times(self._model.config), self._count / self.rate)

    @_one_thread()
    @torch.inference_mode()
    def _hear(self, sound: np.ndarray, last: bool = False) -> None:
        model, config, self._text = self._model, self._model.config, None
        sound = self._resampler.feed(sound, last)
        sound = np.concatenate([sound, tail(config.rate)]) if last else sound
        frames = torch.from_numpy(self._levels.feed(self._features.feed(sound), last))
        frames = torch.cat([self._frames, frames[None]], 1)
        whole = frames.shape[1] // config.stack * config.stack
        self._frames = frames[:, whole:]
        hidden = self._hidden
        if whole:
            new, self._state = model.recur(frames[:, :whole].to(model.device), self._state)
            hidden = torch.cat([hidden, new])
        if last:
            hidden = torch.cat([hidden, hidden.new_zeros(config.ahead, *hidden.shape[1:])])
        ready = max(0, len(hidden) - config.ahead)
        if ready:
            self._decoder.feed(model.scores(hidden)[:, 0].cpu().numpy())
        self._hidden = hidden[ready:]


def report_narrow(rate: int, config: SpeechConfig) -> None:
    """Warn of sound that has fewer samples a second than the model learned from."""
    if rate < config.rate:
        warnings.warn(
            f"the sound has {rate:,} samples a second, and the model learned at {config.rate:,}: its upper part is missing, so"
            " expect more errors",
            stacklevel=4,
        )


def step_times(config: SpeechConfig) -> tuple[float, float]:
    """Seconds from one step to the next, and to the middle of the first."""
    frame, shift = spans(config.rate)
    return config.stack * shift / config.rate, ((config.stack - 1) * shift + frame) / 2 / config.rate
