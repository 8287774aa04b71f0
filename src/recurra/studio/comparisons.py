"""Comparisons: several cells on one text, one after the other, with the same parameters and the same time."""

import json
import re
import threading
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Path, Request

from recurra.data import read_documents
from recurra.files import write
from recurra.studio import launch, shapes
from recurra.studio.faults import Refused
from recurra.studio.runs import OWN, now
from recurra.studio.serving import STOPPING
from recurra.studio.settings import training_settings
from recurra.tasks.language.compare import sizes
from recurra.tasks.language.config import settings

if TYPE_CHECKING:
    from recurra.studio.app import Studio

router = APIRouter(prefix="/api", responses=shapes.FAULTS)
ComparisonID = Annotated[str, Path(max_length=100, description="A comparison's id, as POST /api/comparisons gave it.")]
_ID = re.compile(r"compare-\d{1,6}")


@router.post("/comparisons", status_code=201, tags=["comparisons"])
def start_comparison(request: Request, body: shapes.NewComparison) -> shapes.ComparisonStarted:
    """Train several cells one after the other; refused (409) while anything else is being trained."""
    return request.app.state.studio.comparisons.start(body)


@router.get("/comparisons/{comparison}", tags=["comparisons"])
def get_comparison(request: Request, comparison: ComparisonID) -> shapes.Comparison:
    """The rows so far, and what follows from them."""
    return request.app.state.studio.comparisons.get(comparison)


@router.post("/comparisons/{comparison}/stop", tags=["comparisons"])
def stop_comparison(request: Request, comparison: ComparisonID) -> shapes.Comparison:
    """Stop the training that goes on and begin no other."""
    return request.app.state.studio.comparisons.stop(comparison)


