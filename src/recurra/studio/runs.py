"""The runs in a folder, as the page shows them: one is a folder, as `recurra train` makes it, with studio.json beside.

studio.json   title, text, when it was made, what it was started with: what only the studio knows
"""

import json
import re
import shutil
import threading
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from recurra.errors import RunError
from recurra.files import write
from recurra.fitting.folders import CONFIG
from recurra.fitting.listeners import read_metrics
from recurra.studio import history
from recurra.studio.describe import ABOUT, SOURCES, describe, draft, read_json
from recurra.studio.faults import Refused

OWN = ".studio"
"""The studio's own folder under the runs: texts and comparisons."""
_ID = re.compile(r"[\w][\w. -]{0,99}")


class Runs:
    """The runs in a folder: `Runs(Path("runs"), most=500).get("book-1")`. `live` knows more of one in training."""

    def __init__(self, root: Path, most: int):
        self.root, self.most = root.resolve(), most
        try:
            (self.root / OWN).mkdir(parents=True, exist_ok=True)
            (self.root / OWN / "writable").touch()
            (self.root / OWN / "writable").unlink()
        except OSError as error:
            raise RunError(
                f"{root}: the folder cannot be written: {error.strerror}; name another with --runs"
            ) from None
        self.live: Callable[[str], dict[str, Any] | None] = lambda run: None
        self._known: dict[str, tuple[tuple, dict[str, Any]]] = {}
        self._lock = threading.Lock()

    def folder(self, run: str) -> Path:
        """A run's folder from its id. Refused (404) where there is none, or where the id is no plain name."""
        folder = self.place(run)
        if not any((folder / name).is_file() for name in (CONFIG, ABOUT)):
            raise Refused(404, f"there is no run `{run}`")
        return folder

    def place(self, run: str) -> Path:
        """Where a run of this id lies or would lie; never outside of the root."""
        # A name of two dots, a separator or a link to elsewhere leads out.
        if not _ID.fullmatch(run) or run.endswith((".", " ")) or (self.root / run).resolve().parent != self.root:
            raise Refused(404, f"there is no run `{run[:100]}`")
        return self.root / run

    def new_id(self, name: str, taken: set[str]) -> str:
        """A free id from a title: `new_id("Faust I", set())` → "Faust-I-1"."""
        plain = unicodedata.normalize("NFC", name)
        stem = re.sub(r"[^\w]+", "-", plain)[:60].strip("-_") or "text"
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
            return (folder / ABOUT).is_file() or json.loads((folder / CONFIG).read_text("utf-8"))["schema"].startswith(
                "language/"
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            # Not a run that the studio knows: another task's, another program's, a damaged one without a title.
            return False

    def get(self, run: str) -> dict[str, Any]:
        """One run as the page shows it. Refused (404) where there is none."""
        live = self.live(run)
        if live is None:
            return self._described(self.folder(run))
        if "settings" in live["about"] and not (self.place(run) / ABOUT).is_file():
            return draft(run, live)
        return self._described(self.folder(run)) | live["facts"]

    def detail(self, run: str) -> dict[str, Any]:
        """A run with its curves and samples."""
        found = self.get(run)
        return found | history.of(history.clean(read_metrics(self.place(run))))

    def about(self, run: str) -> dict[str, Any]:
        """What studio.json says of a run; empty for one the studio did not make."""
        return read_json(self.folder(run) / ABOUT)

    def write_about(self, run: str, **changes) -> None:
        """Change what studio.json says."""
        with self._lock:
            path = self.place(run) / ABOUT
            write(path, json.dumps(read_json(path) | changes, ensure_ascii=False, indent=1) + "\n")

    def delete(self, run: str) -> None:
        """Delete a run's folder: out of sight at once, whole or not at all."""
        folder = self.folder(run)
        grave = self.root / OWN / f"deleted-{run}"
        try:
            shutil.rmtree(grave, ignore_errors=True)
            folder.rename(grave)
            shutil.rmtree(grave)
        except OSError as error:
            raise RunError(f"{folder} could not be deleted: {error.strerror}") from error
        self._known.pop(run, None)

    def require_room(self) -> None:
        """Refused (409) where there are as many runs as may be."""
        if len(self.ids()) >= self.most:
            raise Refused(409, f"there are {self.most} runs, which is the limit; delete some first")

    def _described(self, folder: Path) -> dict[str, Any]:
        stamp = tuple(_stamp(folder / name) for name in SOURCES)
        known = self._known.get(folder.name)
        if known is None or known[0] != stamp:
            known = self._known[folder.name] = (stamp, describe(folder))
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
