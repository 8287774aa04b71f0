"""How trainings begin: from what a page asks for to a job for the training process."""

import threading
from typing import TYPE_CHECKING, Any

from recurra.config import nearest, options
from recurra.data.corpora import CORPORA
from recurra.studio import card
from recurra.studio.faults import Refused
from recurra.studio.runs import now
from recurra.studio.settings import PRESET, training_settings
from recurra.studio.shapes import Continue, NewRun
from recurra.studio.trainer import can_go_on
from recurra.tasks.language import finetune
from recurra.tasks.language.config import settings

if TYPE_CHECKING:
    from recurra.studio.app import Studio

_lock = threading.Lock()


def new(studio: "Studio", body: NewRun) -> dict[str, Any]:
    """Start a training. ConfigError, CellError and Refused where it cannot be."""
    text = source(studio, body.text, body.corpus)
    preset, values = training_settings(body.settings, body.minutes)
    parts, parent = settings(preset, **values), None
    if body.parent is not None:
        parts = finetune.settings(studio.models.load(body.parent), preset, values)
        parent = str(studio.runs.folder(body.parent))
    card.require_size(parts, text["symbols"] or 256, studio.config.limits.parameters)
    told = about(body.title or text["name"], text, parts, body.parent)
    job = {"do": "train", "source": text["source"], "preset": preset, "settings": values, "parent": parent}
    return start(studio, told | {"preset": preset, "given": values}, job)


def start(studio: "Studio", about: dict[str, Any], job: dict[str, Any]) -> dict[str, Any]:
    """Start a job under a new id."""
    with _lock:
        studio.trainer.require_free()
        studio.runs.require_room()
        run = studio.runs.new_id(about["title"], set(studio.trainer.jobs))
        studio.trainer.start(run, about, job | {"out": str(studio.runs.place(run))})
    return studio.runs.get(run)


def go_on(studio: "Studio", run: str, body: Continue) -> dict[str, Any]:
    """Go on with a run: where it stopped, or, after its end, as a new one from its weights."""
    found = studio.runs.get(run)
    if found["state"] in ("waiting", "training"):
        raise Refused(409, f"`{run}` is being trained")
    folder, about = studio.runs.folder(run), studio.runs.about(run)
    if found["state"] == "finished":
        return _train_on(studio, found, about, body)
    if not can_go_on(folder):
        raise Refused(409, f"`{run}` has no checkpoint to go on from; start a new run, with this one as `parent`")
    if body.minutes or body.epochs:
        raise Refused(
            422, f"`{run}` goes on as it began: leave out `minutes` and `epochs`, which were fixed at its start"
        )
    with _lock:
        studio.trainer.start(run, about | {"title": found["title"], "created": found["created"]}, _resume(folder))
    return studio.runs.get(run)


def _resume(folder) -> dict[str, Any]:
    return {"do": "resume", "out": str(folder)}


def _train_on(studio: "Studio", found: dict[str, Any], about: dict[str, Any], body: Continue) -> dict[str, Any]:
    given = {name: value for name, value in about.get("given", {}).items() if name not in ("minutes", "epochs")}
    given |= {"preset": about.get("preset", PRESET)} | ({"epochs": body.epochs} if body.epochs else {})
    if not body.epochs and not body.minutes:
        given |= {name: about["given"][name] for name in ("minutes", "epochs") if name in about.get("given", {})}
    if not (about.get("text") or about.get("corpus")):
        raise Refused(
            409, f"the text of `{found['id']}` is not here; send it, and start a run with this one as `parent`"
        )
    ask = {"text": about.get("text"), "corpus": about.get("corpus"), "title": found["title"], "parent": found["id"]}
    return new(studio, NewRun(**ask, settings=given, minutes=body.minutes))


def rename(studio: "Studio", run: str, title: str) -> dict[str, Any]:
    """Give a run another title, also while it is being trained."""
    found = studio.runs.get(run)
    job = studio.trainer.jobs.get(run)
    if job is not None:
        job.about["title"] = title
    if (studio.runs.place(run)).is_dir():
        studio.runs.write_about(run, title=title, created=found["created"])
    return studio.runs.get(run)


def all_runs(studio: "Studio") -> list[dict[str, Any]]:
    """All runs, also one whose folder is not there yet, the newest first."""
    there = set(studio.runs.ids()) | set(studio.trainer.jobs)
    found = []
    for run in there:
        try:
            found.append(studio.runs.get(run))
        except Refused:
            continue  # deleted since
    return sorted(found, key=lambda run: (run["created"], run["id"]), reverse=True)


def source(studio: "Studio", text: str | None, corpus: str | None) -> dict[str, Any]:
    """Where a text is, and what is known of it. Refused where there is no such text or corpus, or not one of the two."""
    if (text is None) == (corpus is None):
        raise Refused(422, "give either `text`, the id of one that was sent, or `corpus`, the name of one")
    if text is not None:
        return studio.texts.get(text) | {"source": str(studio.texts.path(text)), "corpus": None}
    if corpus not in CORPORA:
        raise Refused(404, f"there is no corpus `{corpus}`; {nearest(corpus, CORPORA)}")
    info = CORPORA[corpus]
    # The studio stays on this machine: what is not here is fetched on the command line.
    if not info.embedded and info.local() is None:
        raise Refused(409, f"the corpus `{corpus}` is not here; fetch it first: recurra corpora --fetch {corpus}")
    return {"id": None, "corpus": corpus, "name": corpus, "characters": None, "symbols": None, "source": corpus}


def about(title: str, text: dict[str, Any], parts: dict[str, Any], parent: str | None) -> dict[str, Any]:
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
