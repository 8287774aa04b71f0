"""Tuning: settings are searched by fits on the same data, for so many minutes; what is held out chooses.

    model = Forecaster(horizon=12).tune(frame, minutes=5, out="runs/tuned")
    model.tried                                       a row for each fit: its settings, its loss, how it ended

The folder of a search that was stopped has `tune.db`, what was tried, and `trials/N`, the best run so far. At the end the
best run, or that of its settings fitted once more, moves into the folder itself, beside `tune.csv`.
"""

import contextlib
import csv
import io
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

from recurra import files, locks
from recurra.errors import ConfigError, RunError, setting
from recurra.fitting import folders, running, sources
from recurra.fitting.running import How
from recurra.fitting.search import TRIALS, Goal, Search, Searched
from recurra.fitting.space import Space
from recurra.fitting.trials import opened, required
from recurra.paths import expanded
from recurra.training import Interrupted, distributed

DATABASE, TABLE = "tune.db", "tune.csv"


class Tunable(Searched):
    """A task whose settings can be searched. To be named before `Estimator` among a class's parents."""

    _tried: tuple[Mapping[str, Any], ...] = ()

    def tune(
        self,
        data: Any,
        *,
        minutes: float | None = None,
        trials: int | None = None,
        search: Space | Iterable[str] | None = None,
        validation_data: Any = None,
        out: str | Path | None = None,
        quiet: bool | None = None,
    ) -> Self:
        """Search settings, and return the best model, fitted: `Forecaster(horizon=12).tune(frame, minutes=5)`.

        The first fit has the settings as they are; then come others. What is held out of `data` chooses, by its loss.
        A task may hold out more for that than `fit`, unless `validation` is set, and then fits the best settings once more.
        minutes: for all of it. trials: the most fits; with `trials` alone the result follows from the seed. search: names of
        settings in `SEARCH`, or a table like it; default all of it but the settings that have another value than their default.
        validation_data: as in `fit`. out: a new folder for the best run, or that of a search that was stopped, which is
        continued; default none is kept. quiet: show nothing; default: as in `fit`.

        The result has its settings and `tried`. ConfigError if Optuna is missing, nothing is left to search, or nothing is
        held out; DataError and RunError as `fit`, and where `out` has the search of other data; Interrupted after Ctrl-C.
        """
        return self._tune(data, validation_data, Goal(minutes, trials, search), How(out, quiet))

    @classmethod
    def tune_files(
        cls,
        paths: str | Path | Iterable[str | Path],
        out: str | Path | None = None,
        *,
        minutes: float | None = None,
        trials: int | None = None,
        quiet: bool | None = None,
        reading: dict[str, Any] | None = None,
        validation_data: Iterable[str | Path] = (),
        settings: Mapping[str, Any] = MappingProxyType({}),
    ) -> Self:
        """`tune` on files, which are read as by `from_files`.

        out: default runs/<name>-<number>. settings: of the estimator, which stay as they are; its `minutes` are those of each
        fit.
        """
        goal = Goal(minutes, trials, [name for name in cls.SEARCH if name not in settings]).checked()
        self, data, held, origin = cls._with_files(paths, reading, validation_data, dict(settings))
        how = How(out, quiet, name=folders.name_of(origin["paths"][0]))
        return self._tune(data, held, goal, how, origin)

    @property
    def tried(self) -> list[dict[str, Any]]:
        """Of the result of a search, what was tried, a row each: trial, validation_loss, measures, ended, done, seconds, best,
        and the settings. ended: "finished", "early" (at a look it was behind), "time" or "failed"; done: the part of
        the fit that was over; best: whether its settings were chosen. Where more was held out than usual, also fitted_again: in
        the best row, the loss of the result, which has its settings, on what is usually held out; no other loss is of that
        part. None there: the time was over, or the fit failed, and the result is the run of the search. tune.csv has the same;
        a model that was loaded has none."""
        return [dict(row) for row in self._tried]

    def _use(self) -> str:
        return "used to choose the settings" if self._tried else super()._use()

    def _tune(self, data: Any, validation: Any, goal: Goal, how: How, origin: dict[str, Any] | None = None) -> Self:
        goal, _ = goal.checked(), required()
        if distributed.world() > 1:
            raise ConfigError("a search runs in one process; start it without torchrun")
        self._check()
        space, kept = goal.space(self), how.out is not None or how.name is not None
        with _place(how) as place, opened(place / DATABASE, self.parts["training"].seed) as trials:
            search = Search(self, (data, validation), goal, space, place, trials, running.silent(how.quiet))
            try:
                search.run()
            except KeyboardInterrupt as error:
                code = getattr(error, "exit_code", running.INTERRUPTED)
                again = f"what was tried is kept. Continue with the same call and {setting('out', str(place))}"
                gone = f"nothing is kept; with {setting('out')} a search that was stopped can be continued"
                words = f"stopped, {len(trials.rows)} fits are done; {again if kept else gone}"
                raise Interrupted(words, code - 128) from None
            result = search.result
            if kept:
                _moved(result, place, search.tried, origin)
            found = type(self).load(place if kept else result)
            found._tried = tuple(map(MappingProxyType, search.tried))
            found._state.examples, found._state.paths = search.examples, list((origin or {}).get("paths", ()))
            if not kept:
                found._state.folder = None
        return found


@contextlib.contextmanager
def _place(how: How) -> Iterator[Path]:
    """The folder of a search: a new one, or that of one which was stopped; without a name and `out` a temporary one."""
    if how.out is None and how.name is None:
        with tempfile.TemporaryDirectory(prefix="recurra-") as folder:
            yield Path(folder)
        return
    made = how.out is None or not expanded(how.out).exists()
    folder = folders.new(how.name) if how.out is None else expanded(how.out)
    folders.settle(folder)
    if not (folder / DATABASE).exists():
        folders.claim(folder)
    elif (folder / folders.CONFIG).exists():
        raise RunError(
            f"the search in {folder} is finished; open its model with load, or choose a new folder with {setting('out')}"
        )
    try:
        with locks.held(folder, "tuning"):
            files.sweep(folder)
            try:
                yield folder
            finally:
                if not (folder / DATABASE).exists():  # nothing was tried
                    shutil.rmtree(folder / TRIALS, ignore_errors=True)
    finally:
        if made and not os.listdir(folder):
            folder.rmdir()


def _moved(best: Path, folder: Path, tried: list[dict[str, Any]], origin: dict[str, Any] | None) -> None:
    """Make the best run that of the folder, with the table of what was tried: all of it, or nothing."""
    about = files.read_json(best / folders.CONFIG)
    if origin:
        about["sources"] = sources.kept(origin, folder)
    with files.together(folder, folders.CONFIG) as place:
        shutil.copytree(best, place, dirs_exist_ok=True, ignore=_unwanted)
        files.write(place / TABLE, table(tried))
        files.write(place / folders.CONFIG, files.to_json(about, indent=2) + "\n")
    shutil.rmtree(folder / TRIALS, ignore_errors=True)


def _unwanted(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if name == folders.CONFIG or files.leftover(name)]


def table(tried: list[dict[str, Any]]) -> str:
    """What was tried as CSV."""
    text, names = io.StringIO(), dict.fromkeys(name for row in tried for name in row)
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(tried)
    return text.getvalue()
