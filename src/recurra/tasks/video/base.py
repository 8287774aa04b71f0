"""What the two models of video share: settings by name, fitting into a folder, going on, saving, loading."""

import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from torch import nn

from recurra.config import make_parts
from recurra.errors import ConfigError, DataError, RunError, setting
from recurra.fitting import folders, running
from recurra.tasks.video.clips import Clips, fingerprint, named, read_clips
from recurra.tasks.video.config import ClipsConfig
from recurra.tasks.video.model import Frame
from recurra.training import Task, runs


class Given(NamedTuple):
    """What a user fits on, read: clips, what to call each, a row of labels for each (a predictor has none)."""

    clips: Clips
    names: list[str]
    labels: list[tuple]


class VideoModel(ABC):
    """A network over clips, and all that it takes to fit and keep it."""

    configs: ClassVar[dict[str, type]]
    defaults: ClassVar[dict[str, Any]]
    schema: ClassVar[str]

    model: nn.Module
    """The network, once it is fitted."""
    frame: Frame
    """Size of the frames it was fitted on."""

    def __init__(self, *, out: str | Path | None = None, quiet: bool = True, **given: Any):
        self.parts = make_parts(self.configs, self.defaults | given)
        self.out, self.quiet, self.folder, self.history = out, quiet, None, []

    # What differs

    @abstractmethod
    def _learn(self, given: Given) -> None:
        """Look at the data before a network is made of it; DataError where it cannot be used."""

    @abstractmethod
    def _network(self) -> nn.Module:
        """A new network for frames and labels like those."""

    @abstractmethod
    def _task(self, given: Given, valid: Given | None) -> Task:
        """What the training loop asks."""

    def _about(self) -> dict[str, Any]:
        """What config.json keeps beside the settings."""
        return {"frame": list(self.frame)}

    def _remember(self, about: dict[str, Any]) -> None:
        """The same, read back."""
        self.frame = Frame(*about["frame"])

    # Fitting

    def _read(self, X: Any, y: Any, name: str) -> Given:
        clips = read_clips(X, self.parts["data"], name)
        return Given(clips, named(X, name), self._labels(y, len(clips), name))

    def _labels(self, y: Any, count: int, name: str) -> list[tuple]:
        return []

    def _fit(self, X: Any, y: Any, validation: tuple[Any, Any] | None, listeners, stop, again: str) -> Self:
        self._refuse_without_files(X)
        given = self._read(X, y, "X")
        valid = None if validation is None else self._read(*validation, "validation_data")
        about = {"sources": _paths(X)}
        if self.out is not None:
            return self._train(folders.claim(self.out), given, valid, about, listeners, stop, again)
        with tempfile.TemporaryDirectory(prefix="recurra-") as folder:
            return self._train(Path(folder), given, valid, about, listeners, stop, again)

    def _refuse_without_files(self, X: Any) -> None:
        """ConfigError for what is done to frames from files, where there are none."""
        if isinstance(X, str | Path) or (isinstance(X, list | tuple) and any(isinstance(x, str | Path) for x in X)):
            return
        data, plain = self.parts["data"], ClipsConfig()
        for name in ("shorter_side", "grey", "every"):
            if getattr(data, name) != getattr(plain, name):
                raise ConfigError(f"{setting(name)} has no effect on arrays: it is for frames from files; drop it")

    def _train(self, folder: Path, given: Given, valid: Given | None, about: dict, listeners, stop, again: str) -> Self:
        """Train in a folder from the beginning, or from where a run was left: `about`, of its config.json, knows its data."""
        training = self.parts["training"]
        device = running.device(training.device)
        others = (given.labels, valid and (fingerprint(valid.clips), valid.labels))
        mark = fingerprint(given.clips, *others)
        if about.setdefault("fingerprint", mark) != mark:
            raise DataError(f"{folder} was begun with other clips or labels; a run goes on only with the same ones")
        self.frame = Frame(*given.clips[0].shape[1:])
        self._learn(given)
        self.model = folders.seeded(self._network, training.seed).to(device)
        self.history, self.folder = [], folder if self.out is not None else None
        task = self._task(given, valid)
        folders.write_settings(folder, self.schema, self.parts, **(about | self._about()))
        told = [lambda event: self.history.append(event) if event["event"] == "evaluate" else None, *listeners]
        again = again or f"{type(self).__name__}.resume({str(folder)!r}, ...) with the same clips"
        options = {"again": again if self.folder else None, "quiet": self.quiet, "listeners": told, "stop": stop}
        running.train(task, training, folder, **options)
        self.model.eval()
        return self

    def _fitted(self) -> nn.Module:
        if not hasattr(self, "model"):
            raise ConfigError(f"this {type(self).__name__} is not fitted yet: call fit(clips), or load a run")
        return self.model

    def _like_fitted(self, clips: Clips, names: list[str]) -> Clips:
        """The clips, if their frames are as those that the model was fitted on."""
        for clip, name in zip(clips, names, strict=True):
            if clip.shape[1:] != self.frame:
                want, came = ("{1}×{0} with {2} channels".format(*size) for size in (self.frame, clip.shape[1:]))
                raise DataError(f"`{name}` has frames of {came}; the model was fitted on {want}")
        return clips

    # Keeping

    def save(self, folder: str | Path) -> None:
        """Write what `load` needs: config.json and model.safetensors. RunError where the folder holds a run."""
        model, folder = self._fitted(), Path(folder)
        folders.refuse_a_run(folder)
        folders.make(folder)
        runs.write_weights(model, folder, step=None, loss=None)
        folders.write_settings(folder, self.schema, self.parts, **self._about())

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Open what was fitted with `out`, or saved: `FramePredictor.load("runs/traffic-1").predict(clips)`.

        RunError, in one line, for a folder that is missing, damaged or of another task.
        """
        folder = folders.find(folder)
        one, _ = cls._described(folder)
        one.model = one._network()
        runs.load_weights(one.model, folder)
        one.model.eval()
        one.folder = folder
        return one

    @classmethod
    def _resume(
        cls, folder: str | Path, X: Any, y: Any, validation, quiet: bool, listeners: Iterable, stop, again: str
    ) -> Self:
        folder = folders.find(folder)
        one, about = cls._described(folder)
        if "fingerprint" not in about or not (folder / runs.STATE).exists():
            raise RunError(f"{folder} holds a saved model, not a run; there is nothing to go on with")
        one.out, one.quiet = folder, quiet
        X = about.get("sources", []) if X is None else X
        if isinstance(X, list) and not X:
            raise DataError(f"{folder} was fitted on arrays; to go on it needs the same ones: resume(folder, clips)")
        given = one._read(X, y, "X")
        valid = None if validation is None else one._read(*validation, "validation_data")
        return one._train(folder, given, valid, about, listeners, stop, again)

    @classmethod
    def _described(cls, folder: Path) -> tuple[Self, dict[str, Any]]:
        """A model with a folder's settings, without weights, and the rest of config.json."""
        one = cls()
        one.parts, about = folders.read_settings(folder, cls.schema, cls.configs, need=cls.configs)
        try:
            one._remember(about)
        except (KeyError, TypeError, ValueError) as error:
            raise RunError(f"{folder / folders.CONFIG} is damaged: {error!r} in it. Restore it from a copy") from error
        return one, about


def _paths(X: Any) -> list[str]:
    """The paths among what was given to fit: what a resumed run reads again. Empty for arrays."""
    given = [X] if isinstance(X, str | Path) else X
    if isinstance(given, list | tuple) and all(isinstance(one, str | Path) for one in given):
        return [str(Path(one).absolute()) for one in given]
    return []


def held_out(clips: Clips, fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the clips to train on, and of those put aside, at least one of each: `train, valid = held_out(...)`."""
    order = np.random.default_rng(seed).permutation(len(clips))
    count = min(max(round(fraction * len(clips)), 1), len(clips) - 1) if fraction else 0
    return np.sort(order[count:]), np.sort(order[:count])


Listeners = Iterable[Callable[[dict], None]]
