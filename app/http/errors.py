"""Turn every error into the one wire form; nothing else does."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Sequence
from typing import Any, Final

import structlog
from prometheus_client import Counter

from app.http.limits import ClientGone
from app.http.responses import Headers, Response, json_response
from engine.errors import (
    DefinitionError,
    Forbidden,
    InvalidInput,
    MalformedBody,
    Problem,
    RateLimited,
    RequestError,
    StorageError,
    TocsinError,
    Unauthenticated,
)

FAILURES: Final = Counter("tocsin_request_failures", "Requests that ended in an unexpected error")
_HIDDEN: Final = "Something went wrong on our side; the log holds the cause under this request id"
_MOST_PROBLEMS: Final = 100
_log = structlog.get_logger("app.http")


class MethodNotAllowed(RequestError):
    """The path exists, but not for this method."""

    code = "method_not_allowed"
    http_status = 405

    def __init__(self, method: str, allowed: Sequence[str]) -> None:
        """Keep the methods that the path does have."""
        super().__init__(f"This path takes {', '.join(allowed)}, not {method[:20]}")
        self.allowed = tuple(allowed)


def error_response(error: TocsinError, request_id: str) -> Response:
    """Answer with the documented keys; causes on our side are logged, not shown."""
    message, status = error.message, error.http_status
    if status >= 500:
        _log.error("request.refused", request_id=request_id, code=error.code, error=message)
        # The three named storage errors are written for readers; the rest may quote SQL.
        if not isinstance(error, StorageError) or type(error) is StorageError:
            message = f"{_HIDDEN}: {request_id}"
    body: dict[str, Any] = {
        "code": error.code,
        "message": message,
        "status": status,
        "type": _type(error),
    }
    if isinstance(error, (InvalidInput, DefinitionError)):
        body["errors"] = [_problem(p) for p in error.problems[:_MOST_PROBLEMS]]
    return json_response(body, status, _headers(error))


async def answer(work: Awaitable[Response], request_id: str) -> Response:
    """Await a handler's answer, or make one of whatever it raised.

    Raises:
        ClientGone: nobody is left to answer.
    """
    try:
        return await work
    except ClientGone:
        raise
    except TocsinError as error:
        return error_response(error, request_id)
    except Exception as error:  # the request edge: the server outlives any request
        return unexpected_response(error, request_id)


def unexpected_response(error: Exception, request_id: str) -> Response:
    """Answer 500 without internals; log the traceback under the request id."""
    FAILURES.inc()
    _log.error("request.failed", request_id=request_id, exc_info=error)
    body = {
        "code": "internal_error",
        "message": f"{_HIDDEN}: {request_id}",
        "status": 500,
        "type": "api_error",
    }
    return json_response(body, 500)


def _type(error: TocsinError) -> str:
    if isinstance(error, (InvalidInput, MalformedBody, DefinitionError)):
        return "invalid_request_error"
    if isinstance(error, (Unauthenticated, Forbidden)):
        return "authentication_error"
    return "api_error"


def _problem(problem: Problem) -> dict[str, str]:
    return {"field": problem.path, "message": problem.message, "type": problem.rule}


def _headers(error: TocsinError) -> Headers:
    if isinstance(error, RateLimited):
        # Whole seconds, rounded up: HTTP knows no fractions here, and early is useless.
        return ((b"retry-after", str(max(1, math.ceil(error.retry_after))).encode()),)
    if isinstance(error, Unauthenticated):
        return ((b"www-authenticate", b"Bearer"),)
    if isinstance(error, MethodNotAllowed):
        return ((b"allow", ", ".join(error.allowed).encode()),)
    return ()
