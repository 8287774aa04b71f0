"""The recogniser as people use it: fit, transcribe, stream."""

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import torch

from recurra.errors import DataError, setting
from recurra.fitting import sources
from recurra.fitting.estimator import StoringEstimator
from recurra.fitting.report import compared, shortened, spread
from recurra.fitting.running import How
from recurra.fitting.split import fingerprint, held_out
from recurra.tasks.speech import corpus as recordings
from recurra.tasks.speech import words
from recurra.tasks.speech.config import CONFIGS, DEFAULTS, SCHEMA
from recurra.tasks.speech.corpus import Example, SpeechCorpus, pairs
from recurra.tasks.speech.decode import Transcript, decoder, spikes
from recurra.tasks.speech.features import LogMel, standardised, tail
from recurra.tasks.speech.levels import Levels
from recurra.tasks.speech.manifest import read_manifest
from recurra.tasks.speech.measure import character_error_rate, word_error_rate
from recurra.tasks.speech.model import SpeechModel
from recurra.tasks.speech.resample import Resampler
from recurra.tasks.speech.sound import need, read
from recurra.tasks.speech.stream import Stream, report_narrow, step_times
from recurra.tasks.speech.task import SpeechTask
from recurra.text import Vocabulary

SOME = 12
"""Held-out recordings that are kept for `report`."""


class Recordings(NamedTuple):
    """What is fitted on: pairs of a file or an array (samples,) and its text, and the arrays' samples a second."""

    examples: Sequence[Example]
    rate: int | None = None


@dataclasses.dataclass(frozen=True)
class Symbols:
    """What a recogniser learns beside its weights: the symbols that its scores stand for."""

    vocabulary: Vocabulary


