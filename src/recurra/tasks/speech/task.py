"""Speech as a task for the training loop: its batches, its loss, its measures."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from recurra.data import Batches, pad
from recurra.tasks.speech import mix
from recurra.tasks.speech.config import SpeechConfig, SpeechDataConfig
from recurra.tasks.speech.corpus import SpeechCorpus
from recurra.tasks.speech.decode import BLANK, Transcript, decoder, spikes
from recurra.tasks.speech.features import count, frames_of, spans, standardised, tail
from recurra.tasks.speech.levels import Levels
from recurra.tasks.speech.measure import error_rates
from recurra.tasks.speech.model import SpeechModel
from recurra.tasks.speech.words import encode
from recurra.text import Vocabulary
from recurra.training import Task, distributed

STATISTICS = 1800  # seconds of sound that the bands' means and standard deviations are measured on
ALONE = 2  # epochs before one more recording is joined
SILENT = -12.0  # nats below a band's mean, 52 dB: what lies lower is a pause
_SHOWN = 3  # validation texts that a sample shows
_VALIDATION = -1  # stands for the epoch where random choices are always the same


class SpeechBatch(NamedTuple):
    """Frames (batch, time, mels) and ids (batch, symbols), both filled up, with the lengths of each row, (batch,)."""

    frames: Tensor
    frame_lengths: Tensor
    ids: Tensor
    id_lengths: Tensor


def fits(ids: np.ndarray, samples: int, config: SpeechConfig) -> bool:
    """Whether so many samples have a step, one for each symbol of a text, and one between two that are the same."""
    steps = count(int(samples), config.rate) // config.stack
    return steps >= max(1, len(ids) + int((ids[1:] == ids[:-1]).sum()))


class SpeechTask(Task):
    """Connectionist temporal classification over recordings (see `recurra.training.Task`).

    A token of the loop is a recording, or a string of joined ones; the loss is in nats a symbol, by the mean number of
    symbols in a recording.
    """

    unit = "recordings"

    def __init__(
        self, model: SpeechModel, vocabulary: Vocabulary, corpus: SpeechCorpus, data: SpeechDataConfig, seed: int = 1
    ):
        self.model, self.vocabulary, self.corpus, self.data, self.seed = model, vocabulary, corpus, data, seed
        self.ids = [encode(vocabulary, text) for text in corpus.texts]
        self.train, self.valid = (
            np.array([n for n in part if fits(self.ids[n], corpus.lengths[n], model.config)], np.int64)
            for part in (corpus.train, corpus.valid)
        )
        self.left_out = sorted({*corpus.train, *corpus.valid} - {*self.train.tolist(), *self.valid.tolist()})
        lengths = corpus.lengths[self.train] if data.join == 1 else None
        rank, world = distributed.rank(), distributed.world()
        self.reader = Batches(len(self.train), data.batch_size, seed, lengths, rank, world)
        self.steps = len(self.reader)
        symbols = sum(len(self.ids[n]) for n in self.train) / max(1, len(self.train)) * (1 + data.join) / 2
        self.symbols = max(symbols, 1.0)  # where hardly anything is said, a mean of none would be no number

    def batch(self, epoch: int, index: int) -> SpeechBatch:
        return self._collate(
            [self._example(int(n), self.train, epoch) for n in self.train[self.reader.batch(epoch, index)]]
        )

    def loss(self, model: torch.nn.Module, batch: SpeechBatch, carry) -> tuple[Tensor, None, int]:
        scores, steps = model(batch.frames, batch.frame_lengths)
        return self._sum(scores, steps, batch) / (len(steps) * self.symbols), None, len(steps)

    def evaluate(self, model: SpeechModel) -> dict[str, float]:
        if not len(self.valid):
            return {}
        total, symbols, said, heard = 0.0, 0, [], []
        for batch, texts in self._validation():
            scores, steps = model(batch.frames, batch.frame_lengths)
            total += float(self._sum(scores, steps, batch))
            symbols += int(batch.id_lengths.sum())
            said += texts
            heard += self._read(scores, steps)
        return {"loss": total / max(symbols, 1), **error_rates(said, heard)}

    def sample(self, model: SpeechModel, seed: int) -> str | None:
        if not len(self.valid):
            return None
        batch, texts = next(self._validation())
        heard = self._read(*model(batch.frames[:_SHOWN], batch.frame_lengths[:_SHOWN]))
        return "\n".join(f"said: {a}   heard: {b}" for a, b in zip(texts, heard, strict=False))

    def measure_bands(self) -> None:
        """Set the model's `bands` and `deviation`, from what it will hear, up to half an hour of it."""
        seconds = int(self.corpus.lengths.sum()) / self.corpus.rate
        every = max(1, round(seconds * (1 + self.data.join) / 2 / STATISTICS))
        rate = self.corpus.rate
        silent = len(tail(rate)) // spans(rate)[1]
        heard = [self._heard(int(n), self.train, 0)[0][0][:-silent] for n in self.train[::every]]
        means = []
        for frames in heard:
            levels = Levels(np.zeros(self.model.config.mels))
            levels.feed(frames)
            means.append(levels.mean)
        bands = np.mean(means, 0)
        frames = np.concatenate([Levels(bands).feed(frames, last=True) for frames in heard]).astype(np.float64)
        self.model.bands.copy_(torch.from_numpy(bands))
        # Of what sounds: pauses may be digital silence, far below all of it.
        sounds = frames > SILENT
        number = np.maximum(sounds.sum(0), 1)
        mean = (frames * sounds).sum(0) / number
        std = np.sqrt(((frames - mean) ** 2 * sounds).sum(0) / number)
        self.model.deviation.copy_(torch.from_numpy(np.maximum(std, 1e-3)))

    def _example(self, number: int, others: np.ndarray, epoch: int) -> tuple[np.ndarray, list[int]]:
        """One recording's normalised frames, and the numbers of the recordings in it; blanked out in places while learning."""
        (frames, heard), numbers = self._heard(number, others, epoch)
        config = self.model.config
        if epoch != _VALIDATION:
            frames = mix.channelled(frames, np.random.default_rng((self.seed, epoch + 1, number, 2)), self.data)
        if config.normalise == "file":
            frames = standardised(frames, heard)
        else:
            frames = Levels(self.model.bands.cpu().numpy()).feed(frames, last=True)
        if epoch != _VALIDATION:
            frames = mix.masked(frames, np.random.default_rng((self.seed, epoch + 1, number, 1)), self.data)
        return frames, numbers

    def _heard(self, number: int, others: np.ndarray, epoch: int) -> tuple[tuple[np.ndarray, int], list[int]]:
        """A recording's log-mel frames, how many of them there are without the tail, and the numbers of the recordings in it.

        What is done to its sound follows from its number and the epoch alone.
        """
        data, config, learns = self.data, self.model.config, epoch != _VALIDATION
        random = np.random.default_rng((self.seed, epoch + 1, number, 0))
        numbers = [number]
        if data.join > 1:
            # The short before the long (Amodei et al. 2016), or alignment is hardly ever found.
            most = min(data.join, 1 + epoch // ALONE) if learns else data.join
            numbers += random.choice(others, int(random.integers(0, most))).tolist()
        sounds = [self.corpus.sound(n) for n in numbers]
        if learns:
            sounds = [mix.varied(sound, random, data) for sound in sounds]
        if data.join > 1:
            sound = mix.join(sounds, config.rate, random, data.pause, data.noise)
        else:
            sound = mix.noisy(sounds[0], random, data.noise)
        return (frames_of(sound, config.rate, config.mels), count(len(sound), config.rate)), numbers

    def _collate(self, examples: list[tuple[np.ndarray, list[int]]]) -> SpeechBatch:
        frames = pad([frames for frames, _ in examples])
        ids = pad([encode(self.vocabulary, self._text(numbers)) for _, numbers in examples])
        return SpeechBatch(*(part.to(self.model.device) for part in (*frames, *ids)))

    def _text(self, numbers: list[int]) -> str:
        return " ".join(text for n in numbers if (text := self.corpus.texts[n]))

    def _validation(self):
        """Batches of validation recordings and their texts."""
        size = self.data.batch_size
        for at in range(0, len(self.valid), size):
            examples = [self._example(int(n), self.valid, _VALIDATION) for n in self.valid[at : at + size]]
            yield self._collate(examples), [self._text(numbers) for _, numbers in examples]

    def _sum(self, scores: Tensor, steps: Tensor, batch: SpeechBatch) -> Tensor:
        # A joined string may by chance have fewer steps than symbols: its loss is infinite, and left out.
        return F.ctc_loss(scores, batch.ids, steps, batch.id_lengths, blank=BLANK, reduction="sum", zero_infinity=True)

    def _read(self, scores: Tensor, steps: Tensor) -> list[str]:
        texts = []
        for row, length in enumerate(steps.tolist()):
            reader = decoder(beam=0)
            reader.feed(scores[:length, row].cpu().numpy())
            texts.append(Transcript(spikes(reader.found, self.vocabulary, (0.0, 0.0), 0.0), 0.0).text)
        return texts
