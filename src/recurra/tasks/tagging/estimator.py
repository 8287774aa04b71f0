"""SequenceTagger: a label for each step of a sequence, in scikit-learn's interface."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from recurra.tasks.classification import sequences
from recurra.tasks.classification.base import Examples, SequenceEstimator
from recurra.tasks.classification.reader import find_classes
from recurra.tasks.classification.task import read as batches
from recurra.tasks.tagging import config
from recurra.tasks.tagging.conll import read_conll
from recurra.tasks.tagging.model import Tagger
from recurra.tasks.tagging.reader import TagReader, check_labels, read
from recurra.tasks.tagging.task import TaggingTask


class SequenceTagger(SequenceEstimator):
    """A label for each step: `SequenceTagger(crf=True).fit(X, y).predict(X)`.

    X: lists of words; texts, in which a step is a character; arrays (steps,) or (steps, features) of any lengths; or one
    array (sequences, steps, features). y: for each sequence a label each step, numbers or texts. Parameters: the fields of
    EncoderConfig, TaggerConfig, SequencesConfig and TrainingConfig; `out`, a new folder to keep the run in; `quiet`.
    """

    configs = config.CONFIGS
    defaults = config.DEFAULTS
    schema = "tagging/1"
    reader = TagReader
    verb = "tag"
    read_files = staticmethod(read_conll)
    labels_hint = "each line needs a word and, after a space, its label"

    def predict(self, X: Any) -> list[np.ndarray]:
        """The labels of each sequence, (steps,) each: with a conditional random field, the best ones together."""
        found: dict[int, np.ndarray] = {}
        for numbers, scores, lengths in self._scores(X):
            labels = self.model_.decode(scores, lengths)
            found |= {int(n): self.classes_[row.numpy()] for n, row in zip(numbers, labels, strict=True)}
        return [found[number] for number in range(len(found))]

    def predict_proba(self, X: Any) -> list[np.ndarray]:
        """The probability of each label at each step, (steps, classes) for each sequence, in the order of classes_."""
        found: dict[int, np.ndarray] = {}
        for numbers, scores, lengths in self._scores(X):
            shares = self.model_.probabilities(scores, lengths).transpose(0, 1).cpu().numpy()
            steps = [scores.shape[0]] * len(numbers) if lengths is None else lengths.tolist()
            found |= {int(n): row[:length] for n, row, length in zip(numbers, shares, steps, strict=True)}
        return [found[number] for number in range(len(found))]

    def score(self, X: Any, y: Any) -> float:
        """The part of all steps whose label is right."""
        X = read(X)
        pairs = zip(check_labels(X, y, "X"), self.predict(X), strict=True)
        return float(np.concatenate([want == got for want, got in pairs]).mean())

    @torch.no_grad()
    def _scores(self, X: Any) -> Iterator[tuple[np.ndarray, torch.Tensor, torch.Tensor | None]]:
        """Numbers of sequences, their scores and their lengths, in batches."""
        model = self._fitted()
        rows = self.reader_.rows(read(X))
        for numbers, scores in batches(model, rows):
            yield numbers, scores, sequences.together([rows[i] for i in numbers], model.device)[1]

    def _check(self, X: Any, y: Any, name: str) -> tuple[Any, list[np.ndarray]]:
        X = read(X, name)
        return X, check_labels(X, y, name)

    def _classes(self, y: list[np.ndarray]) -> np.ndarray:
        return find_classes(np.concatenate(y))

    def _strata(self, y: list[np.ndarray]) -> np.ndarray:
        return np.zeros(len(y))

    def _model(self, reader: TagReader, parts: dict[str, Any]) -> Tagger:
        characters = len(reader.characters) if reader.characters else 0
        tokens = reader.vocabulary is not None
        return Tagger(reader.inputs, len(reader.classes), parts["model"], parts["tagger"], tokens, characters)

    def _prepare(self, model: Tagger, reader: TagReader, train: Examples, parts: dict[str, Any]) -> None:
        if reader.vocabulary is None and parts["data"].standardise == "features":
            model.encoder.scale(*sequences.scales(train.rows))

    def _task(self, model: Tagger, train: Examples, valid: Examples, parts: dict[str, Any]) -> TaggingTask:
        return TaggingTask(model, train, valid, parts["data"], parts["training"].seed)
