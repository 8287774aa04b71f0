"""VideoClassifier: what a clip shows, one label or several at once."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from torch import Tensor

from recurra.errors import ConfigError, DataError, ShapeError, setting
from recurra.fitting.lifecycle import Listener, longer
from recurra.fitting.report import compared, spread
from recurra.fitting.running import How
from recurra.fitting.split import Halves
from recurra.tasks.video import config
from recurra.tasks.video.base import SOME, Examples, Seen, VideoEstimator, origin
from recurra.tasks.video.clips import named, read_clips
from recurra.tasks.video.labels import check_labels, read_labels
from recurra.tasks.video.model import ClipClassifier, Frame
from recurra.tasks.video.task import ClipTask, scores_of


@dataclass(frozen=True)
class Labels(Seen):
    """What a classifier learns beside its weights."""

    names: list[str]
    """What each label is called."""
    classes: list[list[str | int | float]]
    """Of each label its classes, sorted."""


class VideoClassifier(VideoEstimator):
    """Labels of clips: `VideoClassifier(epochs=10).fit(clips, labels).predict(more)`.

    Settings: the fields of NetworkConfig, ClassifierConfig, ClipsConfig and TrainingConfig. ConfigError for one that is unknown
    or invalid.
    """

    schema, configs, defaults = "video-labels/2", config.CLASSIFIER, config.CLASSIFIER_DEFAULTS
    takes = "clips, labels"
    Learned = Labels

    def __init__(self, **settings: Any):
        super().__init__(**settings)
        for name in ("crop", "mirror"):
            if getattr(self.parts["data"], name):
                raise ConfigError(f"{setting(name)} has no effect on labels: it is for next frames; drop it")

    @staticmethod
    def read_files(paths: list[str]) -> tuple[list[str], str]:
        """paths: clips, then the table of their labels."""
        if len(paths) < 2:
            raise DataError(f"there is only {paths[0]}; expected clips, and after them the table of their labels")
        return paths[:-1], paths[-1]

    def fit(
        self,
        clips: Any,
        labels: Any,
        *,
        validation_data: tuple[Any, Any] | None = None,
        out: str | Path | None = None,
        quiet: bool | None = None,
        listeners: Iterable[Listener] = (),
        stop: Callable[[], bool] | None = None,
    ) -> Self:
        """Learn from labelled clips, from the start each time.

        clips: as `read_clips` takes them, of any numbers of frames. labels: a label each, or a row of labels each: a list of
        tuples, an array (clips, labels), a dict or a table of columns by name; or the path of a table, as `read_labels`.
        validation_data: (clips, labels) to choose the best weights by, in place of the part `validation` of the clips.
        out: a new folder to keep the run in; default none is kept. Fitted on paths alone, it is resumed without the data.
        quiet: show nothing; default: progress is shown on a terminal and in a notebook.
        listeners, stop: as in `recurra.training.fit`.

        DataError, ShapeError and DtypeError for unusable clips or labels, RunError if the folder is in use or
        not writable, Interrupted after Ctrl-C.
        """
        self._refuse_without_files(clips)
        how = How(out, quiet, listeners, stop)
        return self._fit((clips, labels), validation_data, how, origin(clips, labels))

    @classmethod
    def resume(
        cls,
        folder: str | Path,
        clips: Any = None,
        labels: Any = None,
        *,
        validation_data: tuple[Any, Any] | None = None,
        quiet: bool | None = None,
        listeners: Iterable[Listener] = (),
        stop: Callable[[], bool] | None = None,
        epochs: int = 0,
        more_minutes: float | None = None,
    ) -> Self:
        """Continue a fit that was stopped, to the bits it would have had: `VideoClassifier.resume(folder, clips, labels)`.

        clips, labels, validation_data: the same as they were; others are a DataError. Clips and labels are left out where both
        were paths. A finished run is only opened, unless `epochs` or `more_minutes` says how much longer to train
        it. RunError if the folder is damaged, holds no run, or its data is not found.
        """
        data = None if clips is None and labels is None else (clips, labels)
        return cls._resume(
            folder, data, validation_data, How(folder, quiet, listeners, stop, longer(epochs, more_minutes))
        )

    # What is its own in the lifecycle

    def read(self, data: Any, name: str) -> Examples:
        if not (isinstance(data, list | tuple) and len(data) == 2):
            raise DataError(f"`{name}` is not a pair; expected (clips, labels)")
        clips, labels = data
        if isinstance(labels, str | Path):
            labels = read_labels(labels, clips)
        return self._examples(clips, name, *check_labels(labels, len(named(clips, name)), name))

    def learn(self, data: Halves) -> Labels:
        # Also classes that are only among the clips held out of these.
        rows = data.train.labels + ([] if data.separate else data.valid.labels)
        classes = [sorted(set(column), key=lambda c: (str(type(c)), c)) for column in zip(*rows, strict=True)]
        for name, each in zip(data.train.columns, classes, strict=True):
            if len(each) < 2:
                raise DataError(f"`{name}` is {each[0]!r} for every clip; expected at least two classes to tell apart")
        return Labels(Frame(*data.train.clips[0].shape[1:]), data.train.columns, classes)

    def network(self, parts: dict[str, Any], learned: Labels) -> ClipClassifier:
        return ClipClassifier(learned.frame, list(map(len, learned.classes)), parts["network"], parts["model"])

    def task(self, model: ClipClassifier, data: Halves) -> ClipTask:
        if data.separate:
            valid = self._like_fitted(data.valid.clips, data.valid.names)
            data = data._replace(valid=data.valid._replace(clips=valid))
        self._state.examples = data.valid.take(spread(len(data.valid.clips), SOME))
        train, valid = ((half.clips, self._targets(half.labels)) for half in (data.train, data.valid))
        return ClipTask(model, train, valid, self.parts["data"].batch_size, self.parts["training"].seed)

    def _targets(self, rows: list[tuple]) -> np.ndarray:
        """(clips, labels) int64, the number of each label's class."""
        known = [{label: k for k, label in enumerate(classes)} for classes in self.classes]
        for row in rows:
            if len(row) != len(known):
                raise ShapeError(
                    f"`validation_data` has {len(row)} labels a clip; expected {len(known)}, as in `labels`"
                )
        try:
            numbers = [[places[label] for places, label in zip(known, row, strict=True)] for row in rows]
        except KeyError as error:
            raise DataError(f"the label {error} of `validation_data` is not among those of `labels`") from None
        return np.array(numbers, np.int64).reshape(-1, len(known))

    def examples(self) -> list[str]:
        kept = self._fitted().examples
        if kept is None or not kept.clips:
            return []
        found = self.predict(kept.clips).reshape(len(kept.clips), -1)
        rows = zip(kept.names, found.tolist(), kept.labels, strict=True)
        return compared((name, ", ".join(map(str, a)), ", ".join(map(str, b))) for name, a, b in rows)

    # What a fitted one does

    @property
    def names(self) -> list[str]:
        """What each label is called. NotFittedError before `fit`."""
        return self.learned.names

    @property
    def classes(self) -> list[list]:
        """For each label the classes it can have, sorted. NotFittedError before `fit`."""
        return self.learned.classes

    def predict_proba(self, clips: Any) -> list[np.ndarray]:
        """The probability of each class, (clips, classes), for each label; a single array where there is one label."""
        probabilities = [scores.double().softmax(1).numpy() for scores in self._scores(clips)]
        return probabilities if len(probabilities) > 1 else probabilities[0]

    def predict(self, clips: Any) -> np.ndarray:
        """The most likely label of each clip, (clips,); with several labels (clips, labels) of dtype object."""
        # NumPy would make texts of texts and numbers together.
        scores, alone = self._scores(clips), len(self.classes) == 1
        columns = [
            np.array(
                [classes[k] for k in each.argmax(1)], None if alone and len(set(map(type, classes))) == 1 else object
            )
            for classes, each in zip(self.classes, scores, strict=True)
        ]
        return np.stack(columns, 1) if len(columns) > 1 else columns[0]

    def evaluate(self, clips: Any, labels: Any) -> dict[str, float]:
        """The accuracy of each label by its name: `model.evaluate(clips, labels)["label"]`."""
        predicted = self.predict(clips)
        labels = read_labels(labels, clips) if isinstance(labels, str | Path) else labels
        rows, _ = check_labels(labels, len(predicted))
        predicted = predicted[:, None] if predicted.ndim == 1 else predicted
        if len(self.classes) != len(rows[0]):
            raise ShapeError(f"`labels` has {len(rows[0])} labels a clip; the model was fitted on {len(self.classes)}")
        for name, classes, column in zip(self.names, self.classes, zip(*rows, strict=True), strict=True):
            if not set(column) & set(classes):
                raise DataError(
                    f"no label of `{name}` is among those it was fitted on: the first is {column[0]!r}, they are"
                    f" {', '.join(map(repr, classes[:5]))}{' ...' * (len(classes) > 5)}"
                )
        right = [[a == b for a, b in zip(*pair, strict=True)] for pair in zip(rows, predicted.tolist(), strict=True)]
        return dict(zip(self.names, np.mean(right, 0).tolist(), strict=True))

    def score(self, clips: Any, labels: Any) -> float:
        """The accuracy, as a fraction of all labels of all clips."""
        return float(np.mean(list(self.evaluate(clips, labels).values())))

    def _scores(self, clips: Any) -> list[Tensor]:
        model = self.model
        return scores_of(model, self._like_fitted(read_clips(clips, self.parts["data"]), named(clips)))
