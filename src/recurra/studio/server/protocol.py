"""HTTP as uvicorn speaks it, with a limit of time for a request's head, which it does not have."""

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD = 10.0
"""Seconds from a connection's beginning, or the first byte of a further request, to the end of the head."""


class Protocol(H11Protocol):
    """`uvicorn.Config(app, http=Protocol)`: a connection whose head is not there in time is closed."""

    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        """A connection begins: so does the time for its first head."""
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Bytes came: of a head that is not whole yet, or of all else."""
        super().data_received(data)
        self._watch()

    def connection_lost(self, error: Exception | None) -> None:
        """A connection ended."""
        self._forget()
        super().connection_lost(error)

    def _watch(self) -> None:
        if self.conn.their_state is not h11.IDLE:
            self._forget()
        elif self._late is None:
            self._late = self.loop.call_later(HEAD, self.transport.close)

    def _forget(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None
