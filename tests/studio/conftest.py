"""A studio with one model, which tests of the server, of what it keeps and of its jobs ask. One for all tests of a file."""

import pytest
from helpers.studio_support import client, save_model


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    save_model(folder / "cats")
    return folder


@pytest.fixture(scope="module")
def api(home):
    with client(home) as found:
        yield found
