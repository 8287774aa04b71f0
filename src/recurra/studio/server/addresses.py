"""The addresses that the studio prints: each can be opened as it stands, from another device too where others are let in."""

import socket

from recurra.studio.settings import StudioConfig

EVERYWHERE = ("0.0.0.0", "::")
"""Hosts to listen at that are no address to open: they stand for every one that this machine has."""
_ELSEWHERE = ("192.0.2.1", "10.255.255.255", "172.31.255.255", "192.168.255.255")
"""Where a packet would go: first out of the network, then, for a network that leads nowhere, within the private ranges."""


def address(config: StudioConfig, port: int, token: str | None = None) -> str:
    """The address to open in a browser, with a token where one is given."""
    host = (in_network() or "127.0.0.1") if config.host in EVERYWHERE else config.host
    host = f"[{host}]" if ":" in host else host
    return f"http://{host}:{port}/{f'?token={token}' if token else ''}"


def in_network() -> str | None:
    """This machine's address in its network: `"192.168.1.20"`; None if it is in none.

    The system is asked which address it would send from; nothing is sent.
    """
    for elsewhere in _ELSEWHERE:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect((elsewhere, 9))
            except OSError:
                continue
            found = probe.getsockname()[0]
            if not found.startswith(("127.", "0.")):
                return found
    return None
