"""How trainings begin: from a page's request to a job for the training process."""

import threading
from pathlib import Path
from typing import Any

from recurra import cells
from recurra.config import options
from recurra.errors import ConfigError, setting
from recurra.studio.jobs.trainer import Trainer, can_resume
from recurra.studio.refusal import Refused
from recurra.studio.settings import PRESET, training_settings
from recurra.studio.shapes import Continue, NewRun
from recurra.studio.store.models import Models
from recurra.studio.store.runs import Runs, now
from recurra.studio.store.texts import Texts
from recurra.tasks.language import finetune
from recurra.tasks.language.compare import parameters
from recurra.tasks.language.config import settings
from recurra.text.build import expected_size


class Launcher:
    """Starts, resumes and renames runs: `launcher.new(NewRun(corpus="manual"))` → the run as the page shows it."""

    def __init__(self, runs: Runs, texts: Texts, models: Models, trainer: Trainer, parameters: int):
        """parameters: the most that a model may have."""
        self._runs, self._texts, self._models, self._trainer = runs, texts, models, trainer
        self._parameters, self._lock = parameters, threading.Lock()

    def new(self, body: NewRun) -> dict[str, Any]:
        """Start a training. ConfigError, CellError and Refused if the request is invalid."""
        text = self._texts.source(body.text, body.corpus)
        preset, values = training_settings(body.settings, body.minutes, tuning=body.parent is not None)
        parts, parent = settings(preset, **values), None
        if body.parent is not None:
            parts = finetune.settings(self._models.load(body.parent), preset, values)
            parent = str(self._runs.folder(body.parent))
        require_size(parts, text["symbols"] or 256, self._parameters)
        record = run_record(body.title or text["name"], text, parts, body.parent)
        record |= {"preset": preset, "given": values}
        job = {"do": "train", "source": text["source"], "preset": preset, "settings": values, "parent": parent}
        with self._lock:
            self._trainer.require_free()
            self._runs.require_room()
            run = self._runs.new_id(record["title"])
            self._trainer.start(run, record, job | {"out": str(self._runs.place(run))})
        return self._runs.get(run)

    def resume(self, run: str, body: Continue) -> dict[str, Any]:
        """Resume a run where it stopped; one that is finished is trained on as a new one, from its weights."""
        found = self._runs.get(run)
        if found["state"] in ("waiting", "training"):
            holder = self._runs.trained_elsewhere(run)
            raise Refused(409, f"`{run}` is being trained" + (f" by {holder}; stop it there first" if holder else ""))
        folder, record = self._runs.folder(run), self._runs.record(run)
        if found["state"] == "finished":
            return self._train_on(found, record, body)
        if not can_resume(folder):
            raise Refused(409, f"`{run}` has no checkpoint to resume from; start a new run, with this one as `parent`")
        if body.minutes or body.epochs:
            raise Refused(
                422,
                f"`{run}` resumes with the settings it began with: leave out `minutes` and `epochs`",
            )
        record |= {"title": found["title"], "created": found["created"]}
        with self._lock:
            self._trainer.start(run, record, _resume(folder))
        return self._runs.get(run)

    def _train_on(self, found: dict[str, Any], record: dict[str, Any], body: Continue) -> dict[str, Any]:
        given = {name: value for name, value in record.get("given", {}).items() if name not in ("minutes", "epochs")}
        given |= {"preset": record.get("preset", PRESET)} | ({"epochs": body.epochs} if body.epochs else {})
        if not body.epochs and not body.minutes:
            given |= {name: record["given"][name] for name in ("minutes", "epochs") if name in record.get("given", {})}
        if not (record.get("text") or record.get("corpus")):
            raise Refused(
                409, f"the text of `{found['id']}` is not here; send it, and start a run with this one as `parent`"
            )
        source = {"text": record.get("text"), "corpus": record.get("corpus")}
        return self.new(
            NewRun(**source, title=found["title"], parent=found["id"], settings=given, minutes=body.minutes)
        )

    def rename(self, run: str, title: str) -> dict[str, Any]:
        """Give a run another title, also while it is being trained."""
        self._runs.refuse_packaged(run)
        found = self._runs.get(run)
        job = self._trainer.jobs.get(run)
        if job is not None:
            job.going.record["title"] = title
        if (self._runs.place(run)).is_dir():
            self._runs.write_record(run, title=title, created=found["created"])
        return self._runs.get(run)


def _resume(folder: Path) -> dict[str, Any]:
    return {"do": "resume", "out": str(folder)}


def require_size(parts: dict[str, Any], symbols: int, most: int) -> int:
    """The parameters of a model. ConfigError if there are more than `most`. symbols: different characters of the text."""
    model = parts["model"]
    cells.get(model.cell)
    count = parameters(model, model.cell, range(expected_size(parts["text"], symbols)), model.hidden_size)
    if count > most:
        raise ConfigError(
            f"the model would have {count:,} parameters; this studio trains up to {most:,}: take a smaller"
            f" {setting('hidden_size')}, fewer {setting('num_layers')}, or a smaller vocabulary"
        )
    return count


def run_record(title: str, text: dict[str, Any], parts: dict[str, Any], parent: str | None) -> dict[str, Any]:
    """What studio.json is to hold of a run. text: as `Texts.source` returns it. parts: the settings by section."""
    flat = {o.name: getattr(part, o.name) for part in parts.values() for o in options(type(part))}
    return {
        "title": title.strip() or "text",
        "text": text["id"],
        "corpus": text["corpus"],
        "text_name": text["name"],
        "characters": text["characters"],
        "created": now(),
        "parent": parent,
        "group": None,
        "settings": flat,
    }
