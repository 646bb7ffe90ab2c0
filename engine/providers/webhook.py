"""Send messages of webhook channels: the request was rendered, this completes it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urlencode

import orjson

from engine.net.exchange import HttpAnswer, HttpRequest, NetFailure
from engine.net.signing import WEBHOOK_SIGNATURE, signed
from engine.providers.base import (
    Answer,
    Delivered,
    Provider,
    ProviderConfig,
    Rejected,
    Retryable,
    SendResult,
    liquid_secret,
    provider,
    unexpected,
)
from storage.records import Outbound

TIMEOUT: Final = 50.0
METHODS: Final = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})
METHODS_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})
FINAL_STATUSES: Final = frozenset({401, 403, 404, 405})

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]+")
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class WebhookConfig(ProviderConfig):
    """The request itself is the channel's or the step's template."""

    signing_key: str | None = liquid_secret(
        title="Signing key",
        description="Each request is signed with it; may be a variable or a recipient's property.",
    )


@provider("webhook", title="Webhook", channel_types=["http"])
class Webhook(Provider[WebhookConfig]):
    """Call a URL; any 2xx is a delivery, most of the rest is tried again."""

    Config = WebhookConfig

    def build(self, outbound: Outbound, config: WebhookConfig) -> HttpRequest | Rejected:
        """Put the rendered request together, the message id as its idempotency key."""
        try:
            return self._request(outbound, config)
        except orjson.JSONEncodeError:
            return Rejected("the request holds a value that cannot be written as JSON")

    def _request(self, outbound: Outbound, config: WebhookConfig) -> HttpRequest | Rejected:
        content = outbound.content
        method = _text(content.get("method") or "post").strip().upper()
        if method not in METHODS:
            return Rejected("the request's method must be get, post, put, patch or delete")
        if _lacks_key(outbound, config):
            return Rejected("missing_signing_key")
        body = _body(content.get("body")) if method in METHODS_WITH_BODY else None
        headers = [
            (name, _CONTROL.sub(" ", value).strip())
            for name, value in _pairs(content.get("headers"))
            if _HEADER_NAME.fullmatch(name)
        ]
        names = {name.lower() for name, _ in headers}
        if body and "content-type" not in names:
            headers.append(("content-type", _content_type(body)))
        if "idempotency-key" not in names:
            headers.append(("idempotency-key", _CONTROL.sub(" ", outbound.message_id)))
        url = _with_query(_text(content.get("url")).strip(), _pairs(content.get("query_params")))
        return HttpRequest(
            method=method,
            url=url,
            headers=tuple(headers),
            body=body,
            timeout=TIMEOUT,
            https_only=True,
        )

    def stamp(
        self, request: HttpRequest, outbound: Outbound, config: WebhookConfig, now: datetime
    ) -> HttpRequest:
        """Sign the bytes that are sent, if the channel has a key."""
        key = _signing_key(outbound, config)
        return signed(request, WEBHOOK_SIGNATURE, key, now) if key else request

    def classify(self, answer: Answer) -> SendResult:
        """Follow the table of webhook channels, which retries more than others do."""
        if isinstance(answer, NetFailure):
            is_final = answer.kind in ("refused_url", "unresolved")
            return Rejected(answer.message) if is_final else Retryable(answer.message)
        if not isinstance(answer, HttpAnswer):
            return unexpected(answer)
        if answer.is_success:
            return Delivered()
        reason = f"the receiver answered {answer.status}"
        if answer.status in FINAL_STATUSES:
            return Rejected(reason)
        return Retryable(reason, retry_after(answer))


def retry_after(answer: HttpAnswer) -> timedelta | None:
    """Read `Retry-After`: seconds, or an instant measured against the answer's own date."""
    value = (answer.header("retry-after") or "").strip()
    if value.isascii() and value.isdigit():
        return timedelta(seconds=min(int(value[:9]), 86_400))
    try:
        until = parsedate_to_datetime(value)
        pause = until - parsedate_to_datetime(answer.header("date") or "")
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return pause if pause > timedelta() else None


def _signing_key(outbound: Outbound, config: WebhookConfig) -> str | None:
    """Give the key as rendered for this message, else the channel's."""
    rendered = outbound.overrides.get("signing_key")
    return _text(rendered) if rendered is not None else config.signing_key


def _lacks_key(outbound: Outbound, config: WebhookConfig) -> bool:
    """Tell whether a key is set but came out blank, or was never rendered."""
    key = _signing_key(outbound, config)
    is_rendered = outbound.overrides.get("signing_key") is not None
    if not config.signing_key and not is_rendered:
        return False
    return not (key or "").strip() or (not is_rendered and "{{" in (key or ""))


def _pairs(value: Any) -> list[tuple[str, str]]:
    """Read a list of `{key, value}`, an object, or JSON text of either."""
    if isinstance(value, str):
        try:
            value = orjson.loads(value) if value.strip() else ()
        except orjson.JSONDecodeError:
            return []
    if isinstance(value, Mapping):
        return [(_text(name).strip(), _text(text)) for name, text in value.items()]
    if not isinstance(value, Sequence):
        return []
    entries = [entry for entry in value if isinstance(entry, Mapping) and entry.get("key")]
    return [(_text(entry["key"]).strip(), _text(entry.get("value"))) for entry in entries]


def _text(value: Any) -> str:
    """Give text that can be encoded: scalars as they print, the rest as JSON."""
    if isinstance(value, str):
        text = value
    elif value is None:
        text = ""
    else:
        text = orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
    return text.encode("utf-8", "replace").decode()


def _body(value: Any) -> bytes | None:
    return _text(value).encode() or None


def _content_type(body: bytes) -> str:
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError:
        return "text/plain; charset=utf-8"
    return "application/json"


def _with_query(url: str, params: Sequence[tuple[str, str]]) -> str:
    """Append parameters to the query that the URL may already have."""
    if not params:
        return url
    base = url.partition("#")[0]
    joint = "" if base.endswith(("?", "&")) else "&" if "?" in base else "?"
    return f"{base}{joint}{urlencode(params)}"
