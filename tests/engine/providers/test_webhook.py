from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from conformance import REQUEST, outbound

from engine.net.exchange import FailureKind, HttpAnswer, HttpRequest, NetFailure
from engine.net.signing import sign
from engine.net.transport import HttpTransport
from engine.providers.base import Delivered, Rejected, Retryable, SendResult
from engine.providers.send import send_all
from engine.providers.webhook import Webhook, WebhookConfig, retry_after
from tests.engine.net.raw_server import RawServer, say

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
WEBHOOK = Webhook()


def build(content: dict[str, Any], key: str | None = None, **more: Any) -> HttpRequest:
    message = outbound("webhook", "http", {**REQUEST, **content}, **more)
    built = WEBHOOK.build(message, WebhookConfig(signing_key=key))
    assert isinstance(built, HttpRequest)
    return built


def test_the_rendered_request_is_completed() -> None:
    request = build({"query_params": [{"key": "q", "value": "a b&c"}, {"key": "n", "value": 1}]})
    assert (request.method, request.url) == ("POST", "https://hooks.example.com/in?q=a+b%26c&n=1")
    assert request.headers == (
        ("x-source", "tocsin"),
        ("content-type", "application/json"),
        ("idempotency-key", "2w3YUpTTOxuDvZFji8OMsKrG176"),
    )
    assert request.body == b'{"hello": "Ann"}'
    assert request.timeout == 50
    assert request.https_only


@pytest.mark.parametrize(
    ("method", "has_body"),
    [("get", False), ("delete", False), ("POST", True), ("put", True), ("Patch", True)],
)
def test_the_body_goes_with_the_methods_that_have_one(method: str, has_body: bool) -> None:
    assert (build({"method": method}).body is not None) is has_body


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://h/x", "https://h/x?a=1"),
        ("https://h/x?", "https://h/x?a=1"),
        ("https://h/x?b=2", "https://h/x?b=2&a=1"),
        ("https://h/x?b=2#part", "https://h/x?b=2&a=1"),
        ("  https://h/x\n", "https://h/x?a=1"),
    ],
)
def test_parameters_join_the_query_that_is_there(url: str, expected: str) -> None:
    assert build({"url": url}).url == expected


@pytest.mark.parametrize(
    "value", [[{"key": "X-A", "value": 1}], {"X-A": 1}, '{"X-A": 1}', '[{"key":"X-A","value":"1"}]']
)
def test_headers_come_as_a_list_an_object_or_json(value: Any) -> None:
    assert ("X-A", "1") in build({"headers": value}).headers


def test_a_template_may_set_content_type_and_idempotency_key_itself() -> None:
    request = build({"headers": {"Content-Type": "text/csv", "Idempotency-Key": "own"}})
    assert request.headers == (("Content-Type", "text/csv"), ("Idempotency-Key", "own"))


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ('{"a":1}', "application/json"),
        ({"a": 1}, "application/json"),
        ("hi", "text/plain; charset=utf-8"),
    ],
)
def test_the_content_type_follows_the_body(body: Any, content_type: str) -> None:
    assert dict(build({"body": body}).headers)["content-type"] == content_type


def test_the_signature_covers_the_exact_bytes_and_the_instant_of_sending() -> None:
    message = outbound("webhook", "http", {**REQUEST, "body": '{"a":  "ü"}'})
    config = WebhookConfig(signing_key="key")
    request = WEBHOOK.build(message, config)
    assert isinstance(request, HttpRequest)
    stamped = WEBHOOK.stamp(request, message, config, NOW)
    expected = sign("key", '{"a":  "ü"}'.encode(), NOW)
    assert dict(stamped.headers)["x-webhook-signature"] == expected
    assert WEBHOOK.stamp(request, message, WebhookConfig(), NOW) == request


def test_a_key_that_was_rendered_for_the_message_is_used() -> None:
    config = WebhookConfig(signing_key="{{ recipient.webhook_signing_key }}")
    message = outbound("webhook", "http", REQUEST, overrides={"signing_key": "anns-key"})
    request = WEBHOOK.build(message, config)
    assert isinstance(request, HttpRequest)
    stamped = WEBHOOK.stamp(request, message, config, NOW)
    expected = sign("anns-key", request.body or b"", NOW)
    assert dict(stamped.headers)["x-webhook-signature"] == expected


