"""Who may ask, and how much: the studio's door, as ASGI middleware.

A page on another site can make a browser send requests here (cross-site requests), or make its own name mean this
machine's address (DNS rebinding). So the Host must be ours, whatever changes or streams must come from our own page,
and beyond this machine every request carries a token.
"""

import hmac
import secrets
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from recurra.studio.server.faults import answer
from recurra.studio.settings import StudioConfig, is_loopback

COOKIE = "recurra"
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
_LOCAL = ("127.0.0.1", "localhost", "[::1]")
_UPLOAD = "/api/texts"
"""Where a body is a file, of any type, with a limit of its own."""


class Guard:
    """Middleware: `app.add_middleware(Guard, config=StudioConfig())`."""

    def __init__(self, app: ASGIApp, config: StudioConfig):
        self.app, self.config = app, config
        # The cookie is not the token: who reads it from a browser's profile cannot open another one with it.
        self._session = secrets.token_urlsafe(32)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is not None:
            await answer(*refusal)(scope, receive, _with_headers(scope, send))
        elif self._is_first_visit(scope):
            response = RedirectResponse(scope["path"], 303)
            response.set_cookie(COOKIE, self._session, httponly=True, samesite="strict")
            await response(scope, receive, _with_headers(scope, send))
        else:
            await self.app(scope, self._bounded(scope, receive), _with_headers(scope, send))

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        """Why a request is not answered: a status and words; None where it may pass."""
        headers, path = Headers(scope=scope), scope["path"]
        host, origin = headers.get("host", ""), headers.get("origin")
        if not self._is_ours(host, scope):
            return 403, f"the host {host[:100]!r} is not this studio's; open it by the address that it printed"
        own_page = f"{scope.get('scheme', 'http')}://{host}"
        site = headers.get("sec-fetch-site", "same-origin")
        closed = scope["method"] not in ("GET", "HEAD") or path.startswith("/api/")
        if closed and (origin not in (None, own_page) or site not in ("same-origin", "none")):
            return 403, f"a request from {(origin or 'another site')[:100]} is not answered here"
        if self.config.token and not self._is_known(scope, headers):
            return 401, "this studio needs its token: open the address with ?token= that it printed when it started"
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
        name, _, port = host.rpartition(":") if not host.endswith("]") and ":" in host else (host, "", "80")
        server = scope.get("server") or ("", self.config.port)
        if port != str(self.config.port or server[1]):
            return False
        if self.config.token and self.config.host in ("0.0.0.0", "::"):
            # It listens at every name this machine has, and only the token tells who may ask.
            return bool(name)
        return name in _LOCAL if is_loopback(self.config.host) else name in (*_LOCAL, self.config.host)

    def _is_known(self, scope: Scope, headers: Headers) -> bool:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and _same(given, self.config.token):
            return True
        cookie = SimpleCookie()
        try:
            cookie.load(headers.get("cookie", ""))
        except CookieError:
            return False
        return (COOKIE in cookie and _same(cookie[COOKIE].value, self._session)) or self._is_first_visit(scope)

    def _is_first_visit(self, scope: Scope) -> bool:
        if not self.config.token or scope["method"] != "GET" or scope["path"] != "/":
            return False
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])
        return _same(given[0], self.config.token)

    def _bounded(self, scope: Scope, receive: Receive) -> Receive:
        """`receive` that stops a body which is longer than its header said, or says nothing."""
        if scope["path"] == _UPLOAD:
            return receive
        total, most = 0, self.config.limits.body_bytes

        async def counted() -> Message:
            nonlocal total
            message = await receive()
            total += len(message.get("body", b""))
            if total > most:
                raise HTTPException(413, f"the body is longer than {most:,} bytes")
            return message

        return counted


def _same(given: str, secret: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), secret.encode())


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


def address(config: StudioConfig, port: int) -> str:
    """The address to open in a browser, with the token where there is one."""
    host = "127.0.0.1" if config.host in ("0.0.0.0", "::") else config.host
    host = f"[{host}]" if ":" in host else host
    token = f"?token={config.token}" if config.token else ""
    return f"http://{urlsplit(f'//{host}').netloc}:{port}/{token}"
