"""What a task is written as: an `Estimator`, whose data is read again to resume, or a `StoringEstimator`, whose run keeps it.

    class Translator(Estimator):
        def read(self, data, name): ...          the user's data, checked
        def learn(self, data): ...               vocabularies, scales: what is stored beside the weights
        def network(self, parts, learned): ...   a module
        def task(self, model, data): ...         batches and losses, as `recurra.training.Task`

The other hooks, and all that such a class can do, stand in `lifecycle`.
"""

import tempfile
from abc import abstractmethod
from pathlib import Path
from typing import Any, Self

from recurra.errors import RunError
from recurra.fitting import folders, running, sources
from recurra.fitting.lifecycle import Lifecycle
from recurra.fitting.split import Halves, held_out
from recurra.training import Task, distributed


class Estimator(Lifecycle):
    """A task whose run stores a fingerprint of its data: to resume, the same data is read, or passed, again."""

    @abstractmethod
    def read(self, data: Any, name: str) -> Any:
        """The user's data, checked and in one form. name: of the argument, for messages. DataError, DtypeError ..."""

    def split(self, data: Any) -> Halves:
        """What `read` gave, in two parts. Default: of a list, `validation` of the examples drawn by the seed."""
        train, valid = held_out(len(data), self.parts["data"].validation, self.parts["training"].seed)
        return Halves([data[i] for i in train], [data[i] for i in valid])

    def _data(self, data: Any, validation: Any, folder: Path) -> Halves:
        name = self.takes.split(",")[0]
        if validation is None:
            return self.split(self.read(data, name))
        return Halves(self.read(data, name), self.read(validation, "validation_data"), separate=True)

    @property
    def reading_of_files(self) -> dict[str, Any]:
        """How the files of an opened run were read, as `read_files` takes it: the columns of tables, and the like."""
        _, about = folders.read_settings(self._fitted().folder, self.schema, self.configs)
        return sources.reading(about.get("sources"))

    def _data_again(self, data: Any, validation: Any, folder: Path, origin: dict | None) -> tuple[Halves, str]:
        if data is None:
            if origin is None:
                raise RunError(
                    f"{folder} was fitted on data in memory; give the same again: resume({str(folder)!r}, {self.takes})"
                )
            paths = sources.found(origin["paths"], folder, self.command)
            reading = sources.reading(origin)
            data = self.read_files(paths, **reading)
            if validation is None and "validation" in origin:
                validation = self.read_files(sources.found(origin["validation"], folder, self.command), **reading)
        halves = self._data(data, validation, folder)
        return halves, self.fingerprint(halves)


class StoringEstimator(Lifecycle):
    """A task whose run keeps its data in the run's folder, in the form it is trained on: to resume, nothing else is needed."""

    @abstractmethod
    def store(self, data: Any, validation: Any, folder: Path) -> None:
        """Write the user's data into the folder. Called in one process only."""

    @abstractmethod
    def stored(self, folder: Path) -> Any:
        """What `store` wrote, as `task` takes it."""

    def _again(self, folder: Path, origin: dict | None) -> str:
        return running.command(self.command, folder)

    def _data(self, data: Any, validation: Any, folder: Path) -> Any:
        if distributed.rank() == 0:
            self.store(data, validation, folder)
        distributed.wait()
        return self.stored(folder)

    def _moved(self, data: Any, task: Task, folder: Path) -> tuple[Any, Task]:
        data = self.stored(folder)
        return data, self.task(self.model, data)

    def _data_again(self, data: Any, validation: Any, folder: Path, origin: dict | None) -> tuple[Any, str]:
        halves = self.stored(folder)
        if data is None:
            return halves, self.fingerprint(halves)
        with tempfile.TemporaryDirectory(prefix="recurra-") as place:
            self.store(data, validation, Path(place))
            return halves, self.fingerprint(self.stored(Path(place)))


class ModelEstimator(StoringEstimator):
    """A task whose users hold the network itself, a module with its `folder` and `history`; it can be saved by itself."""

    need = ("model",)

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        self = super().load(folder)
        self.model.folder, self.model.history = self.folder, self.history
        return self

    @classmethod
    def _with(cls, settings: dict[str, Any]) -> Self:
        self = cls()
        self._settings = settings
        return self

    @staticmethod
    def read_files(paths: list[str]) -> list[str]:
        return paths

    def _train(self, *arguments: Any) -> None:
        super()._train(*arguments)
        self.model.folder, self.model.history = self.folder, self.history
