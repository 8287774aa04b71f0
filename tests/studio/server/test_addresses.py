"""The addresses that are printed: this machine's in its network where others are let in."""

import ipaddress
import socket

import pytest

from recurra.studio.server import addresses
from recurra.studio.server.addresses import address, in_network
from recurra.studio.settings import StudioConfig, is_loopback


@pytest.mark.parametrize(
    ("host", "network", "want"),
    [
        ("127.0.0.1", "192.168.1.20", "http://127.0.0.1:80/?token=t"),
        ("::1", "192.168.1.20", "http://[::1]:80/?token=t"),
        ("box.example.org", "192.168.1.20", "http://box.example.org:80/?token=t"),
        ("0.0.0.0", "192.168.1.20", "http://192.168.1.20:80/?token=t"),
        ("::", "192.168.1.20", "http://192.168.1.20:80/?token=t"),
        ("0.0.0.0", None, "http://127.0.0.1:80/?token=t"),
    ],
)
def test_the_address_to_open(monkeypatch, host, network, want):
    monkeypatch.setattr(addresses, "in_network", lambda: network)
    config = StudioConfig(host=host, token=None if is_loopback(host) else "t")
    assert address(config, 80, "t") == want
    assert address(config, 80) == want.split("?")[0]


class Socket(socket.socket):
    """A socket of a machine with one network, which reaches nothing else."""

    def connect(self, where):
        if not where[0].startswith("192.168."):
            raise OSError("Network is unreachable")

    def getsockname(self):
        return ("192.168.7.4", 1234)


def test_a_network_that_leads_nowhere_has_an_address_too(monkeypatch):
    monkeypatch.setattr(addresses.socket, "socket", Socket)
    assert in_network() == "192.168.7.4"


def test_no_network(monkeypatch):
    monkeypatch.setattr(Socket, "getsockname", lambda self: ("127.0.0.1", 1234))
    monkeypatch.setattr(addresses.socket, "socket", Socket)
    assert in_network() is None


def test_the_address_found_here_is_one():
    found = in_network()
    assert found is None or not ipaddress.ip_address(found).is_loopback
