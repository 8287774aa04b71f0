"""Comparisons: several cells on one text, one after the other, with the same parameters and the same time."""

import re
import threading
from typing import Any

from recurra.data import read_documents
from recurra.files import read_json, to_json, write
from recurra.studio.jobs.hub import Hub
from recurra.studio.jobs.launch import run_record
from recurra.studio.jobs.trainer import STOPPING, Trainer
from recurra.studio.refusal import Refused
from recurra.studio.settings import training_settings
from recurra.studio.shapes import NewComparison
from recurra.studio.store.live import Going, Live
from recurra.studio.store.runs import OWN, Runs, now
from recurra.studio.store.texts import Texts
from recurra.tasks.language.compare import sizes
from recurra.tasks.language.config import settings

_ID = re.compile(r"compare-\d{1,6}")


class Comparisons:
    """The comparisons of a studio; what a training process does not know of them is in `.studio/comparisons`."""

    def __init__(self, runs: Runs, live: Live, texts: Texts, trainer: Trainer, hub: Hub, parameters: int):
        """live: gets the runs that wait. hub: gets the end of those given up. parameters: the most of a model."""
        self.folder = runs.root / OWN / "comparisons"
        self.folder.mkdir(exist_ok=True)
        self._runs, self._live, self._texts, self._trainer, self._hub = runs, live, texts, trainer, hub
        self._parameters, self._lock = parameters, threading.Lock()
        self._waiting: dict[str, dict[str, Any]] = {}
        """The jobs of runs that have not begun, by id."""
        trainer.when_one_ends(lambda run: self._advance())

    def start(self, body: NewComparison) -> dict[str, Any]:
        """Begin. Refused, ConfigError, CellError and DataError where the request is invalid."""
        names = list(dict.fromkeys(body.cells))
        self._trainer.require_free()
        text = self._texts.source(body.text, body.corpus)
        preset, values = training_settings({"preset": "compare", **body.settings}, body.minutes)
        parts = settings(preset, **values)
        documents = read_documents(text["source"])
        chosen = sizes(names, documents, min(body.parameters, self._parameters), parts)
        with self._lock:
            if self._waiting:
                raise Refused(409, "another comparison is running; stop it first")
            group = self._new_id()
            rows = []
            for cell, units in chosen.items():
                own = values | {"cell": cell, "hidden_size": units}
                record = run_record(f"{text['name']} · {cell}", text, settings(preset, **own), None)
                record |= {"group": group, "preset": preset, "given": own}
                run = self._runs.new_id(record["title"])
                self._live.put(run, Going(record, begun=False))
                job = {"do": "train", "source": text["source"], "preset": preset, "settings": own, "parent": None}
                self._waiting[run] = job | {"out": str(self._runs.place(run))}
                rows.append({"cell": cell, "units": units, "run": run})
            self._write(group, {"created": now(), "stopped": False, "rows": rows})
        self._advance()
        return {"id": group, "runs": [row["run"] for row in rows]}

    def _advance(self) -> None:
        """Begin the next training, where one waits and nothing else is being trained."""
        with self._lock:
            if not self._waiting:
                return
            run = next(iter(self._waiting))
            try:
                self._trainer.start(run, self._live.get(run).record, self._waiting[run])
            except Refused:
                return  # somebody else was quicker; the next end comes here again
            del self._waiting[run]

    def get(self, comparison: str) -> dict[str, Any]:
        """Its rows with what was measured so far, and sentences on them. Refused (404) where there is none."""
        stored = self._read(comparison)
        rows = [self._row(row) for row in stored["rows"]]
        states = [row["state"] for row in rows]
        if "training" in states or "waiting" in states:
            state = "training" if "training" in states else "waiting"
        elif all(state == "finished" for state in states):
            state = "finished"
        else:
            state = "stopped" if stored["stopped"] or "failed" not in states else "failed"
        return {"id": comparison, "state": state, "rows": rows, "words": sentences(rows)}

    def stop(self, comparison: str) -> dict[str, Any]:
        """Stop it; what was learned is kept."""
        stored = self._read(comparison)
        self._write(comparison, stored | {"stopped": True})
        with self._lock:
            waiting = [row["run"] for row in stored["rows"] if self._waiting.pop(row["run"], None)]
            for run in waiting:
                self._live.drop(run)
        for run in waiting:
            self._hub.end(run)
        for row in stored["rows"]:
            if row["run"] in self._trainer.jobs:
                self._trainer.stop(row["run"], wait=STOPPING)
        return self.get(comparison)

    def _row(self, row: dict[str, Any]) -> dict[str, Any]:
        try:
            run = self._runs.get(row["run"])
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
        return read_json(path)

    def _write(self, comparison: str, stored: dict[str, Any]) -> None:
        write(self.folder / f"{comparison}.json", to_json(stored))


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