@pytest.mark.parametrize(
    ("key", "overrides"),
    [
        ("  ", {}),
        ("{{ recipient.key }}", {}),
        ("{{ recipient.key }}", {"signing_key": ""}),
        ("key", {"signing_key": " "}),
    ],
)
def test_a_request_that_should_be_signed_is_never_sent_without_a_key(
    key: str, overrides: dict[str, Any]
) -> None:
    message = outbound("webhook", "http", REQUEST, overrides=overrides)
    built = WEBHOOK.build(message, WebhookConfig(signing_key=key))
    assert built == Rejected("missing_signing_key")


@pytest.mark.req("R-26")
@pytest.mark.parametrize("status", range(100, 600))
def test_each_status_follows_the_table(status: int) -> None:
    result = WEBHOOK.classify(HttpAnswer(status=status))
    if 200 <= status < 300:
        assert result == Delivered()
    elif status in (401, 403, 404, 405):
        assert isinstance(result, Rejected)
    else:
        assert isinstance(result, Retryable)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("timeout", Retryable),
        ("connection", Retryable),
        ("too_large", Retryable),
        ("invalid", Retryable),
        ("unresolved", Rejected),
        ("refused_url", Rejected),
    ],
)
def test_each_failure_follows_the_table(kind: FailureKind, expected: type[SendResult]) -> None:
    assert isinstance(WEBHOOK.classify(NetFailure(kind=kind, message="x")), expected)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "120"}, 120),
        ({"retry-after": " 0 "}, 0),
        ({"retry-after": "9" * 5000}, 86_400),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "\u0661\u0662"}, None),
        ({}, None),
        (
            {
                "date": "Mon, 01 Jun 2026 12:00:00 GMT",
                "retry-after": "Mon, 01 Jun 2026 12:01:30 GMT",
            },
            90,
        ),
        (
            {
                "date": "Mon, 01 Jun 2026 12:00:00 GMT",
                "retry-after": "Mon, 01 Jun 2020 12:00:00 GMT",
            },
            None,
        ),
        ({"retry-after": "Mon, 01 Jun 2026 12:01:30 GMT"}, None),
        ({"date": "x", "retry-after": "Mon, 99 Jun 2026 12:01:30 GMT"}, None),
    ],
)
def test_retry_after_is_read_in_both_forms(headers: dict[str, str], seconds: int | None) -> None:
    pause = retry_after(HttpAnswer(status=429, headers=tuple(headers.items())))
    assert pause == (None if seconds is None else timedelta(seconds=seconds))


async def deliver(server: RawServer, settings: dict[str, Any], **more: Any) -> SendResult:
    message = outbound("webhook", "http", {**REQUEST, "url": server.url + "in"})
    transport = HttpTransport()
    try:
        [result] = await send_all(
            [message], {message.channel_id: settings}, transport, now=lambda: NOW, **more
        )
    finally:
        await transport.aclose()
    return result


async def test_a_signed_request_reaches_a_real_server() -> None:
    async with RawServer().running() as server:
        result = await deliver(server, {"signing_key": "key"}, allow_private=True)
        [heard] = server.heard
    assert isinstance(result, Delivered)
    head, _, body = heard.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /in?a=1 HTTP/1.1\r\n")
    assert orjson.loads(body) == {"hello": "Ann"}
    assert f"x-webhook-signature: {sign('key', body, NOW)}".encode() in head
    assert b"idempotency-key: 2w3YUpTTOxuDvZFji8OMsKrG176" in head
    assert result.log is not None
    assert result.log["service_name"] == "Webhook"
    assert result.log["response"]["status"] == 200


async def test_a_redirect_is_tried_again_and_not_followed() -> None:
    async with RawServer().running() as server:
        server.script = say(b"HTTP/1.1 301 Moved\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n")
        result = await deliver(server, {}, allow_private=True)
        assert len(server.heard) == 1
    assert isinstance(result, Retryable)


async def test_a_private_address_is_refused_unless_the_operator_allows_it() -> None:
    async with RawServer().running() as server:
        result = await deliver(server, {})
        assert server.connections == 0
    assert isinstance(result, Rejected)
    assert result.log is not None
