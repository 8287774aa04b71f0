"""VideoClassifier: what a clip shows, one label or several at once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import numpy as np
from torch import Tensor, nn

from recurra.errors import ConfigError, DataError, DtypeError, ShapeError, setting
from recurra.tasks.video import config
from recurra.tasks.video.base import Given, Listeners, VideoModel, held_out
from recurra.tasks.video.clips import named, read_clips
from recurra.tasks.video.model import ClipClassifier
from recurra.tasks.video.task import ClipTask, scores_of


class VideoClassifier(VideoModel):
    """Labels of clips: `VideoClassifier(epochs=10).fit(clips, labels).predict(more)`.

    Settings: the fields of NetworkConfig, ClassifierConfig, ClipsConfig and TrainingConfig. out: a new folder to keep the run
    in; default none. quiet: show nothing; default True. ConfigError for a setting that there is not, or that cannot be.
    """

    configs = config.CLASSIFIER
    defaults = config.CLASSIFIER_DEFAULTS
    schema = "video-labels/1"

    names: list[str]
    """What each label is called: the columns of y."""
    classes: list[list]
    """For each label the classes it can have, sorted."""

    def __init__(self, *, out: str | Path | None = None, quiet: bool = True, **given: Any):
        super().__init__(out=out, quiet=quiet, **given)
        for name in ("crop", "mirror"):
            if getattr(self.parts["data"], name):
                raise ConfigError(f"{setting(name)} has no effect on labels: it is for next frames; drop it")

    def fit(
        self,
        X: Any,
        y: Any,
        *,
        validation_data: tuple[Any, Any] | None = None,
        listeners: Listeners = (),
        stop: Callable[[], bool] | None = None,
        again: str = "",
    ) -> Self:
        """Learn from labelled clips, anew each time.

        X: clips as `read_clips` takes them, of any numbers of frames. y: a label each, or a row of labels each: a list of
        tuples, an array (clips, labels), a dict or a table of columns by name. validation_data: (X, y) to choose the best
        weights by, in place of the part `validation` of the clips. listeners, stop: as in `recurra.training.fit`.
        again: how to go on, for the message after Ctrl-C.

        Returns itself, now with names, classes, model, history, and folder (None without `out`). DataError, ShapeError and
        DtypeError for clips or labels that cannot be used, RunError where the folder is in use.
        """
        self.names = _names(y)
        if validation_data is not None and not (
            isinstance(validation_data, tuple | list) and len(validation_data) == 2
        ):
            raise DataError("`validation_data` is not a pair; expected (X, y): clips and their labels")
        return self._fit(X, y, validation_data, listeners, stop, again)

    @classmethod
    def resume(
        cls,
        folder: str | Path,
        X: Any = None,
        y: Any = None,
        *,
        validation_data: tuple[Any, Any] | None = None,
        quiet: bool = True,
        listeners: Listeners = (),
        stop: Callable[[], bool] | None = None,
        again: str = "",
    ) -> Self:
        """Go on with a fit that was stopped, to the bits it would have had: `VideoClassifier.resume(folder, X, y)`.

        X, y, validation_data: the same as they were; other data is a DataError. X may be left out where it was paths.
        """
        return cls._resume(folder, X, y, validation_data, quiet, listeners, stop, again)

    def predict_proba(self, X: Any) -> list[np.ndarray]:
        """The probability of each class, (clips, classes), for each label; a single array where there is one label."""
        found = [scores.double().softmax(1).numpy() for scores in self._scores(X)]
        return found if len(found) > 1 else found[0]

    def predict(self, X: Any) -> np.ndarray:
        """The most likely label of each clip, (clips,); with several labels (clips, labels) of dtype object."""
        # NumPy would make texts of texts and numbers together.
        alone = len(self.classes) == 1
        columns = [
            np.array(
                [classes[k] for k in scores.argmax(1)], None if alone and len(set(map(type, classes))) == 1 else object
            )
            for classes, scores in zip(self.classes, self._scores(X), strict=True)
        ]
        return np.stack(columns, 1) if len(columns) > 1 else columns[0]

    def evaluate(self, X: Any, y: Any) -> dict[str, float]:
        """The accuracy of each label by its name: `model.evaluate(clips, labels)["label"]`."""
        predicted = self.predict(X)
        rows = self._labels(y, len(predicted), "X")
        predicted = predicted[:, None] if predicted.ndim == 1 else predicted
        if len(self.classes) != len(rows[0]):
            raise ShapeError(f"`y` has {len(rows[0])} labels a clip; the model was fitted on {len(self.classes)}")
        for name, classes, column in zip(self.names, self.classes, zip(*rows, strict=True), strict=True):
            if not set(column) & set(classes):
                raise DataError(
                    f"no label of `{name}` is among those it was fitted on: the first is {column[0]!r}, they are"
                    f" {', '.join(map(repr, classes[:5]))}{' ...' * (len(classes) > 5)}"
                )
        right = [[a == b for a, b in zip(*pair, strict=True)] for pair in zip(rows, predicted.tolist(), strict=True)]
        return dict(zip(self.names, np.mean(right, 0).tolist(), strict=True))

    def score(self, X: Any, y: Any) -> float:
        """The accuracy, as a fraction of all labels of all clips."""
        return float(np.mean(list(self.evaluate(X, y).values())))

    def _scores(self, X: Any) -> list[Tensor]:
        model = self._fitted()
        return scores_of(model, self._like_fitted(read_clips(X, self.parts["data"]), named(X)))

    def _labels(self, y: Any, count: int, name: str) -> list[tuple]:
        rows = _rows(y)
        if len(rows) != count:
            raise ShapeError(
                f"`{name}` has {count} clips, but there are {len(rows)} labels; expected one for each clip"
            )
        for number, row in enumerate(rows):
            if len(row) != len(rows[0]):
                raise ShapeError(f"clip {number} has {len(row)} labels, but the first has {len(rows[0])}")
            if any(label is None or label != label for label in row):
                raise DataError(f"the label of clip {number} is missing; leave the clip out, or give it one")
            if strange := [label for label in row if not isinstance(label, str | int | float)]:
                raise DtypeError(f"the label of clip {number} is {strange[0]!r}; expected a text or a number")
        return rows

    def _learn(self, given: Given) -> None:
        self.classes = [
            sorted(set(column), key=lambda c: (str(type(c)), c)) for column in zip(*given.labels, strict=True)
        ]
        for name, classes in zip(self.names, self.classes, strict=True):
            if len(classes) < 2:
                raise DataError(
                    f"`{name}` is {classes[0]!r} for every clip; expected at least two classes to tell apart"
                )

    def _network(self) -> nn.Module:
        counts = [len(classes) for classes in self.classes]
        return ClipClassifier(self.frame, counts, self.parts["network"], self.parts["model"])

    def _task(self, given: Given, valid: Given | None) -> ClipTask:
        data, seed = self.parts["data"], self.parts["training"].seed
        clips, targets = given.clips, self._targets(given.labels)
        if valid is None:
            train, held = held_out(clips, data.validation, seed)
            valid_part = [clips[i] for i in held], targets[held]
            clips, targets = [clips[i] for i in train], targets[train]
        else:
            valid_part = self._like_fitted(valid.clips, valid.names), self._targets(valid.labels)
        return ClipTask(self.model, (clips, targets), valid_part, data.batch_size, seed)

    def _targets(self, rows: list[tuple]) -> np.ndarray:
        known = [{label: k for k, label in enumerate(classes)} for classes in self.classes]
        try:
            return np.array([[places[label] for places, label in zip(known, row, strict=True)] for row in rows])
        except KeyError as error:
            raise DataError(f"the label {error} of `validation_data` is not among those of `y`") from None

    def _about(self) -> dict[str, Any]:
        return super()._about() | {"labels": self.names, "classes": self.classes}

    def _remember(self, about: dict[str, Any]) -> None:
        super()._remember(about)
        self.names, self.classes = about["labels"], about["classes"]


def _rows(y: Any) -> list[tuple]:
    """Labels as one tuple a clip, of Python's own numbers and texts."""
    if isinstance(y, dict):
        counts = {name: len(column) for name, column in y.items()}
        if len(set(counts.values())) > 1:
            raise ShapeError(f"the columns of `y` have {counts} labels; expected one for each clip in all of them")
        y = list(zip(*y.values(), strict=True))
    if hasattr(y, "to_numpy"):
        y = y.to_numpy()
    if hasattr(y, "detach"):
        y = y.detach().cpu().numpy()
    if not hasattr(y, "__len__") or isinstance(y, str):
        raise DataError(f"`y` is {y!r}; expected a label, or a row of labels, for each clip")
    rows = y.tolist() if isinstance(y, np.ndarray) else [one.item() if hasattr(one, "item") else one for one in y]
    rows = [tuple(row) if isinstance(row, list | tuple) else (row,) for row in rows]
    return [tuple(one.item() if hasattr(one, "item") else one for one in row) for row in rows]


def _names(y: Any) -> list[str]:
    if isinstance(y, dict) or hasattr(y, "columns"):
        return [str(column) for column in (y if isinstance(y, dict) else y.columns)]
    rows = _rows(y)
    count = len(rows[0]) if rows else 1
    return ["label"] if count == 1 else [f"label {k + 1}" for k in range(count)]
