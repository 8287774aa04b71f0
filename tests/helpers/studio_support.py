"""A studio for tests: its application with a client, a small model without training, and waiting for what happens."""

import json
import time
from pathlib import Path
from typing import Any

import torch
from starlette.testclient import TestClient

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


def events(body: str) -> list[tuple[str, dict[str, Any]]]:
    """The server-sent events of an answer: (name, data)."""
    blocks = [block.split("\n") for block in body.split("\n\n") if block.startswith("event: ")]
    return [(name.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for name, data in blocks]
