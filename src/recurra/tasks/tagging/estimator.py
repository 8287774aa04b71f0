"""SequenceTagger: a label for each step of a sequence, in scikit-learn's interface."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from recurra.errors import DataError
from recurra.fitting.split import Halves
from recurra.tasks.sequences.estimator import SURE, SequenceEstimator
from recurra.tasks.sequences.labels import find_classes, numbers_of
from recurra.tasks.sequences.task import by_length
from recurra.tasks.tagging import config
from recurra.tasks.tagging.conll import read_conll
from recurra.tasks.tagging.model import Tagger
from recurra.tasks.tagging.reader import Tags, check_labels, read
from recurra.tasks.tagging.task import TaggingTask


class SequenceTagger(SequenceEstimator):
    """A label for each step: `SequenceTagger(crf=True).fit(X, y).predict(X)`.

    X: lists of words; texts, in which a step is a character; arrays (steps,) or (steps, features) of any lengths; or one
    array (sequences, steps, features), with NaN for a missing value. y: for each sequence a label each step, numbers or
    texts. Parameters: the fields of EncoderConfig, TaggerConfig, SequencesConfig and TrainingConfig.
    """

    schema, configs, defaults = "tagging/2", config.CONFIGS, config.DEFAULTS
    command = "tag"
    enough = SURE
    Learned = Tags
    strided = False  # each step has its label

    # fmt: off
    def __init__(
        self, *,
        cell="gru", hidden_size=128, num_layers=1, bidirectional=True, embedding_size=64, dropout=0.2,
        input_dropout=0.0, recurrent_dropout=0.0, zoneout=0.0, convolutions=None, stride=None,
        init="recommended", span=0, precision="float32",
        crf=False, character_size=0,
        lowercase=False, min_count=1, vocabulary_size=None, standardise=None, validation=0.1, batch_size=32,
        epochs=0, minutes=None, optimizer="adamw", lr=3e-3, schedule="one-cycle", warmup=0.1, beta1=0.9, beta2=0.99,
        weight_decay=0.01, clip=1.0, average=0.99, monitor="validation", patience=0, evaluate_every=0, sample_every=0,
        save_every=60.0, seed=1, device="auto", tensorboard=False,
    ):
        self._set(locals())
    # fmt: on

    @staticmethod
    def read_files(paths: list[str]) -> tuple[list[list[str]], list[list[str]]]:
        X, y = read_conll(paths)
        if y is None:
            raise DataError(
                f"{paths[0]} has no labels to learn from; each line needs a word and, after a space, its label"
            )
        return X, y

    @property
    def classes_(self) -> np.ndarray:
        """The labels, sorted. NotFittedError before `fit`."""
        return self.learned.classes

    def predict(self, X: Any) -> list[np.ndarray]:
        """The labels of each sequence, (steps,) each: with a conditional random field, the best ones together."""
        found: dict[int, np.ndarray] = {}
        for numbers, scores, lengths in self._scores(X):
            labels = self.model.decode(scores, lengths)
            found |= {int(n): self.classes_[row.numpy()] for n, row in zip(numbers, labels, strict=True)}
        return [found[number] for number in range(len(found))]

    def predict_proba(self, X: Any) -> list[np.ndarray]:
        """The probability of each label at each step, (steps, classes) for each sequence, in the order of classes_."""
        found: dict[int, np.ndarray] = {}
        for numbers, scores, lengths in self._scores(X):
            chances = self.model.probabilities(scores, lengths).transpose(0, 1).cpu().numpy()
            steps = [scores.shape[0]] * len(numbers) if lengths is None else lengths.tolist()
            found |= {int(n): row[:length] for n, row, length in zip(numbers, chances, steps, strict=True)}
        return [found[number] for number in range(len(found))]

    def score(self, X: Any, y: Any) -> float:
        """The part of all steps whose label is right."""
        X, y = self.checked(X, y, "X")
        pairs = zip(y, self.predict(X), strict=True)
        return float(np.concatenate([want == got for want, got in pairs]).mean())

    @torch.no_grad()
    def _scores(self, X: Any) -> Iterator[tuple[np.ndarray, torch.Tensor, torch.Tensor | None]]:
        """Numbers of sequences, their scores and their lengths, in batches of like length."""
        model, made = self.model, self.learned.rows(read(X), self.parts["data"])
        for numbers, x, lengths in by_length(made, model.device):
            yield numbers, model(x, lengths), lengths

    def checked(self, X: Any, y: Any, name: str) -> tuple[Any, list[np.ndarray]]:
        X = read(X, name)
        return X, check_labels(X, y, name)

    def learn(self, data: Halves) -> Tags:
        labels = data.train.y if data.separate else [*data.train.y, *data.valid.y]
        spelled, classes = bool(self.parts["tagger"].character_size), find_classes(np.concatenate(labels))
        return Tags.learn(data.train.X, self.parts["data"], spelled, classes=classes)

    def network(self, parts: dict[str, Any], learned: Tags) -> Tagger:
        characters = len(learned.characters) if learned.characters else 0
        encoder = self.encoder(parts, learned, 2 * parts["tagger"].character_size if characters else 0)
        return Tagger(len(learned.classes), parts["model"], parts["tagger"], encoder, characters)

    def targets(self, y: list[np.ndarray]) -> list[np.ndarray]:
        numbers = numbers_of(self.classes_, np.concatenate(y))
        return np.split(numbers, np.cumsum([len(row) for row in y])[:-1])

    def batches(self, model: Tagger, *rest: Any) -> TaggingTask:
        return TaggingTask(model, *rest)
