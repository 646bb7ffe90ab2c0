"""The fetch step: merge the answer of an HTTP request into the run's data (E-77 … E-83)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final, Literal
from urllib.parse import urlencode, urlsplit, urlunsplit

import orjson
from pydantic import Field, field_validator

from engine.workflow.kinds import (
    Call,
    Continue,
    Fail,
    Need,
    Outcome,
    Step,
    StepContext,
    StepSettings,
    step,
)
from engine.workflow.paths import nested
from storage.records import JsonObject

TIMEOUT: Final = timedelta(seconds=15)
RETRY_DELAYS: Final = (timedelta(seconds=30), timedelta(seconds=60))
_SUCCESS: Final = frozenset({200, 201, 204})
_WITH_BODY: Final = frozenset({"post", "put", "patch"})


@step("http_fetch", title="Fetch", icon="cloud_download")
class HttpFetch(Step):
    """Request a URL; only 5xx, time-outs and connection failures are tried again."""

    class Settings(StepSettings):
        """All but the method are Liquid; headers and query are pairs or a JSON object."""

        method: Literal["get", "post", "put", "delete", "patch"] = "get"
        url: str = Field(min_length=1)
        headers: list[JsonObject] | str | None = None
        query_params: list[JsonObject] | str | None = None
        body: str | None = None
        response_path: str | None = None
        signing_key: str | None = None

        @field_validator("method", mode="before")
        @classmethod
        def _default(cls, value: object) -> object:
            # The official files write null for "not set".
            return "get" if value is None else value

    def run(self, ctx: StepContext) -> Outcome:
        """Render the request, ask for it, then judge its recorded answer."""
        if ctx.resume is not None and ctx.resume.get("kind") == "call":
            return self._judge(ctx, ctx.resume)
        if ctx.render_error:
            return Fail(message=f"The request did not render: {ctx.render_error}")
        if ctx.rendered is None:
            names = ("url", "headers", "query_params", "body", "signing_key")
            return Need(fields={name: getattr(self.settings, name) for name in names})
        try:
            return Call(request=self._request(ctx.rendered), timeout=TIMEOUT)
        except ValueError as error:
            return Fail(message=str(error))

    def _request(self, rendered: JsonObject) -> JsonObject:
        method: str = self.settings.method
        url = str(rendered.get("url") or "").strip()
        query = pairs_of(rendered.get("query_params"), "query_params")
        if query:
            parts = urlsplit(url)
            joined = "&".join(p for p in (parts.query, urlencode(query)) if p)
            url = urlunsplit(parts._replace(query=joined))
        headers = pairs_of(rendered.get("headers"), "headers")
        body = rendered.get("body") if method in _WITH_BODY else None
        if body:
            body = encode_body(body)
            if not any(name.lower() == "content-type" for name, _ in headers):
                headers.append(("content-type", "application/json"))
        return {
            "method": method.upper(),
            "url": url,
            "headers": [list(pair) for pair in headers],
            "body": body or None,
            "signing_key": rendered.get("signing_key") or None,
        }

    def _judge(self, ctx: StepContext, answer: JsonObject) -> Outcome:
        status = answer.get("status")
        detail: JsonObject = {
            k: answer[k]
            for k in ("request", "status", "response", "duration_ms", "error")
            if k in answer
        }
        if status is None or (isinstance(status, int) and status >= 500):
            if answer.get("kind_of_failure") in {"refused_url", "invalid", "too_large"}:
                return Fail(
                    message=str(answer.get("error") or "The request was refused."), detail=detail
                )
            reason = answer.get("error") or f"The server answered {status}."
            wait = RETRY_DELAYS[ctx.attempt - 1] if ctx.attempt <= len(RETRY_DELAYS) else None
            return Fail(message=str(reason), retry_in=wait, detail=detail)
        if status not in _SUCCESS:
            return Fail(
                message=f"The server answered {status}; expected 200, 201 or 204.", detail=detail
            )
        text = str(answer.get("text") or "")
        if status == 204 or not text.strip():
            return Continue(detail=detail)
        try:
            value = orjson.loads(text)
        except orjson.JSONDecodeError:
            return Fail(message="The answer is not JSON.", detail=detail)
        return self._merge(ctx, value, detail)

    def _merge(self, ctx: StepContext, value: Any, detail: JsonObject) -> Outcome:
        path: str | None = self.settings.response_path
        if path:
            data = ctx.scope["data"]
            head = path.split(".", 1)[0]
            return Continue(data={head: nested(path, value, data)[head]}, detail=detail)
        if not isinstance(value, dict):
            return Fail(
                message="The answer is not a JSON object; set a response path to store other JSON.",
                detail=detail,
            )
        return Continue(data=value, detail=detail)


def pairs_of(value: object, name: str) -> list[tuple[str, str]]:
    """Read header or query pairs: a list of `{key, value}`, or JSON text of an object."""
    if isinstance(value, str):
        if not value.strip():
            return []
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            raise ValueError(f"`{name}` did not render to a JSON object.") from None
    if value is None:
        return []
    if isinstance(value, dict):
        return [(str(k), _text(v)) for k, v in value.items()]
    if isinstance(value, list):
        return [
            (str(p.get("key")), _text(p.get("value")))
            for p in value
            if isinstance(p, dict) and p.get("key")
        ]
    raise ValueError(f"`{name}` must be a list of pairs or a JSON object.")


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else orjson.dumps(value).decode()


def encode_body(body: object) -> str:
    """Return the JSON text of a rendered body.

    Raises:
        ValueError: the text is not JSON.
    """
    text = body if isinstance(body, str) else orjson.dumps(body).decode()
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"The body is not JSON: {error}.") from None
    return text
