"""One writer a run: across processes, released by death, told who it is."""

import errno
import json
import os
import signal
import subprocess
import sys

import pytest
from helpers.processes import started

from recurra import locks
from recurra.errors import RunError

pytestmark = pytest.mark.skipif(locks.fcntl is None, reason="locks as POSIX has them")
HOLD = """
import sys, time
from recurra import locks
with locks.held(sys.argv[1], "training"):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def other(tmp_path):
    """A process that holds the lock of the folder."""
    with started([sys.executable, "-c", HOLD, tmp_path], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def take(folder, **options):
    with locks.held(folder, **options):
        pass


def test_the_second_learns_who_the_first_is(tmp_path, other):
    with pytest.raises(RunError, match=rf"is in use: process {other.pid} \(training\) writes it. Wait until that has"):
        take(tmp_path, wait=0.1)
    assert locks.holder(tmp_path) == locks.Holder(other.pid, locks.platform.node(), "training")


def test_death_releases_it(tmp_path, other):
    other.send_signal(signal.SIGKILL)
    other.wait()
    assert (tmp_path / locks.LOCK).exists()
    assert locks.holder(tmp_path) is None
    take(tmp_path)
    assert os.listdir(tmp_path) == []


def test_one_that_waits_gets_it_when_it_is_free(tmp_path, other):
    stopped = iter([False, False, True])
    locks.wait_until_free(tmp_path, lambda: next(stopped))
    assert locks.holder(tmp_path)
    other.kill()
    locks.wait_until_free(tmp_path)
    take(tmp_path)


def test_who_looks_for_the_holder_keeps_nobody_out(tmp_path):
    (tmp_path / locks.LOCK).touch()
    handle = os.open(tmp_path / locks.LOCK, os.O_RDONLY)
    assert locks.take(handle, shared=True)
    code = "import sys; from recurra import locks\nwith locks.held(sys.argv[1], wait=60): print('held')"
    with started([sys.executable, "-c", code, tmp_path], stdout=subprocess.PIPE, text=True) as process:
        os.close(handle)
        assert process.stdout.readline() == "held\n"


@pytest.mark.parametrize(
    "content", ["", "[", "[" * 4000, "{}", '{"process": "x"}', '{"process": 1, "what": "a\\u001b[2J"}']
)
def test_a_holder_that_left_no_sound_word_is_unknown(tmp_path, content):
    with locks.held(tmp_path):
        (tmp_path / locks.LOCK).write_text(content)
        with pytest.raises(RunError, match="in use: another process, which left no number, writes it"):
            take(tmp_path, wait=0)


def test_another_machine_is_named(tmp_path):
    with locks.held(tmp_path):
        (tmp_path / locks.LOCK).write_text(json.dumps({"process": 7, "host": "elsewhere", "what": "training"}))
        with pytest.raises(locks.Busy, match=r"process 7 on elsewhere \(training\) writes it"):
            take(tmp_path, wait=0)


@pytest.mark.parametrize("code", [errno.ENOTSUP, errno.ENOLCK, errno.ENOSYS, errno.EINVAL])
def test_without_locks_it_goes_on_with_one_warning(tmp_path, monkeypatch, code):
    def none(handle, how):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(locks.fcntl, "flock", none)
    ran = []
    with (
        pytest.warns(RuntimeWarning, match="is on a file system without locks: nothing keeps a second process") as seen,
        locks.held(tmp_path),
    ):
        ran.append(locks.holder(tmp_path))
    assert (ran, len(seen)) == ([None], 1)
    assert os.listdir(tmp_path) == []


def test_a_lock_that_is_a_link_is_refused_and_not_followed(tmp_path):
    (tmp_path / "victim").write_text("old")
    (tmp_path / locks.LOCK).symlink_to(tmp_path / "victim")
    with pytest.raises(RunError, match="A link stands where a file is expected: remove it"):
        take(tmp_path)
    assert locks.holder(tmp_path) is None
    assert (tmp_path / "victim").read_text() == "old"
    (tmp_path / locks.LOCK).unlink()
    os.mkfifo(tmp_path / locks.LOCK)
    with pytest.raises(RunError, match=r"\.lock is not a plain file; remove it"):
        take(tmp_path)


def test_a_folder_that_cannot_be_written_and_one_that_goes(tmp_path):
    with pytest.raises(RunError, match=r"cannot be written: No such file or directory. The folder is not there"):
        take(tmp_path / "none")
    (tmp_path / "gone").mkdir()
    with locks.held(tmp_path / "gone"):
        os.rename(tmp_path / "gone", tmp_path / "moved")
    assert locks.holder(tmp_path / "moved") is None
