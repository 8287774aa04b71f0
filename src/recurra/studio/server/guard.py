"""Who may ask, how much, and how slowly: the studio's door, as ASGI middleware.

A page on another site can make a browser send requests here (cross-site requests), or make its own name mean this
machine's address (DNS rebinding). So the Host must be ours, whatever changes or streams must come from our own page,
and beyond this machine every request carries a token.
"""

import asyncio
import contextlib
import hmac
import html
import logging
import re
import secrets
import time
from asyncio import sleep
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from recurra.studio.server.addresses import EVERYWHERE
from recurra.studio.server.faults import answer
from recurra.studio.settings import StudioConfig, is_loopback

COOKIE = "recurra"
OWNER, GUEST = "owner", "guest"
_GUESTS_SEND = re.compile("/api/card|/api/runs/[^/]+/(generate|inside/[a-z]+)")
"""Where a guest may send something: to ask a question or to let a model write. Looking is allowed everywhere."""
_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data: blob:",
    "connect-src": "'self'",
    "font-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}
HEADERS = {
    "Content-Security-Policy": "; ".join(f"{what} {where}" for what, where in _POLICY.items()),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_UPLOAD = "/api/texts"
"""Where a body is a file, of any type, with a limit of its own."""
SILENCE = 20.0
"""Seconds that a body may stand still."""
BODY, UPLOAD = 60.0, 900.0
"""Seconds that a whole body may take: one of JSON, and a file."""
SLOW = 0.5
"""Seconds that the answer to a wrong token takes; such answers come one after the other."""
_WAITING = 20
"""Wrong tokens whose answers may wait; more are answered at once, by 429."""
_log = logging.getLogger("recurra.studio")


class Guard:
    """Middleware: `app.add_middleware(Guard, config=StudioConfig())`."""

    def __init__(self, app: ASGIApp, config: StudioConfig):
        self.app, self.config = app, config
        self._tokens = {role: token for role, token in ((OWNER, config.token), (GUEST, config.guest_token)) if token}
        # The cookie is not the token: who reads it from a browser's profile cannot open another one with it.
        self._sessions = {role: secrets.token_urlsafe(32) for role in self._tokens}
        self.wrong = 0
        """Requests that carried a wrong token."""
        self._waiting, self._slowly = 0, asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        role = self._role(scope)
        refusal = self._refusal(scope, role)
        if refusal is not None:
            if refusal[0] == 401 and _carries_token(scope):
                refusal = await self._slowed(scope, refusal)
            await _refused(scope, *refusal)(scope, receive, _with_headers(scope, send))
        elif self._first_visit(scope):
            response = RedirectResponse(scope["path"], 303)
            # Not "strict": after a click on the link in a message the redirect would come without the cookie.
            response.set_cookie(COOKIE, self._sessions[role], httponly=True, samesite="lax")
            await response(scope, receive, _with_headers(scope, send))
        else:
            scope.setdefault("state", {})["guest"] = role == GUEST
            await self.app(scope, self._bounded(scope, receive), _with_headers(scope, send))

    async def _slowed(self, scope: Scope, refusal: tuple[int, str]) -> tuple[int, str]:
        """Count a wrong token and wait, so that guessing is slow and is seen; whoever has the right one never waits."""
        self.wrong += 1
        if str(self.wrong).strip("0") == "1":  # the first, the tenth, the hundredth ...
            where = (scope.get("client") or ("an unknown address",))[0]
            _log.warning("a wrong token, the last time from %s; %s so far", where, f"{self.wrong:,}")
        if self._waiting >= _WAITING:
            return 429, "too many wrong tokens; wait a minute"
        self._waiting += 1
        try:
            async with self._slowly:
                await sleep(SLOW)
        finally:
            self._waiting -= 1
        return refusal

    def _refusal(self, scope: Scope, role: str | None) -> tuple[int, str] | None:
        """Why a request is not answered: a status and words; None if it may pass."""
        headers, path = Headers(scope=scope), scope["path"]
        host, origin = headers.get("host", ""), headers.get("origin")
        if not self._is_ours(host, scope):
            return 403, (
                f"the host {host[:100]!r} is not this studio's; open it by the address that it printed, or start it with"
                f" --allow {_name(host)[:100] or 'NAME'}"
            )
        own_page = f"{scope.get('scheme', 'http')}://{host}"
        site = headers.get("sec-fetch-site", "same-origin")
        closed = scope["method"] not in ("GET", "HEAD") or path.startswith("/api/")
        if closed and (origin not in (None, own_page) or site not in ("same-origin", "none")):
            return 403, (
                f"a request from {(origin or 'another site')[:100]} is not answered here, only one from the studio's own page,"
                f" {own_page[:100]}; to open the page by another name, start the studio with --allow NAME"
            )
        if role is None:
            return 401, "this studio needs its token: open the address with ?token= that it printed when it started"
        if role == GUEST and scope["method"] not in ("GET", "HEAD") and not _GUESTS_SEND.fullmatch(path):
            return (
                403,
                "guests look and let models write; only the owner of this studio trains, uploads, changes and deletes",
            )
        length = headers.get("content-length", "0")
        if not length.isdecimal():
            return 422, "the content-length is no number"
        kind = headers.get("content-type", "").split(";")[0].strip().lower()
        has_body = length != "0" or "transfer-encoding" in headers
        limits = self.config.limits
        most = limits.text_bytes if path == _UPLOAD else limits.body_bytes
        if path != _UPLOAD and has_body and kind != "application/json":
            return 415, f"the body is {kind[:100] or 'of no type'}; expected application/json"
        if int(length) > most:
            return 413, f"the body has {int(length):,} bytes; expected at most {most:,}"
        return None

    def _is_ours(self, host: str, scope: Scope) -> bool:
        name = _name(host)
        # Only this machine answers to its loopback names, by whatever port: that of a tunnel is another one.
        if (is_loopback(name) and _port(host).isdecimal()) or name in self.config.allow:
            return True
        server = scope.get("server") or ("", self.config.port)
        if _port(host) != str(self.config.port or server[1]):
            return False
        if self.config.token and self.config.host in EVERYWHERE:
            # It listens at every name this machine has, and only the token decides who may ask.
            return bool(name)
        return not is_loopback(self.config.host) and name.strip("[]") == self.config.host.strip("[]").lower()

    def _role(self, scope: Scope) -> str | None:
        """Who asks: without tokens the owner; None for a stranger."""
        if not self._tokens:
            return OWNER
        headers = Headers(scope=scope)
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        cookie = SimpleCookie()
        with contextlib.suppress(CookieError):
            cookie.load(headers.get("cookie", ""))
        session = cookie[COOKIE].value if COOKIE in cookie else ""
        return (
            self._first_visit(scope)
            or (_whose(bearer, self._tokens) if scheme.lower() == "bearer" else None)
            or _whose(session, self._sessions)
        )

    def _first_visit(self, scope: Scope) -> str | None:
        """Whose link was opened; None if the request is another one."""
        if scope["method"] != "GET" or scope["path"] != "/":
            return None
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])
        return _whose(given[0], self._tokens)

    def _bounded(self, scope: Scope, receive: Receive) -> Receive:
        """`receive` that stops a body which is longer than it may be, stands still, or takes too long."""
        is_upload = scope["path"] == _UPLOAD
        most, seconds = self.config.limits.body_bytes, UPLOAD if is_upload else BODY
        total, whole, ends = 0, False, time.monotonic() + seconds

        async def bounded() -> Message:
            nonlocal total, whole
            if whole:  # what is waited for now is the client's leaving
                return await receive()
            try:
                message = await asyncio.wait_for(receive(), min(SILENCE, max(0.0, ends - time.monotonic())))
            except TimeoutError:
                raise HTTPException(408, f"the body came too slowly; {total:,} bytes are here") from None
            whole = not message.get("more_body", False)
            total += len(message.get("body", b""))
            # An upload has its own limit, where its bytes are counted.
            if total > most and not is_upload:
                raise HTTPException(413, f"the body is longer than {most:,} bytes")
            return message

        return bounded


