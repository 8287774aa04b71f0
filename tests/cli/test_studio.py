"""`recurra studio` as a process of its own: its lines, its page while it trains, and its end by Ctrl-C."""

import json
import os
import signal
import socket
import subprocess
import sys
import time

import httpx2
import pytest
from helpers.studio_support import LONG, save_model, start, wait

from recurra.cli import studio as command
from recurra.errors import RunError

pytestmark = pytest.mark.slow

POSIX = pytest.mark.skipif(os.name != "posix", reason="signals and permissions")


class Process:
    """A studio that runs; `.api` asks it."""

    def __init__(self, runs, *arguments):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "recurra.studio", "--port", "0", "--runs", runs, "--no-browser", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.line = self.process.stdout.readline()
        assert self.line.startswith("Recurra studio: http://"), self.process.stderr.read()
        self.api = httpx2.Client(base_url=self.line.split()[-1].split("?")[0], timeout=30)

    def end(self, number=signal.SIGINT) -> tuple[int, str]:
        """End it: its exit code and what it said last."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> tuple[int, str]:
        """Its exit code and what it said last."""
        self.api.close()
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, err


@pytest.fixture
def studio(tmp_path):
    save_model(tmp_path / "cats")
    found = Process(tmp_path)
    yield found
    if found.process.poll() is None:
        found.end()


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A studio for the tests that leave it running."""
    folder = tmp_path_factory.mktemp("shared")
    save_model(folder / "cats")
    found = Process(folder)
    yield found
    found.end()


