from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

from engine.net.exchange import NetFailure, SmtpAnswer, SmtpMail, TlsMode
from engine.net.smtp import hand_over
from tests.engine.net.certificates import certificate

DATA = b"Subject: Hi\r\n\r\nline\r\n.\r\n..two\r\n"


class Handler:
    """Refuses what it is told to refuse, and keeps the mails it gets."""

    def __init__(self, **refusals: str) -> None:
        self.refusals = refusals
        self.mails: list[Any] = []

    async def handle_MAIL(
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        envelope.mail_from = address
        return self.refusals.get("mail", "250 OK")

    async def handle_RCPT(
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        refusal = self.refusals.get(address.partition("@")[0])
        if refusal is None:
            envelope.rcpt_tos.append(address)
        return refusal or "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if "drop" in self.refusals:
            server.transport.abort()
        self.mails.append(envelope)
        return self.refusals.get("data", "250 2.0.0 Ok: queued as 4F3kx2")


def authenticate(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    right = isinstance(data, LoginPassword) and data.password == b"right-password"
    return AuthResult(success=right, handled=False)


@asynccontextmanager
async def serving(
    factory: Callable[[], asyncio.Protocol], tls: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    server = await asyncio.get_running_loop().create_server(factory, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def mail(port: int, **more: Any) -> SmtpMail:
    values: dict[str, Any] = {
        "host": "localhost",
        "port": port,
        "tls": "none",
        "sender": "news@example.com",
        "recipients": ("ann@example.com",),
        "data": DATA,
        "timeout": 5,
    }
    return SmtpMail(**{**values, **more})


async def send(handler: Handler, **more: Any) -> SmtpAnswer | NetFailure:
    async with serving(lambda: SMTP(handler, hostname="mail.test", enable_SMTPUTF8=True)) as port:
        return await hand_over(mail(port, **more))


async def test_a_mail_arrives_as_it_was_written() -> None:
    handler = Handler()
    answer = await send(handler, recipients=("ann@example.com", "bob@example.com"))
    assert isinstance(answer, SmtpAnswer)
    assert (answer.stage, answer.code) == ("done", 250)
    assert "4F3kx2" in answer.text
    [envelope] = handler.mails
    assert envelope.mail_from == "news@example.com"
    assert envelope.rcpt_tos == ["ann@example.com", "bob@example.com"]
    assert envelope.content == DATA


async def test_the_dialogue_shows_every_turn_but_no_text() -> None:
    answer = await send(Handler())
    assert isinstance(answer, SmtpAnswer)
    said = [line for line, _ in answer.dialogue]
    assert said[2:] == [
        "MAIL FROM:<news@example.com>",
        "RCPT TO:<ann@example.com>",
        f"DATA ({len(DATA)} bytes)",
    ]
    assert all(heard for _, heard in answer.dialogue)
    assert "Subject" not in repr(answer.dialogue)


@pytest.mark.parametrize(
    ("refusals", "stage", "code"),
    [
        ({"mail": "550 not you"}, "sender", 550),
        ({"mail": "451 later"}, "sender", 451),
        ({"ann": "550 no such user"}, "recipient", 550),
        ({"ann": "450 later"}, "recipient", 450),
        ({"data": "554 spam"}, "data", 554),
        ({"data": "421 closing"}, "data", 421),
    ],
)
async def test_a_refusal_names_its_stage_and_code(
    refusals: dict[str, str], stage: str, code: int
) -> None:
    answer = await send(Handler(**refusals))
    assert isinstance(answer, SmtpAnswer)
    assert (answer.stage, answer.code) == (stage, code)
    assert answer.dialogue[-1][1].startswith(str(code))


async def test_a_refused_copy_does_not_keep_the_mail_from_the_recipient() -> None:
    handler = Handler(copy="550 no such user")
    answer = await send(handler, recipients=("ann@example.com", "copy@example.com"))
    assert isinstance(answer, SmtpAnswer)
    assert answer.stage == "done"
    assert handler.mails[0].rcpt_tos == ["ann@example.com"]
    assert ("RCPT TO:<copy@example.com>", "550 no such user") in answer.dialogue


@pytest.mark.parametrize(("password", "stage"), [("right-password", "done"), ("wrong", "auth")])
async def test_a_password_is_checked_and_never_shown(password: str, stage: str) -> None:
    def server() -> SMTP:
        return SMTP(Handler(), authenticator=authenticate, auth_require_tls=False)

    async with serving(server) as port:
        answer = await hand_over(mail(port, username="ann", password=password))
    assert isinstance(answer, SmtpAnswer)
    assert answer.stage == stage
    assert answer.code == (250 if stage == "done" else 535)
    assert password not in repr(answer)


@pytest.mark.parametrize(
    ("more", "stage"),
    [
        ({"tls": "starttls"}, "tls"),
        ({"username": "ann", "password": "right-password"}, "auth"),
    ],
)
async def test_nothing_is_sent_less_safely_than_was_asked_for(
    more: dict[str, Any], stage: str
) -> None:
    handler = Handler()
    answer = await send(handler, **more)
    assert isinstance(answer, SmtpAnswer)
    assert (answer.stage, answer.code, handler.mails) == (stage, 502, [])


@pytest.mark.parametrize("trusted", [True, False])
@pytest.mark.parametrize("mode", ["starttls", "tls"])
async def test_both_kinds_of_encryption_check_the_certificate(
    mode: TlsMode, trusted: bool, tmp_path: Path
) -> None:
    path, pem = certificate(tmp_path, "localhost")
    ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ours.load_cert_chain(path)
    theirs = ssl.create_default_context(cadata=pem if trusted else None)
    handler = Handler()

    def server() -> SMTP:
        if mode == "tls":
            return SMTP(handler)
        return SMTP(handler, tls_context=ours, require_starttls=True)

    async with serving(server, ours if mode == "tls" else None) as port:
        answer = await hand_over(mail(port, tls=mode), tls_context=theirs)
    if trusted:
        assert isinstance(answer, SmtpAnswer)
        assert answer.stage == "done"
    else:
        assert isinstance(answer, NetFailure)
        assert (answer.kind, handler.mails) == ("connection", [])
        assert "TLS" in answer.message


async def test_an_international_address_is_sent_where_the_server_knows_them() -> None:
    handler = Handler()
    answer = await send(handler, recipients=("jörg@example.com",))
    assert isinstance(answer, SmtpAnswer)
    assert handler.mails[0].rcpt_tos == ["jörg@example.com"]


async def test_a_line_break_in_an_address_reaches_no_server() -> None:
    handler = Handler()
    answer = await send(handler, recipients=("ann@example.com>\r\nDATA",))
    assert isinstance(answer, NetFailure)
    assert (answer.kind, handler.mails) == ("invalid", [])


async def test_a_server_that_drops_the_line_amid_the_mail_is_a_connection_failure() -> None:
    answer = await send(Handler(drop="yes"))
    assert isinstance(answer, NetFailure)
    assert answer.kind == "connection"


class Mumbler(asyncio.Protocol):
    """Greets with fixed bytes and says nothing more."""

    def __init__(self, greeting: bytes) -> None:
        self.greeting = greeting

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        transport.write(self.greeting)


@pytest.mark.parametrize(
    ("greeting", "kind"),
    [
        (b"", "timeout"),
        (b"220 hello\r\n", "timeout"),
        (b"220-hello\r\n" * 3, "timeout"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "invalid"),
        (b"\xff\xfe\x00\r\n", "invalid"),
        (b"220-" + b"x" * 1_000_000, "invalid"),
    ],
)
async def test_silence_and_nonsense_end_by_themselves(greeting: bytes, kind: str) -> None:
    async with serving(lambda: Mumbler(greeting)) as port:
        answer = await hand_over(mail(port, timeout=0.2))
    assert isinstance(answer, NetFailure)
    assert answer.kind == kind


async def test_a_busy_server_says_so_in_its_greeting() -> None:
    async with serving(lambda: Mumbler(b"421 busy\r\n")) as port:
        answer = await hand_over(mail(port))
    assert isinstance(answer, SmtpAnswer)
    assert (answer.stage, answer.code) == ("greeting", 421)


async def test_a_closed_port_is_a_connection_failure() -> None:
    async with serving(lambda: Mumbler(b"")) as port:
        pass
    answer = await hand_over(mail(port))
    assert isinstance(answer, NetFailure)
    assert answer.kind == "connection"
