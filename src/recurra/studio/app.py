"""The studio put together: its parts, its page and its JSON, as one ASGI application."""

import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import plotly
import torch
from fastapi import FastAPI
from fastapi.responses import FileResponse
from starlette.staticfiles import StaticFiles

import recurra
from recurra.studio import card, comparisons, faults, launch, look, serving
from recurra.studio.about import own_cell_files
from recurra.studio.comparisons import Comparisons
from recurra.studio.events import Hub
from recurra.studio.guard import Guard
from recurra.studio.models import Models
from recurra.studio.runs import OWN, Runs
from recurra.studio.settings import StudioConfig
from recurra.studio.speed import Speeds
from recurra.studio.texts import Texts
from recurra.studio.trainer import Trainer
from recurra.studio.writing import Writers

STATIC = Path(__file__).parent / "static"
_PLOTLY = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"


class Studio:
    """The parts of a studio; a request finds them as `request.app.state.studio`."""

    def __init__(self, config: StudioConfig):
        limits, own_cells = config.limits, own_cell_files()
        self.config = config
        # What a training process, which begins as this one did, will take.
        self.threads = torch.get_num_threads()
        self.runs = Runs(config.runs, limits.kept_runs)
        self.texts = Texts(self.runs.root / OWN / "texts", limits.kept_texts, limits.text_bytes, self._used_texts)
        self.hub = Hub()
        self.trainer = Trainer(self.runs, self.hub, limits.trainings, own_cells)
        self.comparisons = Comparisons(self)
        self.runs.live = lambda run: self.trainer.live(run) or self.comparisons.draft(run)
        self.models = Models(self.runs)
        self.writers = Writers(self.models, limits.generations, threads=os.cpu_count() or 1)
        self.speeds = Speeds(self.runs.root / OWN, own_cells)
        self.interrupted: list[str] = []
        """The runs whose training was stopped by the studio's end."""

    def _used_texts(self) -> set[str]:
        return {run["text"]["id"] for run in launch.all_runs(self)}

    def close(self) -> None:
        """Let the pages go and stop the trainings, so that they can go on later."""
        self.hub.close()
        self.writers.close()
        self.interrupted = self.trainer.close()


def create_app(config: StudioConfig | None = None) -> FastAPI:
    """The studio as an ASGI application: `uvicorn.run(create_app(StudioConfig(runs=Path("runs"))), port=8765)`.

    RunError where the folder of the runs cannot be written.
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
    for part in (serving, card, comparisons, look):
        app.include_router(part.router)
    app.add_api_route("/", _page, include_in_schema=False)
    app.add_api_route("/plotly.js", _plotly, include_in_schema=False)
    app.mount("/static", StaticFiles(directory=STATIC))
    app.add_middleware(Guard, config=config)
    return app


def _page() -> FileResponse:
    return FileResponse(STATIC / "index.html")


def _plotly() -> FileResponse:
    return FileResponse(_PLOTLY, media_type="text/javascript", headers={"Cache-Control": "max-age=86400"})