class Comparisons:
    """The comparisons of a studio; what a training process does not know of them is in `.studio/comparisons`."""

    def __init__(self, studio: "Studio"):
        self.studio, self.folder = studio, studio.runs.root / OWN / "comparisons"
        self.folder.mkdir(exist_ok=True)
        self._lock, self.waiting = threading.Lock(), {}
        """Runs that have not begun: id → (about, job)."""
        studio.trainer.after.append(lambda run: self.advance())

    def start(self, body: shapes.NewComparison) -> dict[str, Any]:
        """Begin. Refused, ConfigError, CellError and DataError where it cannot be."""
        studio, names = self.studio, list(dict.fromkeys(body.cells))
        studio.trainer.require_free()
        text = launch.source(studio, body.text, body.corpus)
        preset, values = training_settings({"preset": "compare", **body.settings}, body.minutes)
        parts = settings(preset, **values)
        documents = read_documents(text["source"])
        chosen = sizes(names, documents, min(body.parameters, studio.config.limits.parameters), parts)
        with self._lock:
            if self.waiting:
                raise Refused(409, "another comparison goes on; stop it first")
            group = self._new_id()
            rows, taken = [], set(studio.trainer.jobs)
            for cell, units in chosen.items():
                own = values | {"cell": cell, "hidden_size": units}
                about = launch.about(f"{text['name']} · {cell}", text, settings(preset, **own), None)
                about |= {"group": group, "preset": preset, "given": own}
                run = studio.runs.new_id(about["title"], taken)
                taken.add(run)
                job = {"do": "train", "source": text["source"], "preset": preset, "settings": own, "parent": None}
                self.waiting[run] = (about, job | {"out": str(studio.runs.place(run))})
                rows.append({"cell": cell, "units": units, "run": run})
            self._write(group, {"created": now(), "stopped": False, "rows": rows})
        self.advance()
        return {"id": group, "runs": [row["run"] for row in rows]}

    def advance(self) -> None:
        """Begin the next training, where one waits and nothing else is being trained."""
        with self._lock:
            if not self.waiting:
                return
            run = next(iter(self.waiting))
            about, job = self.waiting[run]
            try:
                self.studio.trainer.start(run, about, job)
            except Refused:
                return  # somebody else was quicker; it goes on when they are done
            del self.waiting[run]

    def draft(self, run: str) -> dict[str, Any] | None:
        """What is known of a run that waits; None for any other."""
        found = self.waiting.get(run)
        return None if found is None else {"about": found[0], "facts": {}}

    def get(self, comparison: str) -> dict[str, Any]:
        """Its rows with what was measured so far, and sentences on them. Refused (404) where there is none."""
        told = self._read(comparison)
        rows = [self._row(row) for row in told["rows"]]
        states = [row["state"] for row in rows]
        if "training" in states or "waiting" in states:
            state = "training" if "training" in states else "waiting"
        elif all(state == "finished" for state in states):
            state = "finished"
        else:
            state = "stopped" if told["stopped"] or "failed" not in states else "failed"
        return {"id": comparison, "state": state, "rows": rows, "words": sentences(rows)}

    def stop(self, comparison: str) -> dict[str, Any]:
        """Stop it; what was learned is kept."""
        told = self._read(comparison)
        self._write(comparison, told | {"stopped": True})
        with self._lock:
            given_up = [row["run"] for row in told["rows"] if self.waiting.pop(row["run"], None)]
        for run in given_up:
            self.studio.hub.end(run)
        for row in told["rows"]:
            if row["run"] in self.studio.trainer.jobs:
                self.studio.trainer.stop(row["run"], wait=STOPPING)
        return self.get(comparison)

    def _row(self, row: dict[str, Any]) -> dict[str, Any]:
        try:
            run = self.studio.runs.get(row["run"])
        except Refused:
            # It never began, or was deleted since.
            empty = dict.fromkeys(("parameters", "nats", "bits", "speed", "steps"))
            return row | empty | {"seconds": 0.0, "state": "stopped"}
        return row | {
            "parameters": run["parameters"],
            "nats": run["loss"],
            "bits": run["bits_per_character"],
            "speed": run["speed"],
            "seconds": run["seconds"],
            "steps": run["step"],
            "state": run["state"],
        }

    def _new_id(self) -> str:
        return next(f"compare-{n}" for n in range(1, 10**6) if not (self.folder / f"compare-{n}.json").exists())

    def _read(self, comparison: str) -> dict[str, Any]:
        path = self.folder / f"{comparison}.json"
        if not _ID.fullmatch(comparison) or not path.is_file():
            raise Refused(404, f"there is no comparison `{comparison}`")
        return json.loads(path.read_text("utf-8"))

    def _write(self, comparison: str, told: dict[str, Any]) -> None:
        write(self.folder / f"{comparison}.json", json.dumps(told, ensure_ascii=False))


def sentences(rows: list[dict[str, Any]]) -> list[str]:
    """When to pick which cell, from the numbers of a comparison; empty until two cells have some.

    Bits a character are compared as they were measured on the held-out part of the text; a hundredth of the best is
    taken as no difference.
    """
    done = sorted((row for row in rows if row["bits"] is not None), key=lambda row: row["bits"])
    if len(done) < 2:
        return []
    best, second = done[0], done[1]
    close = [row for row in done[1:] if row["bits"] <= 1.01 * best["bits"]]
    words = [f"{best['cell']} learned most: {best['bits']:.3f} bits a character in {best['seconds']:.3g} seconds."]
    if close:
        names = " and ".join(row["cell"] for row in close)
        words.append(f"{names} came within 1 % of it: on this text the choice hardly matters.")
    else:
        words.append(f"{second['cell']} came second with {second['bits']:.3f}, {_percent(second, best)} more.")
    fastest = max((row for row in done if row["speed"]), key=lambda row: row["speed"], default=None)
    if fastest is not None and fastest is not best:
        factor = fastest["speed"] / best["speed"]
        words.append(
            f"{fastest['cell']} read {factor:.1f} times as many characters a second as {best['cell']}, and ended at"
            f" {fastest['bits']:.3f} bits: pick it where speed counts more than {_percent(fastest, best)}."
        )
    last = done[-1]
    if last not in close and last is not second:
        words.append(f"{last['cell']} learned least here: {last['bits']:.3f} bits, {_percent(last, best)} more.")
    return words


def _percent(row: dict[str, Any], best: dict[str, Any]) -> str:
    return f"{row['bits'] / best['bits'] - 1:.1%}".replace("%", " %")
