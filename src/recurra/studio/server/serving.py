"""The studio's JSON: for each part of the studio a router, made of what it needs."""

import contextlib
import tempfile
import zipfile
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Path, Query, Request
from fastapi.responses import FileResponse, Response, StreamingResponse
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool

from recurra.fitting.listeners import METRICS, PICTURE
from recurra.studio import shapes
from recurra.studio.jobs.comparisons import Comparisons
from recurra.studio.jobs.hub import Hub
from recurra.studio.jobs.launch import Launcher
from recurra.studio.jobs.trainer import STOPPING, Trainer
from recurra.studio.refusal import Refused
from recurra.studio.server.addresses import address
from recurra.studio.server.events import event, follow
from recurra.studio.settings import StudioConfig
from recurra.studio.store.runs import Runs
from recurra.studio.store.texts import Texts
from recurra.studio.views import about as views
from recurra.studio.views.card import Cards
from recurra.studio.views.look import QUESTIONS, Look, Question
from recurra.studio.views.writing import Writers
from recurra.training.runs import WEIGHTS

RunID = Annotated[str, Path(max_length=100, description="A run's id: its folder's name.")]
TextID = Annotated[str, Path(max_length=100)]
ComparisonID = Annotated[
    str, Path(max_length=100, description="A comparison's id, as POST /api/comparisons returned it.")
]
_DOWNLOADED = ("config.json", "vocabulary.json", WEIGHTS, METRICS, PICTURE)


def about(config: StudioConfig, threads: int) -> APIRouter:
    """What a page needs to know first."""
    router = APIRouter(tags=["studio"])

    @router.get("/about")
    def get_about(request: Request) -> dict[str, Any]:
        """The version, the machine, the limits, the cells with their equations, the corpora, the forms' fields.

        guest: whether this is asked by a guest. invitation: the address for guests, for the owner alone; null: none.
        """
        guest = request.state.guest
        invited = bool(config.guest_token) and not guest
        return views.about(config.limits, threads) | {
            "guest": guest,
            "invitation": address(config, config.port, config.guest_token) if invited else None,
        }

    return router


def texts(texts: Texts) -> APIRouter:
    """Texts that were sent."""
    router = APIRouter(prefix="/texts", tags=["texts"])

    @router.post("", status_code=201)
    async def add_text(
        request: Request,
        name: Annotated[str, Query(max_length=200)] = "text",
        encoding: Annotated[str, Query(max_length=40)] = "utf-8",
    ) -> shapes.Text:
        """Send a text: the body is the file as it is."""
        return await texts.add(request.stream(), name, encoding)

    @router.get("/{text}")
    def get_text(text: TextID) -> shapes.Text:
        """What is known of a text."""
        return texts.get(text)

    content = {200: {"content": {"text/plain": {}}, "description": "The text."}}

    @router.get("/{text}/content", response_class=Response, responses=content)
    def get_content(text: TextID) -> FileResponse:
        """The text itself."""
        return FileResponse(texts.path(text), media_type="text/plain; charset=utf-8")

    return router


def runs(runs: Runs, launcher: Launcher, trainer: Trainer, hub: Hub) -> APIRouter:
    """Runs, and their training."""
    router = APIRouter(prefix="/runs", tags=["runs"])

    @router.get("")
    def list_runs() -> shapes.RunList:
        """All runs, the newest first; beside them the models that ship with Recurra."""
        return {"runs": runs.all(), "packaged": runs.models()}

    @router.post("", status_code=201)
    def new_run(body: shapes.NewRun) -> shapes.Run:
        """Start a training; refused (409) while another one is running."""
        return launcher.new(body)

    @router.get("/{run}")
    def get_run(run: RunID) -> shapes.RunDetail:
        """A run with its curves and samples."""
        return runs.detail(run)

    @router.patch("/{run}")
    def rename_run(run: RunID, body: shapes.Rename) -> shapes.Run:
        """Give a run another title."""
        return launcher.rename(run, body.title)

    @router.delete("/{run}", status_code=204)
    def delete_run(run: RunID) -> None:
        """Delete a run; refused (409) while it is being trained."""
        runs.delete(run)

    @router.post("/{run}/stop")
    def stop_run(run: RunID) -> shapes.Run:
        """Stop a training and keep what it learned."""
        runs.get(run)
        trainer.stop(run, wait=STOPPING)
        return runs.get(run)

    @router.post("/{run}/continue")
    def continue_run(run: RunID, body: shapes.Continue | None = None) -> shapes.Run:
        """Resume a run where it stopped; one that is finished is trained on as a new run, which begins with its weights."""
        return launcher.resume(run, body or shapes.Continue())

    stream = {200: {"content": {"text/event-stream": {}}, "description": "snapshot, progress, train, ..., end."}}

    @router.get("/{run}/events", response_class=StreamingResponse, responses=stream)
    async def run_events(run: RunID) -> StreamingResponse:
        """A training as server-sent events: snapshot, progress, train, evaluate, sample, state, end."""
        await run_in_threadpool(runs.get, run)
        followed = follow(hub, run, lambda: runs.detail(run), lambda: runs.is_busy(run), lambda: runs.is_live(run))
        return StreamingResponse(followed, media_type="text/event-stream")

    archive = {200: {"content": {"application/zip": {}}, "description": "The run's folder."}}

    @router.get("/{run}/download", response_class=Response, responses=archive)
    def download_run(run: RunID) -> FileResponse:
        """A run as a ZIP file: settings, vocabulary, weights, what was measured."""
        folder = runs.folder(run)
        if not (folder / WEIGHTS).is_file():
            raise Refused(409, f"`{run}` has no model yet")
        place = tempfile.TemporaryDirectory(prefix="recurra-")
        path = f"{place.name}/run.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as written:
            for name in _DOWNLOADED:
                if (folder / name).is_file():
                    written.write(folder / name, f"{run}/{name}")
        return FileResponse(
            path, media_type="application/zip", filename=f"{run}.zip", background=BackgroundTask(place.cleanup)
        )

    return router


