"""Talk to a server's API, for the commands that need one."""

from __future__ import annotations

import urllib.error
import urllib.request
from typing import Any, Final
from urllib.parse import urlencode

import orjson

from storage.errors import TocsinError

_SECONDS: Final = 30


class ApiRefused(TocsinError):
    """The server refused, or could not be reached."""

    code = "api_refused"

    def __init__(self, message: str, status: int) -> None:
        """Keep the HTTP status, 0 for a server that was not reached."""
        super().__init__(message)
        self.status = status


class Client:
    """One server and a key for it."""

    def __init__(self, url: str, key: str) -> None:
        """Talk to the server at `url`, without its trailing slash."""
        self.url = url
        self.key = key

    def get(self, path: str, **query: str | int) -> Any:
        """Fetch a resource."""
        return self._send("GET", f"{path}?{urlencode(query)}" if query else path, None)

    def find(self, path: str) -> Any:
        """Fetch a resource, or None where there is none."""
        try:
            return self.get(path)
        except ApiRefused as error:
            if error.status == 404:
                return None
            raise

    def post(self, path: str, body: Any) -> Any:
        """Send a body."""
        return self._send("POST", path, body)

    def _send(self, method: str, path: str, body: Any) -> Any:
        if not self.url.startswith(("http://", "https://")):
            raise ApiRefused(f"{self.url} is no http or https address.", 0)
        request = urllib.request.Request(  # noqa: S310 - the scheme was checked above
            self.url + path,
            method=method,
            data=None if body is None else orjson.dumps(body),
            headers={"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310 - as above
                content = answer.read()
        except urllib.error.HTTPError as error:
            with error:
                raise ApiRefused(_sentence(error.read(), error.code), error.code) from None
        except OSError as error:
            reason = getattr(error, "reason", error)
            raise ApiRefused(
                f"The server at {self.url} does not answer ({reason}): is it running?", 0
            ) from None
        return orjson.loads(content) if content else None


def _sentence(content: bytes, status: int) -> str:
    try:
        body = orjson.loads(content)
    except orjson.JSONDecodeError:
        return f"The server answered with status {status}."
    message = str(body.get("message", "")) if isinstance(body, dict) else ""
    problems = body.get("errors", []) if isinstance(body, dict) else []
    details = "; ".join(f"{p.get('field')}: {p.get('message')}" for p in problems)
    ending = f": {details}" if details else ""
    return f"The server refused (status {status}): {message.rstrip('.')}{ending}."
