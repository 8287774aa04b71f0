"""Errors as the pages see them: a status, what scripts read, and the same in the words of the page.

{"detail": "`lr` is 0; expected more than 0", "words": "“Learning rate” is 0; expected more than 0"}
"""

import json
import logging
from collections.abc import Callable
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from recurra.errors import BackendError, RecurraError, RunError, setting
from recurra.studio.refusal import Refused
from recurra.studio.words import in_words

_log = logging.getLogger("recurra.studio")


def answer(status: int, error: RecurraError | str) -> Response:
    """An error as an answer. Half a surrogate pair, which UTF-8 has not, becomes a question mark."""
    error = RecurraError(error) if isinstance(error, str) else error
    content = json.dumps({"detail": str(error), "words": in_words(error)}, ensure_ascii=False)
    content = content.encode("utf-8", "replace")
    return Response(content, status, media_type="application/json")


def install(app: FastAPI) -> None:
    """Let an application answer every error with a status and words."""
    app.add_exception_handler(Refused, lambda request, error: answer(error.status, error))
    app.add_exception_handler(RecurraError, _recurra)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(ClientDisconnect, _broken_off)
    app.add_exception_handler(RequestValidationError, _invalid)


def _recurra(request: Request, error: RecurraError) -> Response:
    # What a run's folder does not allow is a conflict with its state; all else is an invalid value.
    return answer(409 if isinstance(error, RunError | BackendError) else 422, error)


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
    # What a text to be written is made by are settings; another request may have a name of theirs for something else.
    mark = setting if request.url.path.endswith("/generate") else "`{}`".format
    return answer(422, "; ".join(_sentence(problem, mark) for problem in error.errors()[:5]))


def _sentence(problem: dict[str, Any], mark: Callable[[str], str]) -> str:
    place = [str(part) for part in problem["loc"] if part not in ("body", "query", "path")]
    message = problem["msg"]
    if problem["type"] == "json_invalid":
        return f"the body is no JSON: {problem['ctx']['error']}"
    name = mark(".".join(place)[:100]) if place else "the body"
    if problem["type"] == "missing":
        return f"{name} is missing"
    if problem["type"] == "extra_forbidden":
        return f"{name} is not known here"
    given = repr(problem.get("input"))
    shown = given if len(given) <= 60 else given[:57] + "..."
    return f"{name} is {shown}; {message[:1].lower()}{message[1:]}"