class Transcriber(StoringEstimator):
    """Learns to write down what is said: `Transcriber(epochs=20).fit(examples).transcribe("a.wav")` → "one two".

    settings: any field of SpeechConfig, SpeechDataConfig and TrainingConfig. ConfigError for one that is invalid.
    """

    schema, configs, defaults = SCHEMA, CONFIGS, DEFAULTS
    command, takes = "transcribe", "examples"
    Learned = Symbols

    def fit(
        self,
        examples: Sequence[Example],
        *,
        validation_data: Sequence[Example] | None = None,
        rate: int | None = None,
        out: str | Path | None = None,
        quiet: bool | None = None,
        listeners: Iterable[Callable[[dict], None]] = (),
        stop: Callable[[], bool] | None = None,
    ) -> Self:
        """Learn from recordings and their texts: `Transcriber().fit([("a.wav", "one two"), ("b.flac", "three")])`.

        examples: pairs of a file or an array (samples,) and its text, or Recordings of them. validation_data: more of them,
        to choose the best weights by, in place of the part `validation` of the others. rate: samples a second of arrays.
        out, quiet, listeners, stop: as in `recurra.fitting.lifecycle.Lifecycle.fit`.

        Raises DataError for recordings that are unreadable or too short, RunError if files are not writable or the
        training cannot continue, Interrupted after Ctrl-C.
        """
        data = examples if isinstance(examples, Recordings) else Recordings(examples, rate)
        return self._fit(data, validation_data, How(out, quiet, listeners, stop))

    @property
    def vocabulary(self) -> Vocabulary:
        """The symbols that the model's scores stand for. NotFittedError before `fit`."""
        return self.learned.vocabulary

    # The lifecycle

    @staticmethod
    def read_files(paths: list[str]) -> Recordings:
        return Recordings([example for path in paths for example in read_manifest(path)])

    def check(self) -> None:
        for package in ("soundfile", "kaldi_native_fbank"):
            need(package)
        with torch.device("meta"):  # computes nothing; any number of symbols will do
            SpeechModel(2, self.parts["model"])

    def store(self, data: Any, validation: Any, folder: Path) -> None:
        examples, rate = data if isinstance(data, Recordings) else Recordings(data)
        examples = list(examples)
        if validation is None:
            numbers = held_out(len(examples), self.parts["data"].validation, self.parts["training"].seed)
            examples, validation = ([examples[n] for n in some] for some in numbers)
        with self.reading("reading the recordings") as report:
            recordings.build(folder, examples, list(validation), self.parts["model"].rate, rate, report)

    def stored(self, folder: Path) -> SpeechCorpus:
        return SpeechCorpus.open(folder)

    def fingerprint(self, data: SpeechCorpus) -> str:
        return fingerprint(data.sha256, data.starts, data.texts, len(data.valid))

    def settle(self, data: SpeechCorpus) -> dict[str, Any]:
        return self.parts | {"model": dataclasses.replace(self.parts["model"], rate=data.rate)}

    def learn(self, data: SpeechCorpus) -> Symbols:
        return Symbols(words.learn(data.texts, self.parts["model"].unit, self.parts["data"].join > 1))

    def network(self, parts: dict[str, Any], learned: Symbols) -> SpeechModel:
        return SpeechModel(len(learned.vocabulary), parts["model"])

    def task(self, model: SpeechModel, data: SpeechCorpus) -> SpeechTask:
        config = self.parts["model"]
        task = SpeechTask(model, self.vocabulary, data, self.parts["data"], self.parts["training"].seed)
        if not len(task.train):
            raise DataError(
                f"every recording is too short for its text: a step of {config.stack * 10} ms can hold one symbol."
                f" Try a smaller {setting('stack')}, or {setting('unit', 'word')}"
            )
        if config.normalise == "running":
            task.measure_bands()
        held = task.valid[spread(len(task.valid), SOME)].tolist()
        self._state.examples = [(data.sound(n), data.rate, data.texts[n]) for n in held]
        return task

    def notes(self, data: SpeechCorpus, task: SpeechTask) -> list[str]:
        left, minutes = task.left_out, data.lengths.sum() / data.rate / 60
        notes = [
            f"{len(task.train):,} recordings and {len(task.valid):,} for validation, {minutes:.1f} minutes in all,"
            f" {data.rate:,} samples a second, {len(task.vocabulary)} symbols"
        ]
        notes += data.notes
        if left:
            notes.append(
                f"left out: {len(left):,} recordings that are too short for their texts, such as recording {left[0]},"
                f" {data.lengths[left[0]] / data.rate:.2f} s for {data.texts[left[0]]!r}"
            )
        return notes

    def examples(self) -> list[str]:
        heard = [
            (f"{len(sound) / rate:.1f} s", self.transcribe(sound, rate=rate), text)
            for sound, rate, text in self._fitted().examples or []
        ]
        return compared((given, repr(shortened(a)), repr(shortened(b))) for given, a, b in heard)

    def _source(self) -> str | None:
        lists = sources.present(self._fitted().paths, self.folder)
        return next((str(sound) for path in lists for sound, _ in read_manifest(path) if sound.is_file()), None)

    # What a fitted one does

    def transcribe(self, sound: Any, *, rate: int | None = None, beam: int = 0) -> str:
        """The text of a recording: `transcriber.transcribe("a.wav")` → "one two".

        sound: a file, or an array (samples,) or (samples, channels) with its `rate`, samples a second. Any rate will do.
        beam: width of the prefix beam search; default 0, the likeliest symbol of each step.
        Raises DataError, in one line, for a file that is missing, no sound, empty, or cut off.
        """
        return self.transcript(sound, rate=rate, beam=beam).text

    def transcript(self, sound: Any, *, rate: int | None = None, beam: int = 0) -> Transcript:
        """The same with its words, their times, and the spikes that they were read from: a Transcript."""
        rate, blocks = read(sound, rate)
        if self.model.config.streams:
            stream = self.stream(rate, beam=beam)
            for block in blocks:
                stream.hear(block)
            stream.finish()
            return stream.transcript
        return self._whole(rate, blocks, beam)

    @torch.inference_mode()
    def _whole(self, rate: int, blocks: Iterable[np.ndarray], beam: int) -> Transcript:
        config, count = self.model.config, 0
        report_narrow(rate, config)
        resampler, features, frames = Resampler(rate, config.rate), LogMel(config.rate, config.mels), []
        for block in blocks:
            count += len(block)
            frames.append(features.feed(resampler.feed(block)))
        frames.append(features.feed(resampler.feed(np.empty(0, np.float32), last=True)))
        heard = sum(map(len, frames))
        whole = np.concatenate([*frames, features.feed(tail(config.rate))])
        levels = Levels(self.model.bands.cpu().numpy())
        levelled = levels.feed(whole, last=True)
        whole = standardised(whole, heard) if config.normalise == "file" else levelled
        reader, batch = decoder(beam), torch.from_numpy(whole)[None].to(self.model.device)
        scores, _ = self.model(batch, torch.tensor([len(whole)], device=batch.device))
        reader.feed(scores[:, 0].cpu().numpy())
        found = spikes(reader.found, self.vocabulary, step_times(config), count / rate)
        return Transcript(found, count / rate, levels.sounding(config.rate))

    def stream(self, rate: int, *, beam: int = 0) -> Stream:
        """A Stream for sound that comes in pieces, with `rate` samples a second: `stream.feed(samples)` → the text so far.

        ConfigError for a model that needs whole recordings: bidirectional, or normalised over each file.
        """
        return Stream(self.model, self.vocabulary, rate, beam)

    def evaluate(self, examples: Sequence[Example], *, rate: int | None = None, beam: int = 0) -> dict[str, float]:
        """Word and character error rates over recordings: `transcriber.evaluate(examples)["wer"]` → 0.02."""
        examples = pairs(examples)
        said = [text for _, text in examples]
        heard = [self.transcribe(sound, rate=rate, beam=beam) for sound, _ in examples]
        return {"wer": word_error_rate(said, heard), "cer": character_error_rate(said, heard)}

    def score(self, examples: Sequence[Example], *, rate: int | None = None) -> float:
        """1 - the word error rate over recordings: 1 is without an error, and many words too much make it negative."""
        return 1.0 - self.evaluate(examples, rate=rate)["wer"]

    def plot(self, sound: Any, file: str | Path | None = None, *, rate: int | None = None) -> Any:
        """The spectrogram of a recording with the spikes of its symbols over it: a matplotlib Figure.

        file: where to save it, such as "a.png". sound, rate: as in `transcribe`.
        """
        from recurra.tasks.speech.picture import draw

        return draw(self, sound, rate, file)
