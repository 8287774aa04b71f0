"""SequenceRegressor: one or several numbers for each sequence, as a scikit-learn regressor."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from recurra.errors import DataError, setting
from recurra.fitting.report import SHOWN
from recurra.fitting.split import Halves
from recurra.tasks.regression import config
from recurra.tasks.regression.files import read_files
from recurra.tasks.regression.task import RegressionTask
from recurra.tasks.sequences import rows
from recurra.tasks.sequences.estimator import Labelled, ManyToOneEstimator, shown
from recurra.tasks.sequences.reader import Reader
from recurra.tasks.sequences.scikit import RegressorMixin, check_array
from recurra.tasks.standard import moments, standardised
from recurra.terminal import number


@dataclass(frozen=True, kw_only=True)
class Targets(Reader):
    """What a regressor learns beside its weights."""

    means: np.ndarray
    """(outputs,) float64 of the targets."""
    deviations: np.ndarray
    """(outputs,) float64, their standard deviations; 0 for a target that does not change, which is what is predicted then."""
    single: bool
    """Whether y was one number each, (sequences,), and not (sequences, outputs)."""


class SequenceRegressor(RegressorMixin, ManyToOneEstimator):
    """Numbers for each sequence: `SequenceRegressor(epochs=20).fit(X, y).predict(X)`.

    X: texts; arrays (steps,) or (steps, features) of any lengths; or one array (sequences, steps) or (sequences, steps,
    features); NaN is a missing value. y: (sequences,) or (sequences, outputs) numbers. Parameters: the fields of
    EncoderConfig, ManyToOneConfig, RegressorConfig, SequencesConfig and TrainingConfig. `score` is R².
    """

    schema, configs, defaults = "regression/1", config.CONFIGS, config.DEFAULTS
    command = "regress"
    Learned = Targets

    # fmt: off
    def __init__(
        self, *,
        cell="gru", hidden_size=128, num_layers=1, bidirectional=True, embedding_size=64, dropout=0.2,
        input_dropout=0.0, recurrent_dropout=0.0, zoneout=0.0, convolutions=None, stride=None,
        init="recommended", span=0, precision="float32",
        pooling="max", unit="character",
        loss="squared",
        lowercase=False, min_count=1, vocabulary_size=None, standardise=None, validation=0.1, batch_size=32,
        epochs=0, minutes=None, optimizer="adamw", lr=3e-3, schedule="one-cycle", warmup=0.1, beta1=0.9, beta2=0.99,
        weight_decay=0.01, clip=1.0, average=0.99, monitor="validation", patience=0, evaluate_every=0, sample_every=0,
        save_every=60.0, seed=1, device="auto", tensorboard=False,
    ):
        self._set(locals())
    # fmt: on

    @staticmethod
    def read_files(paths: list[str], **reading: Any) -> tuple[list[Any], np.ndarray]:
        X, y = read_files(paths, **reading)
        if y is None:
            column = setting("target_column", python="target_columns")
            raise DataError(
                f"{paths[0]} has no targets to learn from; a table needs a column of them, named by {column}"
            )
        return X, y

    def predict(self, X: Any) -> np.ndarray:
        """The numbers for each sequence, in the units of y: (sequences,) or (sequences, outputs), as y was."""
        y = self._scores(X) * self.learned.deviations + self.learned.means
        return y[:, 0] if self.learned.single else y

    def judged(self, data: Labelled, most: int = SHOWN) -> list[str]:
        """Lines of held-out sequences: those that are closest to their targets, and those that are farthest."""
        y = self.predict(data.X)
        off = standardised(np.abs(y - data.y).reshape(len(y), -1), 0.0, self.learned.deviations)
        order = np.argsort(off.mean(1), kind="stable")
        parts = {"closest": order[:most], "farthest": order[most:][-most:]}
        return [f"{kind}: {shown(data.X[i])} → {_digits(y[i])}; it is {_digits(data.y[i])}"
                for kind, numbers in parts.items() for i in numbers]  # fmt: skip

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def checked(self, X: Any, y: Any, name: str) -> tuple[Any, np.ndarray]:
        X = rows.read(X, name)
        try:
            y = check_array(y, dtype=np.float64, ensure_2d=False, input_name="y")
        except (ValueError, TypeError) as error:
            raise DataError(f"`y`: {error}") from None
        if y.shape[0] != len(X) or y.ndim > 2:
            raise DataError(
                f"`y` is {y.shape}; expected ({len(X)},) or ({len(X)}, outputs), as `{name}` has {len(X)} sequences:"
                " inconsistent numbers of samples"
            )
        return X, y

    def aims(self, data: Halves) -> dict[str, Any]:
        means, deviations = moments([data.train.y.reshape(len(data.train.y), -1)])
        return {"means": means, "deviations": deviations, "single": data.train.y.ndim == 1}

    def outputs(self, learned: Targets) -> int:
        return len(learned.means)

    def targets(self, y: np.ndarray) -> np.ndarray:
        if y.shape[1:] != (() if self.learned.single else self.learned.means.shape):
            raise DataError(f"`y` of the validation data is {y.shape}; expected targets like those to learn from")
        return standardised(y.reshape(len(y), -1), self.learned.means, self.learned.deviations)

    def batches(self, model: Any, *rest: Any) -> RegressionTask:
        return RegressionTask(model, *rest, loss=self.parts["regressor"].loss)


def _digits(numbers: Any) -> str:
    return " ".join(map(number, np.atleast_1d(numbers)))
