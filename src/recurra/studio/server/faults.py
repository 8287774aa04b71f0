"""Errors as the pages see them: a status and words, {"detail": "there is no run `x`"}."""

import json
import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from recurra.errors import BackendError, RecurraError, RunError
from recurra.studio.refusal import Refused

_log = logging.getLogger("recurra.studio")


def answer(status: int, words: str) -> Response:
    """The error as an answer. Half a surrogate pair, which UTF-8 has not, becomes a question mark."""
    content = json.dumps({"detail": words}, ensure_ascii=False).encode("utf-8", "replace")
    return Response(content, status, media_type="application/json")


def install(app: FastAPI) -> None:
    """Let an application answer every error with a status and words."""
    app.add_exception_handler(Refused, lambda request, error: answer(error.status, str(error)))
    app.add_exception_handler(RecurraError, _recurra)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(ClientDisconnect, _broken_off)
    app.add_exception_handler(RequestValidationError, _invalid)


def _recurra(request: Request, error: RecurraError) -> Response:
    # What a run's folder does not allow is a conflict with its state; all else is an invalid value.
    return answer(409 if isinstance(error, RunError | BackendError) else 422, str(error))


def _broken_off(request: Request, error: ClientDisconnect) -> Response:
    _log.warning("an upload to %s was broken off; nothing of it is kept", request.url.path)
    return answer(408, "the body was broken off")  # nobody reads this


def _http(request: Request, error: HTTPException) -> Response:
    words = {404: f"there is nothing at {request.url.path}", 405: f"{request.method} is not for {request.url.path}"}
    # FastAPI answers a body that is no JSON at all with 400 and JSON of a wrong form with 422; both are the latter.
    status = 422 if error.status_code == 400 else error.status_code
    found = answer(status, words.get(status, str(error.detail)) if error.detail in _PLAIN else str(error.detail))
    found.headers.update(error.headers or {})
    return found


_PLAIN = ("Not Found", "Method Not Allowed")


def _invalid(request: Request, error: RequestValidationError) -> Response:
    return answer(422, "; ".join(map(_sentence, error.errors()[:5])))


def _sentence(problem: dict[str, Any]) -> str:
    place = [str(part) for part in problem["loc"] if part not in ("body", "query", "path")]
    message = problem["msg"]
    if problem["type"] == "json_invalid":
        return f"the body is no JSON: {problem['ctx']['error']}"
    name = f"`{'.'.join(place)[:100]}`" if place else "the body"
    if problem["type"] == "missing":
        return f"{name} is missing"
    if problem["type"] == "extra_forbidden":
        return f"{name} is not known here"
    given = repr(problem.get("input"))
    shown = given if len(given) <= 60 else given[:57] + "..."
    return f"{name} is {shown}; {message[:1].lower()}{message[1:]}"
