"""A studio with two trained models, and its visitors."""

import pytest
from helpers import browser


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    with browser.studio(tmp_path_factory.mktemp("studio") / "runs") as address:
        yield address


@pytest.fixture(scope="module")
def trained(address):
    """Two small models on the same text, trained through the JSON."""
    text = "".join(
        f'def part_{n}(x):\n    """The part with (some) of it."""\n    return x + {n}\n\n' for n in range(200)
    )
    source = browser.send(address, "parts.py", text)
    given = {"hidden_size": 24, "embedding_size": 8, "batch_size": 8, "window": 32, "epochs": 3}
    return [
        browser.train(address, text=source["id"], title=title, settings={**given, "cell": cell})
        for title, cell in (("An LSTM", "lstm"), ("An RNN", "rnn"))
    ]


@pytest.fixture
def visit(chromium, address):
    """visit(width=360, scheme="dark") → a new visitor."""
    contexts = []

    def come(width=1280, scheme="light"):
        size = {"width": width, "height": 900}
        contexts.append(chromium.new_context(viewport=size, color_scheme=scheme, reduced_motion="reduce"))
        contexts[-1].set_default_timeout(240_000)
        return browser.Visit(contexts[-1], address)

    yield come
    for context in contexts:
        context.close()
    browser.end_trainings(address)  # what a failed test leaves would refuse the next one's
