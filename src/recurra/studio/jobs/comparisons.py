"""Comparisons: several cells on one text, one after the other, with the same parameters and the same time, some times each."""

import re
import threading
from itertools import product
from typing import Any

from recurra.data import read_documents
from recurra.files import read_json, to_json, write
from recurra.studio.jobs import advice
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
        """Begin. Refused, ConfigError, CellError and DataError if the request is invalid."""
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
            # All cells once, then all of them again: one that is stopped early has the cells side by side.
            for time, (cell, units) in product(range(body.times), chosen.items()):
                own = values | {"cell": cell, "hidden_size": units, "seed": parts["training"].seed + time}
                name = f"{text['name']} · {advice.title(cell)}" + (f", {time + 1}" if time else "")
                record = run_record(name, text, settings(preset, **own), None)
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
        """Its rows with what was measured so far, and sentences on them. Refused (404) if there is none."""
        stored = self._read(comparison)
        trainings = [self._training(row) for row in stored["rows"]]
        states = [one["state"] for one in trainings]
        if "training" in states or "waiting" in states:
            state = "training" if "training" in states else "waiting"
        elif all(state == "finished" for state in states):
            state = "finished"
        else:
            state = "stopped" if stored["stopped"] or "failed" not in states else "failed"
        names = dict.fromkeys((one["cell"], one["units"]) for one in trainings)
        rows = [
            advice.summary(*name, [one for one in trainings if (one["cell"], one["units"]) == name]) for name in names
        ]
        counts = {"trainings": len(trainings), "done": states.count("finished")}
        over = state not in ("training", "waiting")
        found = {"best": advice.best(rows) if over else [], "words": advice.sentences(rows) if over else []}
        return {"id": comparison, "state": state, **counts, "rows": rows, **found}

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

    def _training(self, row: dict[str, Any]) -> dict[str, Any]:
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
