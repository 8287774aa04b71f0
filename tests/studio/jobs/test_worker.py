"""The training process: one at a time trains a run."""

import threading

import pytest

from recurra import locks
from recurra.studio.jobs import worker


@pytest.fixture
def lock(tmp_path):
    """The path of a lock that another holds, and the file that holds it."""
    with open(tmp_path / "run.lock", "w") as file:
        if locks.take(file.fileno()) is None:
            pytest.skip("no locks here")
        yield tmp_path / "run.lock", file


def test_it_waits_until_the_other_has_ended(lock):
    path, file = lock
    timer = threading.Timer(0.2, file.close)
    timer.start()
    with worker.alone(str(path), threading.Event()) as alone:
        assert alone
        assert file.closed
    assert not path.exists()


def test_it_is_stopped_while_it_waits(lock):
    path, file = lock
    stopping = threading.Event()
    stopping.set()
    with worker.alone(str(path), stopping) as alone:
        assert not alone
    assert path.exists()
    assert not file.closed


def test_what_is_measured_needs_no_lock():
    with worker.alone(None, threading.Event()) as alone:
        assert alone
