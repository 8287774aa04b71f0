"""The tasks: from a user's data to a fitted model, one package each. `TASKS` is the table of those that train and keep runs.

Commands, reference and tests read the table; a new task is a package and a row here.
"""

import importlib
from dataclasses import dataclass
from types import ModuleType


@dataclass(frozen=True)
class TaskEntry:
    """A task that can be trained, kept and resumed."""

    package: str
    """Its package under recurra.tasks."""
    estimators: tuple[str, ...]
    """The classes that fit it, in that package."""
    command: str
    """Its command: recurra train."""
    guide: str
    """Its page under docs/guide."""
    extra: str = ""
    """The extra that it needs: pip install 'recurra[classify]'."""

    @property
    def module(self) -> ModuleType:
        """The package, imported."""
        return importlib.import_module(f"recurra.tasks.{self.package}")

    @property
    def config(self) -> ModuleType:
        """The module of its settings, which needs no PyTorch."""
        return importlib.import_module(f"recurra.tasks.{self.package}.config")


TASKS = (
    TaskEntry("language", ("LanguageEstimator",), "train", "language-models.md"),
    TaskEntry("forecasting", ("Forecaster",), "forecast", "forecasting.md", "forecast"),
    TaskEntry("classification", ("SequenceClassifier",), "classify", "classification.md", "classify"),
    TaskEntry("tagging", ("SequenceTagger",), "tag", "classification.md", "classify"),
    TaskEntry("regression", ("SequenceRegressor",), "regress", "classification.md", "classify"),
    TaskEntry("speech", ("Transcriber",), "transcribe", "speech.md", "speech"),
    TaskEntry("video", ("FramePredictor", "VideoClassifier"), "video", "video.md", "video"),
    TaskEntry("music", ("MusicEstimator",), "compose", "music.md", "music"),
    TaskEntry("translation", ("Translator",), "translate", "attention.md"),
)
