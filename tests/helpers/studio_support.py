"""A studio for tests: its application with a client, a small model without training, and waiting for what happens."""

import asyncio
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from starlette.testclient import TestClient

from recurra.studio.jobs import worker
from recurra.studio.server.app import create_app
from recurra.studio.settings import Limits, StudioConfig
from recurra.tasks.language import LanguageModel
from recurra.tasks.language.config import LanguageConfig
from recurra.text import build_vocabulary

TEXT = "the cat sat on the mat, and the dog sat on the cat.\n" * 60
HOST = "http://127.0.0.1:8765"
TINY = {"preset": "tiny", "embedding_size": 8, "hidden_size": 8, "batch_size": 4, "window": 16}
"""A training of a second."""
LONG = TINY | {"epochs": 2000}
"""One that does not end before it is stopped."""


def client(
    runs: Path, host: str = HOST, headers: dict[str, str] | None = None, config=None, **limits: Any
) -> TestClient:
    """A client of a new studio over a folder of runs; `client.app.state.studio` is the studio itself."""
    config = config or StudioConfig(runs=runs, limits=Limits(**limits))
    return TestClient(create_app(config), base_url=host, headers=headers, raise_server_exceptions=False)


def save_model(folder: Path, text: str = TEXT, cell: str = "lstm", units: int = 8) -> LanguageModel:
    """A model with random weights in a folder of its own: a run in the state "model"."""
    torch.manual_seed(0)
    model = LanguageModel(build_vocabulary([text]), LanguageConfig(cell, 8, units, dropout=0, input_dropout=0))
    model.save(folder)
    return model


def train_here(api: TestClient, stopping: Callable[[dict[str, Any]], bool] = lambda event: False) -> TestClient:
    """Let a studio train in this process, before it answers: one of its own takes seconds to begin.

    stopping: whether to stop the training at one of its events.
    """
    studio = api.app.state.studio

    def start(run: str, record: dict[str, Any], job: dict[str, Any]) -> None:
        stop = threading.Event()
        job = json.loads(json.dumps(job))  # as it comes to a process
        worker.JOBS[job["do"]](job, lambda event: stop.set() if stopping(event) else None, stop)
        studio.runs.write_record(run, **record, error=None)

    studio.trainer.start = start
    return api


def send(api: TestClient, text: str = TEXT, name: str = "cats.txt") -> str:
    """Send a text; its id."""
    answer = api.post("/api/texts", params={"name": name}, content=text.encode())
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


def start(api: TestClient, settings: dict[str, Any] = TINY, text: str | None = None, **more: Any) -> str:
    """Start a training; its run's id."""
    answer = api.post("/api/runs", json={"text": text or send(api), "settings": settings, **more})
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


def wait(api: TestClient, run: str, *states: str, seconds: float = 60.0) -> dict[str, Any]:
    """Wait until a run is in one of some states; the run."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        found = api.get(f"/api/runs/{run}").json()
        if found["state"] in states:
            return found
        time.sleep(0.05)
    raise AssertionError(f"{run} is {found['state']}, not one of {states}, after {seconds} s; error: {found['error']}")


async def call(
    app, path: str, received: list[dict[str, Any]], headers: dict[str, str] | None = None
) -> list[dict[str, Any]]:
    """The messages that an application sends for a POST whose client sends `received` and then is silent."""
    names = {"host": "127.0.0.1:8765", "content-type": "application/json"} | (headers or {})
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in names.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8765),
    }
    waiting, sent = list(received), []

    async def receive() -> dict[str, Any]:
        if not waiting:
            await asyncio.Event().wait()
        # The last message is there for good, as a client that has left is.
        return waiting.pop(0) if len(waiting) > 1 or waiting[0]["type"] != "http.disconnect" else waiting[0]

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent


def chunk(content: bytes, more: bool = False) -> dict[str, Any]:
    """A piece of a body, for `call`."""
    return {"type": "http.request", "body": content, "more_body": more}


GONE = {"type": "http.disconnect"}
"""A client's leaving, for `call`."""


def events(body: str) -> list[tuple[str, dict[str, Any]]]:
    """The server-sent events of an answer: (name, data)."""
    blocks = [block.split("\n") for block in body.split("\n\n") if block.startswith("event: ")]
    return [(name.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for name, data in blocks]