def writing(writers: Writers) -> APIRouter:
    """Text that a run writes."""
    router = APIRouter(tags=["writing"])
    answers = {200: {"content": {"text/event-stream": {}}, "description": "The text, or piece, ..., end."}}

    @router.post("/runs/{run}/generate", responses=answers)
    async def generate(
        request: Request,
        run: RunID,
        body: shapes.Generate,
        accept: Annotated[Literal["text/event-stream", "application/json"] | str, Header()] = "application/json",
    ) -> shapes.Generated:
        """Let a run write: JSON at the end, or, where text/event-stream is accepted, pieces as they are drawn."""
        settings = body.model_dump()
        text = await writers.begin(run, settings.pop("prompt"), settings)
        if "text/event-stream" not in accept:
            # Where nobody is there to read it, the answer does not matter.
            return await writers.whole(text, request.is_disconnected) or Response(status_code=204)
        events = writers.events(text)
        # The first piece before the status: what fails at once is answered as an error.
        first = await anext(events)
        return StreamingResponse(_joined(first, events), media_type="text/event-stream")

    return router


async def _joined(first: tuple[str, Any], rest: AsyncIterator[tuple[str, Any]]) -> AsyncIterator[bytes]:
    async with contextlib.aclosing(rest):
        yield event(*first)
        async for name, data in rest:
            yield event(name, data)


def cards(cards: Cards) -> APIRouter:
    """What a model would cost."""
    router = APIRouter(tags=["studio"])

    @router.post("/card")
    def get_card(body: shapes.CardBody) -> shapes.Card:
        """What a model costs: its parameters, its size, and the time to train it on a text, from this machine's speed."""
        return cards.card(body)

    return router


def comparisons(comparisons: Comparisons) -> APIRouter:
    """Cells compared on one text."""
    router = APIRouter(prefix="/comparisons", tags=["comparisons"])

    @router.post("", status_code=201)
    def start_comparison(body: shapes.NewComparison) -> shapes.ComparisonStarted:
        """Train several cells one after the other; refused (409) while anything else is being trained."""
        return comparisons.start(body)

    @router.get("/{comparison}")
    def get_comparison(comparison: ComparisonID) -> shapes.Comparison:
        """The rows so far, and what follows from them."""
        return comparisons.get(comparison)

    @router.post("/{comparison}/stop")
    def stop_comparison(comparison: ComparisonID) -> shapes.Comparison:
        """Stop the running training and begin no other."""
        return comparisons.stop(comparison)

    return router


def inside(look: Look) -> APIRouter:
    """Questions about the inside of a run's model, a path for each."""
    router = APIRouter(prefix="/runs/{run}/inside", tags=["inside"])
    for name, question in QUESTIONS.items():
        router.add_api_route(
            f"/{name}",
            _asking(look, question),
            methods=["POST"],
            name=name,
            response_model=question.answered,
            description=question.answer.__doc__,
        )
    return router


def _asking(look: Look, question: Question) -> Callable:
    async def ask(run: RunID, body: question.body) -> Response:
        return Response(await look.ask(run, question, body), media_type="application/json")

    return ask
