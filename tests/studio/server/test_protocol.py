"""The limit of time for a request's head, on a real connection."""

import contextlib
import socket
import threading

import pytest
import uvicorn

from recurra.studio.server import protocol

WHOLE = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"


async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
def connect(monkeypatch):
    """connect() → a connection to a server that waits for a head for half a second."""
    monkeypatch.setattr(protocol, "HEAD", 0.5)
    config = uvicorn.Config(app, http=protocol.Protocol, lifespan="off", log_level="warning", timeout_keep_alive=60)
    server, connections = uvicorn.Server(config), contextlib.ExitStack()
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()

        def connect():
            return connections.enter_context(socket.create_connection(listening.getsockname(), timeout=60))

        yield connect
        connections.close()
        server.should_exit = True
        thread.join()


@pytest.mark.slow
@pytest.mark.parametrize("start", [b"", b"GET / HTTP/1.1\r\nhost"])
def test_a_head_that_does_not_end_is_not_waited_for(connect, start):
    connection = connect()
    connection.sendall(start)
    assert connection.recv(100) == b""


@pytest.mark.slow
def test_a_further_request_is_not_waited_for_either(connect):
    connection = connect()
    for _ in range(2):
        connection.sendall(WHOLE)
        answer = b""
        while not answer.endswith(b"ok"):
            answer += connection.recv(1000)
    connection.sendall(WHOLE[:10])
    assert connection.recv(100) == b""
