"""A studio with two trained models, and its visitors. One for all files: a test leaves no run behind."""

import json

import pytest
from helpers import browser
from helpers.studio_support import client, send, start, train_here

import recurra
from recurra.studio.jobs.speed import FILE
from recurra.studio.store.runs import OWN

PARTS = "".join(f'def part_{n}(x):\n    """The part with (some) of it."""\n    return x + {n}\n\n' for n in range(200))
SPEED = {"points": [[1e4, 3e-6], [1e5, 2e-5], [1e6, 2e-4]], "step": 2e-3, "generated": 1e-3}
"""What a machine may measure: a studio that knows it measures nothing while its page is looked at."""


@pytest.fixture(scope="session")
def learn(tmp_path_factory):
    """learn("An LSTM", text, cell="lstm") → the id of a small model that is trained on parts.py, or on another text of
    that name; `learn.folder` is the folder of the runs."""
    folder = tmp_path_factory.mktemp("studio") / "runs"
    api = train_here(client(folder))
    speeds = {"recurra": recurra.__version__, "cells": dict.fromkeys(("lstm", "gru", "rnn", "mingru"), SPEED)}
    (folder / OWN / FILE).write_text(json.dumps(speeds))

    def one(title: str, text: str = PARTS, **settings) -> str:
        small = {"hidden_size": 24, "embedding_size": 8, "batch_size": 8, "window": 32, "epochs": 3}
        return start(api, small | settings, send(api, text, "parts.py"), title=title)

    one.folder = folder
    return one


@pytest.fixture(scope="session")
def models(learn):
    """Two models on the same text: an LSTM and an RNN; their ids."""
    return [learn("An LSTM", cell="lstm"), learn("An RNN", cell="rnn")]


@pytest.fixture(scope="session")
def address(learn, models):
    with browser.studio(learn.folder) as address:
        yield address


@pytest.fixture
def trained(address, models):
    """The two models as the JSON shows them."""
    return [browser.ask(address, f"runs/{run}") for run in models]


@pytest.fixture
def visit(chromium, address):
    """visit(width=360, scheme="dark") → a new visitor."""
    contexts, before = [], browser.runs(address)

    def come(width=1280, scheme="light"):
        size = {"width": width, "height": 900}
        contexts.append(chromium.new_context(viewport=size, color_scheme=scheme, reduced_motion="reduce"))
        contexts[-1].set_default_timeout(240_000)
        return browser.Visit(contexts[-1], address)

    yield come
    for context in contexts:
        context.close()
    browser.tidy(address, before)
