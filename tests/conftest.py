"""What all tests share: where the real data lies, the devices at hand, a fixed seed."""

import os
import signal
from pathlib import Path

import pytest
import torch
from helpers import browser, soak
from helpers.kernels import another_user, empty_cache, no_kernels  # noqa: F401 (fixtures)

from recurra import cells

soak.load_profile()
os.environ.pop("COLUMNS", None)  # workers of pytest-xdist have it, and tables are then as wide as that
DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


def pytest_collection_modifyitems(items):
    for item in items:
        if item.get_closest_marker("soak") and not soak.SOAK:
            item.add_marker(pytest.mark.skip(reason="runs in `make soak` alone"))


# A shell lets what it starts in the background ignore Ctrl-C, and nohup the end of a terminal: some tests send these.
for name, handler in (("SIGINT", signal.default_int_handler), ("SIGHUP", signal.SIG_DFL)):
    number = getattr(signal, name, None)
    if number is not None and signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, handler)


@pytest.fixture(params=DEVICES)
def device(request):
    return request.param


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def registry():
    """What a test registers is forgotten after it: the tests that follow see the cells of the package."""
    with cells.registered():
        yield


@pytest.fixture(scope="module")
def chromium():
    browser.need()
    with browser.chromium() as chromium:
        yield chromium


@pytest.fixture
def real_data():
    """real_data("tinyshakespeare/input.txt") → its path, or the test is skipped where RECURRA_DATA has no such file."""

    def find(name: str) -> Path:
        folder = Path(os.environ.get("RECURRA_DATA", Path(__file__).parents[1] / "../shared/data"))
        if not (folder / name).exists():
            pytest.skip(f"{name} is not under RECURRA_DATA ({folder})")
        return folder / name

    return find
