"""The studio's JSON: texts, runs, their events, and the text they write."""

import contextlib
import tempfile
import zipfile
from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Path, Query, Request
from fastapi.responses import FileResponse, Response, StreamingResponse
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool

from recurra.fitting.listeners import METRICS, PICTURE
from recurra.studio import events, launch, shapes
from recurra.studio.about import about
from recurra.studio.faults import Refused
from recurra.training.runs import WEIGHTS

router = APIRouter(prefix="/api", responses=shapes.FAULTS)
STOPPING = 20.0
"""Seconds that an answer waits for a training to save itself; it ends a little later by itself, and tells by an event."""
RunID = Annotated[str, Path(max_length=100, description="A run's id: its folder's name.")]
_DOWNLOADED = ("config.json", "vocabulary.json", WEIGHTS, METRICS, PICTURE)


@router.get("/about", tags=["studio"])
def get_about(request: Request) -> dict[str, Any]:
    """The version, the machine, the limits, the cells with their equations, the corpora, the forms' fields."""
    studio = request.app.state.studio
    return about(studio.config, studio.threads)


@router.post("/texts", status_code=201, tags=["texts"])
async def add_text(
    request: Request,
    name: Annotated[str, Query(max_length=200)] = "text",
    encoding: Annotated[str, Query(max_length=40)] = "utf-8",
) -> shapes.Text:
    """Send a text: the body is the file as it is."""
    return await request.app.state.studio.texts.add(request.stream(), name, encoding)


@router.get("/texts/{text}", tags=["texts"])
def get_text(request: Request, text: Annotated[str, Path(max_length=100)]) -> shapes.Text:
    """What is known of a text."""
    return request.app.state.studio.texts.get(text)


@router.get(
    "/texts/{text}/content",
    tags=["texts"],
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}, "description": "The text."}},
)
def get_content(request: Request, text: Annotated[str, Path(max_length=100)]) -> FileResponse:
    """The text itself."""
    return FileResponse(request.app.state.studio.texts.path(text), media_type="text/plain; charset=utf-8")


@router.get("/runs", tags=["runs"])
def list_runs(request: Request) -> shapes.RunList:
    """All runs, the newest first."""
    return {"runs": launch.all_runs(request.app.state.studio)}


@router.post("/runs", status_code=201, tags=["runs"])
def new_run(request: Request, body: shapes.NewRun) -> shapes.Run:
    """Start a training; refused (409) while another one goes on."""
    return launch.new(request.app.state.studio, body)


@router.get("/runs/{run}", tags=["runs"])
def get_run(request: Request, run: RunID) -> shapes.RunDetail:
    """A run with its curves and samples."""
    return request.app.state.studio.runs.detail(run)


@router.patch("/runs/{run}", tags=["runs"])
def rename_run(request: Request, run: RunID, body: shapes.Rename) -> shapes.Run:
    """Give a run another title."""
    return launch.rename(request.app.state.studio, run, body.title)


@router.delete("/runs/{run}", status_code=204, tags=["runs"])
def delete_run(request: Request, run: RunID) -> None:
    """Delete a run; refused (409) while it is being trained."""
    studio = request.app.state.studio
    if studio.runs.live(run) is not None:
        raise Refused(409, f"`{run}` is being trained, or waits for it; stop it first")
    studio.runs.delete(run)


@router.post("/runs/{run}/stop", tags=["runs"])
def stop_run(request: Request, run: RunID) -> shapes.Run:
    """Stop a training and keep what it learned."""
    studio = request.app.state.studio
    studio.runs.get(run)
    studio.trainer.stop(run, wait=STOPPING)
    return studio.runs.get(run)


@router.post("/runs/{run}/continue", tags=["runs"])
def continue_run(request: Request, run: RunID, body: shapes.Continue | None = None) -> shapes.Run:
    """Go on where a run stopped; one that is finished is trained on as a new run, which begins with its weights."""
    return launch.go_on(request.app.state.studio, run, body or shapes.Continue())


@router.get(
    "/runs/{run}/events",
    tags=["runs"],
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}, "description": "snapshot, progress, train, ..., end."}},
)
async def run_events(request: Request, run: RunID) -> StreamingResponse:
    """A training as server-sent events: snapshot, progress, train, evaluate, sample, state, end."""
    studio = request.app.state.studio
    await run_in_threadpool(studio.runs.get, run)
    alive = studio.runs.live
    stream = events.follow(studio.hub, run, lambda: studio.runs.detail(run), lambda: alive(run) is not None)
    return StreamingResponse(stream, media_type="text/event-stream")


@router.get(
    "/runs/{run}/download",
    tags=["runs"],
    response_class=Response,
    responses={200: {"content": {"application/zip": {}}, "description": "The run's folder."}},
)
def download_run(request: Request, run: RunID) -> FileResponse:
    """A run as a ZIP file: settings, vocabulary, weights, what was measured."""
    folder = request.app.state.studio.runs.folder(run)
    if not (folder / WEIGHTS).is_file():
        raise Refused(409, f"`{run}` has no model yet")
    place = tempfile.TemporaryDirectory(prefix="recurra-")
    path = f"{place.name}/run.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name in _DOWNLOADED:
            if (folder / name).is_file():
                archive.write(folder / name, f"{run}/{name}")
    return FileResponse(
        path, media_type="application/zip", filename=f"{run}.zip", background=BackgroundTask(place.cleanup)
    )


@router.post(
    "/runs/{run}/generate",
    tags=["writing"],
    responses={200: {"content": {"text/event-stream": {}}, "description": "The text, or piece, ..., end."}},
)
async def generate(
    request: Request,
    run: RunID,
    body: shapes.Generate,
    accept: Annotated[Literal["text/event-stream", "application/json"] | str, Header()] = "application/json",
) -> shapes.Generated:
    """Let a run write: JSON at the end, or, where text/event-stream is accepted, pieces as they are drawn."""
    studio = request.app.state.studio
    settings = body.model_dump()
    prompt = settings.pop("prompt")
    for name, most in (("length", studio.config.limits.length), ("prompt", studio.config.limits.prompt)):
        found = settings["length"] if name == "length" else len(prompt)
        if found > most:
            raise Refused(422, f"`{name}` is {found:,}; expected at most {most:,} characters")
    text = await studio.writers.begin(run, prompt, settings)
    if "text/event-stream" not in accept:
        return await studio.writers.whole(text)
    stream = studio.writers.events(text)
    # The first piece before the status: what fails at once is answered as an error.
    first = await anext(stream)
    return StreamingResponse(_joined(first, stream), media_type="text/event-stream")


async def _joined(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    async with contextlib.aclosing(rest):
        yield first
        async for part in rest:
            yield part
