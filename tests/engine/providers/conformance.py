"""What every provider must keep; a provider's test lists it in `CASES` with settings that work."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import orjson

from engine.net.exchange import (
    FailureKind,
    HttpAnswer,
    HttpRequest,
    NetFailure,
    SmtpAnswer,
    SmtpMail,
)
from engine.providers.base import (
    PROVIDERS,
    Accepted,
    Bounced,
    Delivered,
    LocalDelivery,
    Provider,
    Rejected,
    Retryable,
    SendResult,
    discover_providers,
    parse_config,
    secret_fields,
)
from engine.providers.send import send_all
from storage.records import JsonObject, Outbound, RecipientRef

discover_providers()

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
PLANTED = 'pl"anted/s3cret+%20\u00fc'
RESULTS = (Accepted, Delivered, Retryable, Rejected, Bounced)
FAILURES: tuple[FailureKind, ...] = (
    "timeout",
    "connection",
    "unresolved",
    "refused_url",
    "too_large",
    "invalid",
)

EMAIL: JsonObject = {
    "subject_line": "Hello Ann",
    "html_body": "<p>Hello</p>",
    "text_body": "Hello",
}
REQUEST: JsonObject = {
    "method": "post",
    "url": "https://hooks.example.com/in",
    "headers": [{"key": "x-source", "value": "tocsin"}],
    "query_params": [{"key": "a", "value": "1"}],
    "body": '{"hello": "Ann"}',
}

HOSTILE_TEXTS = (
    "",
    " ",
    "\x00",
    "a\r\nBcc: evil@example.com",
    "a\nX-Evil: 1\n\nbody",
    "\r\n.\r\nMAIL FROM:<evil@example.com>",
    "\u2028\u2029\x85\x0b\x0c",
    "=?utf-8?q?a=0D=0AEvil:_1?=",
    "\ud800",
    "x" * 100_000,
    '<>@,;:\\"[]()',
    "{{ 1 | plus: 1 }}",
    "javascript:alert(1)",
    "https://user:pass@[::1/%00",
    "\U0001f469\u200d\U0001f469\u200d\U0001f467 \u202eevil",
)
HOSTILE_VALUES: tuple[Any, ...] = (
    None,
    True,
    0,
    -1.5,
    10**30,
    [],
    {},
    [None],
    [[]],
    [{}],
    {"": ""},
    {"key": {}},
    [{"key": 1, "value": [2]}],
    {"headers": {"Bcc": "evil@example.com", "X\r\nEvil": "1", "X-A": "1\r\nX-Evil: 1"}},
    [{"name": "a\r\nb", "content": "no base64!", "content_type": "\r\n"}],
    {"name": "x", "content": "aGk=", "content_type": "multipart/mixed", "disposition": "inline"},
    *HOSTILE_TEXTS,
)
FIELDS = (
    "from",
    "to",
    "cc",
    "bcc",
    "reply_to",
    "subject_line",
    "subject",
    "html_body",
    "text_body",
    "method",
    "url",
    "headers",
    "query_params",
    "body",
)
OVERRIDES = (
    "from_address",
    "from_name",
    "to_address",
    "cc_address",
    "bcc_address",
    "reply_to_address",
    "json_overrides",
    "attachments",
    "signing_key",
)


@dataclass(frozen=True, kw_only=True)
class Case:
    """A provider with settings that work, and a message that it can send."""

    provider: str
    channel_type: str
    settings: Mapping[str, Any]
    content: JsonObject

    @property
    def instance(self) -> Provider[Any]:
        return PROVIDERS[self.provider]

    @property
    def outbound(self) -> Outbound:
        return outbound(self.provider, self.channel_type, self.content)

    @property
    def secret_settings(self) -> dict[str, Any]:
        """The settings with the planted secret in every secret field."""
        planted = dict.fromkeys(secret_fields(self.instance.Config), PLANTED)
        return {**self.settings, **planted}


CASES = (
    Case(provider="catch_all", channel_type="email", settings={}, content=EMAIL),
    Case(provider="catch_all", channel_type="in_app_feed", settings={}, content={}),
    Case(
        provider="smtp",
        channel_type="email",
        settings={"host": "mail.example.com", "username": "u", "from_address": "a@example.com"},
        content=EMAIL,
    ),
    Case(provider="webhook", channel_type="http", settings={}, content=REQUEST),
)


def outbound(provider: str, channel_type: str, content: JsonObject, **more: Any) -> Outbound:
    """Build a message on its way to Ann."""
    values: dict[str, Any] = {
        "message_id": "2w3YUpTTOxuDvZFji8OMsKrG176",
        "environment": "development",
        "channel_id": "0b1e8a3c-6f0e-4a53-9d6e-3b0f6a1f7a10",
        "channel_type": channel_type,
        "provider": provider,
        "address": "ann@example.com",
        "recipient": RecipientRef("$users", "ann"),
        "tenant": None,
        "content": content,
        "overrides": {},
        "attempt": 1,
        "first_attempt_at": NOW,
        "lease_epoch": 1,
    }
    return Outbound(**{**values, **more})


class Echo:
    """Answer every request with all of its own words, as careless servers do."""

    async def send(self, request: HttpRequest, **options: Any) -> HttpAnswer:
        words = b"|".join(name.encode() + value.encode() for name, value in request.headers)
        body = PLANTED.encode() + words + (request.body or b"")
        return HttpAnswer(status=400, headers=(("x-echo", PLANTED),), body=body)

    async def mail(self, mail: SmtpMail) -> SmtpAnswer:
        said = f"AUTH {mail.username} {mail.password}"
        dialogue = (("EHLO me", "250 ok"), (said, f"535 {PLANTED} is wrong"))
        return SmtpAnswer(stage="auth", code=535, text=f"{PLANTED} is wrong", dialogue=dialogue)


class ProviderConformance:
    """One suite for every provider."""

    def test_building_is_pure_and_deterministic(self, case: Case) -> None:
        config = parse_config(case.instance, case.settings)
        message = case.outbound
        before = orjson.dumps([message.content, message.overrides])
        first = case.instance.build(message, config)
        later = case.instance.build(replace(message, attempt=7), config)
        assert isinstance(first, HttpRequest | SmtpMail | LocalDelivery)
        assert first == later
        assert orjson.dumps([message.content, message.overrides]) == before

    def test_every_attempt_carries_the_message_id(self, case: Case) -> None:
        built = case.instance.build(case.outbound, parse_config(case.instance, case.settings))
        if isinstance(built, HttpRequest):
            assert case.outbound.message_id in dict(built.headers).values()
        elif isinstance(built, SmtpMail):
            assert case.outbound.message_id.encode() in built.data
        else:
            assert built == LocalDelivery(case.outbound.message_id)

    def test_no_content_makes_building_raise(self, case: Case) -> None:
        config = parse_config(case.instance, case.settings)
        for value in HOSTILE_VALUES:
            for field in FIELDS:
                content = {**case.content, field: value}
                self.check_built(case, config, replace(case.outbound, content=content))
            for field in OVERRIDES:
                overrides = {field: value}
                self.check_built(case, config, replace(case.outbound, overrides=overrides))
        for text in HOSTILE_TEXTS:
            self.check_built(case, config, replace(case.outbound, address=text))
            self.check_built(case, config, replace(case.outbound, message_id=text))

    def check_built(self, case: Case, config: Any, message: Outbound) -> None:
        built = case.instance.build(message, config)
        if isinstance(built, HttpRequest):
            for name, value in built.headers:
                assert not set("\r\n\0") & set(name + value)
        elif isinstance(built, SmtpMail):
            assert not set("\r\n\0 <>") & set(built.sender + "".join(built.recipients))
            assert set(built.recipients) <= {"ann@example.com"}
            head = built.data.partition(b"\r\n\r\n")[0].lower()
            assert not [
                line for line in head.split(b"\r\n") if line.startswith((b"bcc", b"x-evil"))
            ]
        else:
            assert isinstance(built, LocalDelivery | Rejected | Bounced)

    def test_every_failure_of_the_network_is_classified(self, case: Case) -> None:
        for kind in FAILURES:
            result = case.instance.classify(NetFailure(kind=kind, message="it broke"))
            assert isinstance(result, Retryable | Rejected)
        for kind in ("timeout", "connection"):
            assert isinstance(
                case.instance.classify(NetFailure(kind=kind, message="it broke")),
                Retryable if case.provider != "catch_all" else Rejected,
            )

    def test_every_status_and_code_is_classified(self, case: Case) -> None:
        for status in (*range(100, 600), 0, 999):
            for body in (b"", b"\xff\x00", b"{", b'{"errors": []}', b"[]"):
                result = case.instance.classify(HttpAnswer(status=status, body=body))
                assert isinstance(result, RESULTS)
            for stage in ("greeting", "tls", "auth", "sender", "recipient", "data"):
                answer = SmtpAnswer(stage=stage, code=status, text="\x00")  # type: ignore[arg-type]
                assert isinstance(case.instance.classify(answer), RESULTS)

    def test_no_secret_reaches_a_log_or_a_reason(self, case: Case) -> None:
        leaky = replace(case.outbound, content=_with_secret(case.content))
        configs = {leaky.channel_id: case.secret_settings}
        results = asyncio.run(send_all([leaky], configs, Echo(), secrets=[PLANTED]))
        [result] = results
        if case.provider != "catch_all":
            assert result.log is not None
            assert set(result.log) == {"service_name", "request", "response"}
            assert len(orjson.dumps(result.log)) < 200_000
        assert not _traces(result)

    def test_settings_never_show_their_secrets(self, case: Case) -> None:
        config = parse_config(case.instance, case.secret_settings)
        assert PLANTED not in repr(config)
        assert PLANTED not in str(config)


def _with_secret(content: JsonObject) -> JsonObject:
    """Put the secret where a template may have put it."""
    return {
        **content,
        "body": orjson.dumps({"key": PLANTED}).decode(),
        "headers": [
            {"key": "authorization", "value": f"Bearer {PLANTED}"},
            {"key": "x-custom", "value": PLANTED},
        ],
        "query_params": [{"key": "api_key", "value": PLANTED}, {"key": "q", "value": PLANTED}],
    }


def _traces(result: SendResult) -> list[str]:
    """List the forms in which the secret still shows."""
    shown = repr(result) + orjson.dumps(result.log).decode()
    return [form for form in ("s3cret", "czNjcmV0") if form in shown]