def _carries_token(scope: Scope) -> bool:
    headers = Headers(scope=scope)
    named = f"{COOKIE}=" in headers.get("cookie", "") or "token=" in scope["query_string"].decode("latin-1")
    return named or "authorization" in headers


def _name(host: str) -> str:
    """The name in a Host header, without the port, in small letters."""
    return (host if host.endswith("]") else host.rpartition(":")[0] if ":" in host else host).lower()


def _port(host: str) -> str:
    return host.rpartition(":")[2] if ":" in host and not host.endswith("]") else "80"


def _whose(given: str, secrets: dict[str, str]) -> str | None:
    """The role that a secret belongs to. All are compared: how long that takes says nothing."""
    same = [role for role, secret in secrets.items() if hmac.compare_digest(_bytes(given), _bytes(secret))]
    return same[0] if same else None


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _refused(scope: Scope, status: int, words: str) -> Response:
    """The refusal as JSON, or as a page where a browser opens one."""
    if scope["path"] != "/" or "text/html" not in Headers(scope=scope).get("accept", ""):
        return answer(status, words)
    return HTMLResponse(_PAGE.format(html.escape(words[0].upper() + words[1:])), status)


_PAGE = """<!doctype html><html lang="en"><meta name="viewport" content="width=device-width"><title>Recurra studio</title>
<h1>Recurra studio</h1><p>{}.</p></html>"""


def _with_headers(scope: Scope, send: Send) -> Send:
    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
            if scope["path"].startswith("/api"):
                headers["Cache-Control"] = "no-store"
            else:
                headers.setdefault("Cache-Control", "no-cache")
        await send(message)

    return wrapped
