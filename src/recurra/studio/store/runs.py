"""The runs in a folder, as the page shows them: one is a folder, as `recurra train` makes it, with studio.json beside.

studio.json   title, text, when it was made, what it was started with: what only the studio knows
"""

import re
import shutil
import threading
import unicodedata
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from recurra import files, locks, models
from recurra.errors import RunError
from recurra.fitting.folders import CONFIG
from recurra.fitting.listeners import read_metrics
from recurra.studio.refusal import Refused
from recurra.studio.store import history
from recurra.studio.store.describe import RECORD, SOURCES, describe, draft, read_json
from recurra.studio.store.live import Live

OWN = ".studio"
"""The studio's own folder under the runs: texts and comparisons."""
PACKAGED = "packaged."
"""Begins the id of a model that ships with Recurra; no run of a user's begins so."""
_ID = re.compile(r"[\w][\w. -]{0,99}")


class Runs:
    """The runs in a folder: `Runs(Path("runs"), 500, Live()).get("book-1")`."""

    def __init__(self, root: Path, most: int, live: Live):
        """most: runs that are kept. live: those under way. RunError if nothing can be written into the folder."""
        self.root, self.most, self._live = root.resolve(), most, live
        self.packaged = {PACKAGED + folder.name: folder for folder in models.folders()}
        """Models that ship with Recurra, by id: they write and are looked into; they are not listed among the runs."""
        try:
            (self.root / OWN).mkdir(parents=True, exist_ok=True)
            (self.root / OWN / "writable").touch()
            (self.root / OWN / "writable").unlink()
        except OSError as error:
            raise RunError(
                f"{root}: the folder cannot be written: {error.strerror}; name another with --runs"
            ) from None
        self._known: dict[str, tuple[tuple, dict[str, Any]]] = {}
        self._lock = threading.Lock()

    def folder(self, run: str) -> Path:
        """A run's folder from its id. Refused (404) if there is none, or where the id is no plain name."""
        if run in self.packaged:
            return self.packaged[run]
        folder = self.place(run)
        if not any((folder / name).is_file() for name in (CONFIG, RECORD)):
            raise Refused(404, f"there is no run `{run}`")
        return folder

    def place(self, run: str) -> Path:
        """Where a run of this id lies or would lie; never outside of the root."""
        # A name of two dots, a separator or a link to elsewhere leads out.
        if not _ID.fullmatch(run) or run.endswith((".", " ")) or (self.root / run).resolve().parent != self.root:
            raise Refused(404, f"there is no run `{run[:100]}`")
        return self.root / run

    def new_id(self, title: str) -> str:
        """A free id from a title: `new_id("Faust I")` → "Faust-I-1"."""
        plain = unicodedata.normalize("NFC", title)
        stem = re.sub(r"[^\w]+", "-", plain)[:60].strip("-_") or "text"
        taken = self._live.ids()
        numbers = (f"{stem}-{n}" for n in range(1, 10**6))
        return next(run for run in numbers if run not in taken and not (self.root / run).exists())

    def ids(self) -> list[str]:
        """The ids of all runs there are on disk."""
        try:
            places = [path for path in self.root.iterdir() if _ID.fullmatch(path.name) and path.is_dir()]
        except OSError as error:
            raise RunError(f"{self.root} cannot be read: {error.strerror}") from None
        return [p.name for p in places if p.resolve().parent == self.root and self._is_run(p)]

    @staticmethod
    def _is_run(folder: Path) -> bool:
        try:
            return (folder / RECORD).is_file() or files.read_json(folder / CONFIG)["schema"].startswith("language/")
        except (RunError, KeyError, TypeError, AttributeError):
            # Not a run that the studio knows: another task's, another program's, a damaged one without a title.
            return False

    def get(self, run: str) -> dict[str, Any]:
        """One run as the page shows it. Refused (404) if there is none."""
        if run in self.packaged:
            return self._packaged(run)
        going = self._live.get(run)
        if going is None:
            found = self._described(self.folder(run))
            return found | {"state": "training", "error": None} if self.trained_elsewhere(run) else found
        if "settings" in going.record and not (self.place(run) / RECORD).is_file():
            return draft(run, going.record, going.facts)
        return self._described(self.folder(run)) | going.facts

    def all(self) -> list[dict[str, Any]]:
        """All runs, also one whose folder is not there yet, the newest first."""
        found = []
        for run in set(self.ids()) | self._live.begun():
            try:
                found.append(self.get(run))
            except Refused:
                continue  # deleted since
        return sorted(found, key=lambda run: (run["created"], run["id"]), reverse=True)

    def models(self) -> list[dict[str, Any]]:
        """The models that ship with Recurra, as the page shows them."""
        return [self._packaged(run) for run in self.packaged]

    def _packaged(self, run: str) -> dict[str, Any]:
        found = self._described(self.packaged[run])
        text = found["text"] | {"corpus": "manual", "name": "Python's manual"}
        return found | {"id": run, "title": text["name"], "packaged": True, "created": "", "text": text}

    def texts(self) -> set[str | None]:
        """The ids of the texts that the runs were trained on."""
        return {run["text"]["id"] for run in self.all()}

    def is_live(self, run: str) -> bool:
        """Whether a run is being trained, or waits for it."""
        return self._live.get(run) is not None

    def trained_elsewhere(self, run: str) -> locks.Holder | None:
        """Who trains a run that this studio does not train: another studio, or a command; None if nobody does."""
        return None if self.is_live(run) else locks.holder(self.place(run))

    def is_busy(self, run: str) -> bool:
        """Whether a run is being trained, or waits for it, here or elsewhere."""
        return self.is_live(run) or self.trained_elsewhere(run) is not None

    def detail(self, run: str) -> dict[str, Any]:
        """A run with its curves and samples."""
        found = self.get(run)
        return found | history.of(history.clean(read_metrics(self.place(run))))

    def record(self, run: str) -> dict[str, Any]:
        """What studio.json holds of a run; empty for one the studio did not make."""
        return read_json(self.folder(run) / RECORD)

    def write_record(self, run: str, **changes) -> None:
        """Change what studio.json holds. Refused (409) for a model that ships with Recurra."""
        self.refuse_packaged(run)
        with self._lock:
            path = self.place(run) / RECORD
            files.write(path, files.to_json(read_json(path) | changes, indent=1) + "\n")

    def delete(self, run: str) -> None:
        """Delete a run's folder: out of sight at once, whole or not at all. Refused (409) while it is under way, here or
        elsewhere, and for a model that ships with Recurra."""
        self.refuse_packaged(run)
        if self.is_live(run):
            raise Refused(409, f"`{run}` is being trained, or waits for it; stop it first")
        folder = self.folder(run)
        grave = self.root / OWN / f"deleted-{run}"
        try:
            # Nobody begins to train it in between.
            with locks.held(folder, "deleting it", wait=0):
                shutil.rmtree(grave, ignore_errors=True)
                folder.rename(grave)
            shutil.rmtree(grave)
        except locks.Busy:
            who = self.trained_elsewhere(run) or "another process"
            raise Refused(409, f"`{run}` is being trained by {who}; stop it there first") from None
        except OSError as error:
            raise RunError(f"{folder} could not be deleted: {error.strerror}") from error
        self._known.pop(str(folder), None)

    def refuse_packaged(self, run: str) -> None:
        """Refused (409) for a model that ships with Recurra."""
        if run in self.packaged:
            raise Refused(409, "this model ships with Recurra and stays as it is; train one of your own")

    def require_room(self) -> None:
        """Refused (409) if there are as many runs as may be."""
        if len(self.ids()) >= self.most:
            raise Refused(409, f"there are {self.most} runs, which is the limit; delete some first")

    def _described(self, folder: Path) -> dict[str, Any]:
        stamp = tuple(_stamp(folder / name) for name in SOURCES)
        known = self._known.get(str(folder))
        if known is None or known[0] != stamp:
            known = self._known[str(folder)] = (stamp, describe(folder))
        return known[1]


def now() -> str:
    """The time as the page shows it: ISO 8601, UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size