@POSIX
@pytest.mark.clock
def test_it_answers_quickly_while_it_trains(shared):
    api = shared.api
    run = start(api, LONG | {"hidden_size": 64, "batch_size": 32, "window": 64})
    wait(api, run, "training")
    times = []
    for n in range(40):
        before = time.perf_counter()
        assert api.get(("/", "/api/runs", f"/api/runs/{run}", "/static/js/main.js")[n % 4]).status_code == 200
        times.append(time.perf_counter() - before)
        time.sleep(0.02)
    assert api.post(f"/api/runs/{run}/stop").status_code == 200
    # On an idle machine the slowest is below 0.1; here other tests take the cores too.
    assert sorted(times)[len(times) // 2] < 0.1


@POSIX
def test_a_training_is_saved_at_ctrl_c_and_a_stream_does_not_hold_up_the_end(studio, tmp_path):
    run = start(studio.api, LONG | {"hidden_size": 64, "batch_size": 32, "window": 64})
    wait(studio.api, run, "training")
    with studio.api.stream("GET", f"/api/runs/{run}/events") as stream:
        lines = stream.iter_lines()
        assert next(lines) == "event: snapshot"
        studio.process.send_signal(signal.SIGINT)
        # The stream is closed from the other side; the client's own patience is 30 seconds.
        for _ in lines:
            pass
    code, said = studio.wait()
    assert code == 0
    assert "saving what is being trained ..." in said
    assert (
        f"{run} is saved; continue it with Continue in the studio, or: recurra train --resume {tmp_path / run}" in said
    )
    assert "Traceback" not in said
    assert "ERROR" not in said


@POSIX
def test_ctrl_c_while_a_question_is_answered_is_no_fault(studio):
    """A card waits some seconds for the speed of a cell that was never measured."""
    with socket.create_connection((studio.api.base_url.host, studio.api.base_url.port)) as asking:
        body = json.dumps({"characters": 1000, "settings": {"cell": "lem"}})
        head = f"POST /api/card HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
        asking.sendall(f"{head}\r\n\r\n{body}".encode())
        assert studio.api.get("/api/runs").status_code == 200
        code, said = studio.end()
    assert code == 0
    assert said == ""


@pytest.mark.slow
@POSIX
def test_a_killed_studio_leaves_a_run_that_goes_on(tmp_path):
    first = Process(tmp_path)
    run = start(first.api, LONG)
    wait(first.api, run, "training")
    first.end(signal.SIGKILL)
    second = Process(tmp_path)
    assert wait(second.api, run, "stopped")["error"] is None
    # At once, while the first one's trainer may still be saving.
    assert second.api.post(f"/api/runs/{run}/continue").status_code == 200
    wait(second.api, run, "training")
    assert second.end()[0] == 0


@pytest.mark.slow
@POSIX
def test_beyond_loopback_it_prints_a_link_for_the_owner_and_one_for_guests(tmp_path):
    save_model(tmp_path / "cats")
    found = Process(tmp_path, "--host", "0.0.0.0")
    try:
        guests = found.process.stdout.readline()
        assert guests.startswith("for guests, who look and let models write: http://")
        links = [line.split()[-1] for line in (found.line, guests)]
        address, token = links[0].split("/?token=")
        assert links[1].startswith(f"{address}/?token=")
        assert len(links[1].split("=")[1]) == 8
        assert found.api.get("/api/about").status_code == 401
        for link, status in zip(links, (200, 403), strict=True):
            # Both can be opened as they stand, and what follows is as the link allows.
            with httpx2.Client(follow_redirects=True, timeout=30) as phone:
                assert "Recurra studio" in phone.get(link).text
                assert phone.patch(f"{address}/api/runs/cats", json={"title": "x"}).status_code == status
        assert found.api.get("/api/about", headers={"authorization": f"Bearer {token}"}).status_code == 200
    finally:
        _, said = found.end()
    assert said.startswith(
        "There is no TLS: whoever can listen on the network can read the token and all that is sent."
    )
    assert "use a tunnel: recurra studio here, and there ssh -L " in said


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
def test_clients_that_go_away_end_their_texts(shared, accept):
    body = json.dumps({"length": 50_000, "seed": 1})
    head = f"POST /api/runs/cats/generate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAccept: {accept}\r\n"
    message = f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()
    for _ in range(150):  # more than are written at the same time
        with socket.create_connection(("127.0.0.1", shared.api.base_url.port)) as connection:
            connection.sendall(message)
    answers = []
    # Each of them takes one turn more, then its place is free.
    while not answers or (answers[-1] == 429 and len(answers) < 500):
        answers.append(shared.api.post("/api/runs/cats/generate", json={"length": 50}).status_code)
        time.sleep(0.02)
    assert answers[-1] == 200


def test_broken_uploads_and_heads_are_quiet(studio):
    for message in (b"POST /api/texts HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999\r\n\r\nOnce", b"POST /api/te"):
        with socket.create_connection(("127.0.0.1", studio.api.base_url.port)) as connection:
            connection.sendall(message)
    assert studio.api.get("/api/runs").status_code == 200
    assert studio.end() == (0, "an upload to /api/texts was broken off; nothing of it is kept\n")


def test_a_taken_port_is_one_line():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(
            RunError, match=f"port {port} is taken, perhaps by another studio; take another with --port"
        ):
            command.listen("127.0.0.1", port)


def test_an_address_that_is_not_here_is_one_line():
    with pytest.raises(RunError, match=r"the address '192\.0\.2\.1' cannot be listened at"):
        command.listen("192.0.2.1", 0)
    with pytest.raises(RunError, match="the address 'no such host' cannot be listened at"):
        command.listen("no such host", 0)


def test_a_systems_port_is_one_line(monkeypatch):
    def refuse(self, address):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", refuse)
    with pytest.raises(RunError, match="port 80 is not yours to take: those below 1024 are the system's"):
        command.listen("127.0.0.1", 80)


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    from recurra.studio import StudioConfig, create_app

    (tmp_path / "file").touch()
    with pytest.raises(RunError, match=r"the folder cannot be written: .*; name another with --runs"):
        create_app(StudioConfig(runs=tmp_path / "file"))


@pytest.mark.parametrize("package", ["fastapi", "plotly", "uvicorn"])
def test_a_missing_extra_is_one_line(package, monkeypatch):
    from recurra.errors import ConfigError
    from recurra.studio import StudioConfig

    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ConfigError, match=r"the studio needs the package .*: pip install 'recurra\[studio\]'"):
        command.serve(StudioConfig(), None, False)
