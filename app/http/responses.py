"""What a handler gives back: a status, bytes, and the few headers of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import orjson

Headers = tuple[tuple[bytes, bytes], ...]
JSON: Final = b"application/json"


@dataclass(slots=True)  # not frozen: that doubles what making one costs
class Response:
    """A whole answer; the dispatcher adds the headers that every answer has."""

    status: int
    body: bytes = b""
    headers: Headers = ()
    content_type: bytes = JSON


def json_response(value: Any, status: int = 200, headers: Headers = ()) -> Response:
    """Answer with `value` as JSON; aware datetimes are written with a `Z`."""
    return Response(status, orjson.dumps(value, option=orjson.OPT_UTC_Z), headers)


def no_content() -> Response:
    """Answer 204, without a body."""
    return Response(204)
