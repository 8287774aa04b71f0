"""The studio put together: its parts, its page and its JSON, as one ASGI application."""

import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import plotly
import torch
from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, HTMLResponse, Response
from starlette.staticfiles import StaticFiles

import recurra
from recurra.studio.jobs.comparisons import Comparisons
from recurra.studio.jobs.hub import Hub
from recurra.studio.jobs.launch import Launcher
from recurra.studio.jobs.speed import Speeds
from recurra.studio.jobs.trainer import Trainer
from recurra.studio.server import faults, serving
from recurra.studio.server.guard import Guard
from recurra.studio.settings import StudioConfig
from recurra.studio.shapes import FAULTS
from recurra.studio.store.live import Live
from recurra.studio.store.models import Models
from recurra.studio.store.runs import OWN, Runs
from recurra.studio.store.texts import Texts
from recurra.studio.views.about import own_cell_files
from recurra.studio.views.card import Cards
from recurra.studio.views.look import Look
from recurra.studio.views.writing import Writers

STATIC = Path(__file__).parents[1] / "static"
_PLOTLY = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"


class Studio:
    """The parts of a studio, each made of the parts it needs. Only its owner, who starts and closes it, holds all of it."""

    def __init__(self, config: StudioConfig):
        """RunError if the folder of the runs is not writable."""
        limits, own_cells, live = config.limits, own_cell_files(), Live()
        self.config, self.hub = config, Hub()
        # What a training process, which begins as this one did, will take.
        self.threads = torch.get_num_threads()
        self.runs = Runs(config.runs, limits.kept_runs, live)
        self.texts = Texts(self.runs.root / OWN / "texts", limits.kept_texts, limits.text_bytes, self.runs.texts)
        self.models = Models(self.runs)
        self.trainer = Trainer(self.runs, live, self.hub, limits.trainings, own_cells)
        self.launcher = Launcher(self.runs, self.texts, self.models, self.trainer, limits.parameters)
        self.comparisons = Comparisons(self.runs, live, self.texts, self.trainer, self.hub, limits.parameters)
        self.speeds = Speeds(self.runs.root / OWN, own_cells)
        self.cards = Cards(self.texts, self.speeds, self.trainer, limits.parameters)
        self.writers = Writers(self.models, limits, threads=os.cpu_count() or 1)
        self.look = Look(self.models)
        self.interrupted: list[str] = []
        """The runs whose training was stopped by the studio's end."""

    def close(self) -> None:
        """Let the pages go and stop the trainings, so that they can be resumed later."""
        self.hub.close()
        self.writers.close()
        self.look.close()
        self.interrupted = self.trainer.close()


def create_app(config: StudioConfig | None = None) -> FastAPI:
    """The studio as an ASGI application: `uvicorn.run(create_app(StudioConfig(runs=Path("runs"))), port=8765)`.

    `app.state.studio` is the Studio, for whoever serves it. RunError if the folder of the runs is not writable.
    """
    config = config or StudioConfig()
    studio = Studio(config)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        studio.close()

    app = FastAPI(
        title="Recurra studio",
        version=recurra.__version__,
        description="Train, watch, generate and look inside: all that the page does.",
        openapi_url="/api/openapi.json",
        # Their pages load scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.studio = studio
    faults.install(app)
    for router in (
        serving.about(config, studio.threads),
        serving.texts(studio.texts),
        serving.runs(studio.runs, studio.launcher, studio.trainer, studio.hub),
        serving.writing(studio.writers),
        serving.cards(studio.cards),
        serving.comparisons(studio.comparisons),
        serving.inside(studio.look),
    ):
        app.include_router(router, prefix="/api", responses=FAULTS)
    app.add_api_route("/", _page, include_in_schema=False)
    app.add_api_route("/plotly.js", _plotly, include_in_schema=False)
    app.mount("/static", StaticFiles(directory=STATIC))
    app.add_middleware(Guard, config=config)
    return app


def _page(request: Request) -> Response:
    if not request.state.guest:
        return FileResponse(STATIC / "index.html")
    # Marked before it is drawn, so that what only the owner may do is never seen.
    page = (STATIC / "index.html").read_text("utf-8")
    return HTMLResponse(page.replace("<html ", "<html data-guest ", 1))


def _plotly() -> FileResponse:
    return FileResponse(_PLOTLY, media_type="text/javascript", headers={"Cache-Control": "max-age=86400"})
