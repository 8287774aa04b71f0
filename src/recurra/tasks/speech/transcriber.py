"""The recogniser as people use it: fit, transcribe, stream, save and load."""

import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from recurra.errors import RunError, setting
from recurra.fitting import folders
from recurra.tasks.speech import folder as contents
from recurra.tasks.speech import runner
from recurra.tasks.speech.config import settings
from recurra.tasks.speech.corpus import Example, pairs
from recurra.tasks.speech.decode import Transcript, decoder, spikes
from recurra.tasks.speech.features import LogMel, standardised, tail
from recurra.tasks.speech.measure import character_error_rate, word_error_rate
from recurra.tasks.speech.model import SpeechModel
from recurra.tasks.speech.resample import Resampler
from recurra.tasks.speech.sound import read
from recurra.tasks.speech.stream import Stream, step_times
from recurra.text import Vocabulary
from recurra.training import Interrupted


class Transcriber:
    """Learns to write down what is said: `Transcriber(epochs=20).fit(examples).transcribe("a.wav")` → "one two".

    settings: any field of SpeechConfig, SpeechDataConfig and TrainingConfig. ConfigError for one that cannot be.
    After fitting it has `model`, `vocabulary` and `folder`, where the run is, if it was kept.
    """

    def __init__(self, **options):
        self.parts = settings(**options)
        self._model: SpeechModel | None = None
        self._vocabulary: Vocabulary | None = None
        self.folder: Path | None = None

    def fit(
        self,
        examples: Sequence[Example],
        validation: Sequence[Example] | None = None,
        *,
        rate: int | None = None,
        out: str | Path | None = None,
        quiet: bool = False,
        listeners: Iterable[Callable[[dict], None]] = (),
        stop: Callable[[], bool] | None = None,
    ) -> "Transcriber":
        """Learn from recordings and their texts: `Transcriber().fit([("a.wav", "one two"), ("b.flac", "three")])`.

        examples: pairs of a file or an array (samples,) and its text. validation: more of them, to choose the best
            weights by; default a share of the examples.
        rate: samples a second of arrays. out: a new folder to keep the run in, from which it can be resumed; default
            none is kept. quiet: show nothing. listeners, stop: as in `recurra.training.fit`.

        Returns itself. Raises DataError for recordings that cannot be read or are too short, RunError where files cannot
        be written or the training cannot go on, Interrupted after Ctrl-C.
        """
        options = {"rate": rate, "quiet": quiet, "listeners": listeners, "stop": stop}
        if out is not None:
            return self._take(*runner.train(examples, validation, self.parts, Path(out), **options))
        with tempfile.TemporaryDirectory() as folder:
            try:
                self._take(*runner.train(examples, validation, self.parts, Path(folder, "run"), **options))
            except Interrupted as error:
                why = f"stopped; nothing is kept, as fit had no {setting('out')}: a folder from which it could go on"
                raise Interrupted(why, error.exit_code - 128) from None
        self.folder = None
        return self

    def _take(self, model: SpeechModel, vocabulary: Vocabulary, folder: Path) -> "Transcriber":
        self._model, self._vocabulary, self.folder = model.eval(), vocabulary, folder
        return self

    @property
    def model(self) -> SpeechModel:
        """The fitted model. RunError before fitting."""
        if self._model is None:
            raise RunError("this Transcriber is not fitted yet; call fit(examples), or load a folder")
        return self._model

    @property
    def vocabulary(self) -> Vocabulary:
        """The symbols that the model's scores stand for. RunError before fitting."""
        if self._vocabulary is None:
            raise RunError("this Transcriber is not fitted yet; call fit(examples), or load a folder")
        return self._vocabulary

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
        resampler, features, frames = Resampler(rate, config.rate), LogMel(config.rate, config.mels), []
        for block in blocks:
            count += len(block)
            frames.append(features.feed(resampler.feed(block)))
        frames.append(features.feed(resampler.feed(np.empty(0, np.float32), last=True)))
        heard = sum(map(len, frames))
        whole = np.concatenate([*frames, features.feed(tail(config.rate))])
        whole = standardised(whole, heard) if config.normalise == "file" else whole
        reader, batch = decoder(beam), torch.from_numpy(whole)[None].to(self.model.device)
        scores, _ = self.model(batch, torch.tensor([len(whole)], device=batch.device))
        reader.feed(scores[:, 0].cpu().numpy())
        return Transcript(spikes(reader.found, self.vocabulary, step_times(config), count / rate), count / rate)

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

    def plot(self, sound: Any, file: str | Path | None = None, *, rate: int | None = None) -> Any:
        """The spectrogram of a recording with the spikes of its symbols over it: a matplotlib Figure.

        file: where to save it, such as "a.png". sound, rate: as in `transcribe`.
        """
        from recurra.tasks.speech.picture import draw

        return draw(self, sound, rate, file)

    def save(self, folder: str | Path) -> None:
        """Write what `load` needs into a folder: config.json, vocabulary.json, model.safetensors."""
        contents.save(self.model, self.vocabulary, Path(folder))


def load(folder: str | Path) -> Transcriber:
    """Open a fitted recogniser: `load("runs/speech-1")`. RunError, in one line, for a damaged or foreign folder."""
    return _opened(folders.find(folder), contents.load)


def resume(
    folder: str | Path,
    *,
    quiet: bool = False,
    listeners: Iterable[Callable[[dict], None]] = (),
    stop: Callable[[], bool] | None = None,
) -> Transcriber:
    """Go on with a run that was stopped, to the bits it would have had: `resume("runs/speech-1")`."""
    return _opened(
        folders.find(folder), lambda found: runner.resume(found, quiet=quiet, listeners=listeners, stop=stop)[:2]
    )


def _opened(folder: Path, open_: Callable[[Path], tuple[SpeechModel, Vocabulary]]) -> Transcriber:
    transcriber = Transcriber()
    transcriber.parts |= contents.read_settings(folder)
    return transcriber._take(*open_(folder), folder)
