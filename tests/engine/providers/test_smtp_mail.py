from __future__ import annotations

import base64
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import orjson
import pytest
from conformance import EMAIL, outbound

from engine.net.exchange import NetFailure, SmtpAnswer, SmtpMail, SmtpStage
from engine.providers.base import Accepted, Bounced, Rejected, Retryable
from engine.providers.mime import BadAddress, read_addresses
from engine.providers.smtp import Smtp, SmtpConfig

SMTP = Smtp()
CONFIG = SmtpConfig(host="mail.test", from_address="news@example.com", from_name="Acme, Inc.")


def build(content: dict[str, Any] | None = None, **more: Any) -> SmtpMail:
    message = outbound("smtp", "email", EMAIL if content is None else content, **more)
    built = SMTP.build(message, CONFIG)
    assert isinstance(built, SmtpMail), built
    return built


def parse(mail: SmtpMail) -> EmailMessage:
    return message_from_bytes(mail.data, policy=default)  # type: ignore[arg-type, return-value]


def test_a_mail_has_its_headers_and_both_bodies() -> None:
    mail = build()
    parsed = parse(mail)
    assert (mail.sender, mail.recipients) == ("news@example.com", ("ann@example.com",))
    assert parsed["From"] == '"Acme, Inc." <news@example.com>'
    assert parsed["To"] == "ann@example.com"
    assert parsed["Subject"] == "Hello Ann"
    assert parsed["Message-ID"] == "<2w3YUpTTOxuDvZFji8OMsKrG176@example.com>"
    assert parsed["Date"].datetime == datetime(2026, 6, 1, 12, tzinfo=UTC)
    assert parsed.get_content_type() == "multipart/alternative"
    kinds = [part.get_content_type() for part in parsed.iter_parts()]
    assert kinds == ["text/plain", "text/html"]
    assert parsed.get_body(("plain",)).get_content().strip() == "Hello"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ({"html_body": "<p>x</p>"}, "text/html"),
        ({"text_body": "x"}, "text/plain"),
        ({}, "text/plain"),
    ],
)
def test_a_single_body_needs_no_alternatives(content: dict[str, Any], kind: str) -> None:
    assert parse(build(content)).get_content_type() == kind


def test_text_of_any_language_and_length_arrives_unharmed() -> None:
    text = "Grüße \U0001f469\u200d\U0001f467 " + "x" * 5000 + "\n.\n..\nFrom here\n"
    mail = build({"subject": "Привет, мир " * 20, "text_body": text})
    assert mail.data.isascii()
    assert max(map(len, mail.data.split(b"\r\n"))) <= 998
    assert b"\n" not in mail.data.replace(b"\r\n", b"")
    parsed = parse(mail)
    assert parsed.get_content().replace("\r\n", "\n") == text
    assert parsed["Subject"] == ("Привет, мир " * 20).strip()


@pytest.mark.parametrize("field", ["subject_line", "reply_to", "from", "cc"])
@pytest.mark.parametrize("line_break", ["\r\n", "\n", "\r", "\x00", "\u2028", "\x85"])
def test_no_value_can_start_a_header_of_its_own(field: str, line_break: str) -> None:
    content = {**EMAIL, field: f"x@example.com{line_break}Bcc: evil@example.com"}
    built = SMTP.build(outbound("smtp", "email", content), CONFIG)
    if isinstance(built, SmtpMail):
        assert parse(built)["Bcc"] is None
        assert built.recipients == ("ann@example.com",)
    else:
        assert isinstance(built, Rejected)


def test_an_encoded_word_cannot_smuggle_a_line_break() -> None:
    word = "=?utf-8?q?a=0D=0ABcc:_evil@example.com?="
    mail = build({**EMAIL, "subject_line": word}, overrides={"attachments": file(name=word)})
    assert b"\nbcc" not in mail.data.lower()
    parsed = parse(mail)
    assert parsed["Subject"] == word
    [attached] = parsed.iter_attachments()
    assert attached.get_filename() == word.replace("=?", "= ?")


def test_names_are_quoted_or_encoded_as_they_need() -> None:
    for name in ("Ann", 'Ann "A" Lee\\', "Åsa, Öberg", "=?x?=", "a@b.co <c@d.eu>", "x" * 150):
        parsed = parse(build({**EMAIL, "from_name": name}))
        [sender] = parsed["From"].addresses
        assert (sender.display_name, sender.addr_spec) == (name, "news@example.com")


@pytest.mark.parametrize("text", ["a  b", "x " * 300 + "y", "x" * 1500, "ü" * 900, "<" + "u" * 800])
def test_headers_of_any_length_are_folded_without_loss(text: str) -> None:
    mail = build({**EMAIL, "subject_line": text})
    assert max(map(len, mail.data.split(b"\r\n"))) <= 998
    assert parse(mail)["Subject"] == text


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ann",
        "@example.com",
        "ann@",
        "ann@exa mple.com",
        "a@b@c.com>",
        "ann@example.com, bob@example.com",
        "ann@example.com\r\nRCPT TO:<evil@example.com>",
        "team: ann@example.com;",
        "ann@[127.0.0.1]",
        "x" * 65 + "@example.com",
        ".ann@example.com",
    ],
)
def test_a_recipient_that_is_no_single_address_bounces(address: str) -> None:
    built = SMTP.build(outbound("smtp", "email", EMAIL, address=address), CONFIG)
    assert isinstance(built, Bounced)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a@b.co", [("a@b.co", "")]),
        ("Ann Lee <a@b.co>", [("a@b.co", "Ann Lee")]),
        ('"Lee, Ann \\"A\\"" <a@b.co>, c@d.eu', [("a@b.co", 'Lee, Ann "A"'), ("c@d.eu", "")]),
        ("Acme: Support <a@b.co>", [("a@b.co", "Acme: Support")]),
        ("<a@b.co>", [("a@b.co", "")]),
        ("a@bücher.example", [("a@xn--bcher-kva.example", "")]),
        (" , ,", []),
        (None, []),
        (["a@b.co", "c@d.eu,e@f.eu"], [("a@b.co", ""), ("c@d.eu", ""), ("e@f.eu", "")]),
    ],
)
def test_addresses_are_read_with_names_and_lists(text: Any, expected: list[Any]) -> None:
    assert [(entry.address, entry.name) for entry in read_addresses(text)] == expected


@pytest.mark.parametrize("text", ["a@b.co c@d.eu", "Ann <a@b.co> x", 7, [7], '"a@b.co'])
def test_what_is_no_address_is_not_guessed_at(text: Any) -> None:
    with pytest.raises(BadAddress):
        read_addresses(text)


def test_overrides_come_before_what_the_channel_says() -> None:
    overrides = {
        "to_address": "bob@example.com",
        "from_address": "Own <own@example.org>",
        "reply_to_address": "reply@example.com",
        "cc_address": "c1@example.com, c2@example.com",
        "bcc_address": "secret@example.com",
        "from_name": " ",
    }
    mail = build(overrides=overrides)
    parsed = parse(mail)
    assert mail.sender == "own@example.org"
    assert parsed["From"] == "Own <own@example.org>"
    assert parsed["Reply-To"] == "reply@example.com"
    assert parsed["Cc"] == "c1@example.com, c2@example.com"
    assert mail.recipients == (
        "bob@example.com",
        "c1@example.com",
        "c2@example.com",
        "secret@example.com",
    )
    assert b"secret@example.com" not in mail.data


def test_the_channels_from_address_comes_before_a_rendered_stand_in() -> None:
    assert build({**EMAIL, "from": "tocsin@localhost"}).sender == "news@example.com"


@pytest.mark.parametrize("as_text", [False, True])
def test_only_headers_of_the_json_overrides_are_honoured(as_text: bool) -> None:
    headers = {
        "List-Unsubscribe": "<https://example.com/u>",
        "X-Number": 7,
        "From": "evil@example.com",
        "Content-Type": "text/evil",
        "Bcc": "evil@example.com",
        "Bad Name": "x",
    }
    given: Any = {"headers": headers, "subject": "ignored"}
    mail = build(overrides={"json_overrides": orjson.dumps(given).decode() if as_text else given})
    parsed = parse(mail)
    assert parsed["List-Unsubscribe"] == "<https://example.com/u>"
    assert parsed["X-Number"] == "7"
    assert b"evil" not in mail.data
    assert parsed["Subject"] == "Hello Ann"


def file(**more: Any) -> dict[str, Any]:
    content = base64.b64encode(b"\x00binary").decode()
    return {"name": "a.pdf", "content_type": "application/pdf", "content": content, **more}


def test_attachments_and_inline_images_find_their_place() -> None:
    image = file(
        name="logo.png", content_type="image/png", content_id="logo@x", disposition="inline"
    )
    calendar = file(name="invite.ics", content_type="text/calendar; method=REQUEST")
    parsed = parse(build(overrides={"attachments": [file(), image, calendar]}))
    kinds = [part.get_content_type() for part in parsed.walk()]
    assert kinds == [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "multipart/related",
        "text/html",
        "image/png",
        "application/pdf",
        "text/calendar",
    ]
    attached = list(parsed.iter_attachments())
    assert [part.get_filename() for part in attached] == ["a.pdf", "invite.ics"]
    assert attached[0].get_content() == b"\x00binary"
    logo = next(part for part in parsed.walk() if part.get_content_type() == "image/png")
    assert (logo["Content-ID"], logo.get_content_disposition()) == ("<logo@x>", "inline")


def test_one_attachment_may_stand_alone() -> None:
    parsed = parse(build(overrides={"attachments": file()}))
    assert [part.get_filename() for part in parsed.iter_attachments()] == ["a.pdf"]


def test_an_attachment_that_is_not_base64_rejects_the_mail() -> None:
    message = outbound("smtp", "email", EMAIL, overrides={"attachments": file(content="%%%")})
    built = SMTP.build(message, CONFIG)
    assert isinstance(built, Rejected)
    assert "a.pdf" in built.reason


def test_a_channel_without_a_from_address_rejects_and_says_so() -> None:
    built = SMTP.build(outbound("smtp", "email", EMAIL), SmtpConfig(host="mail.test"))
    assert built == Rejected("the channel has no from address: set from_address")


@pytest.mark.parametrize(
    ("settings", "way"),
    [
        ({}, (587, "starttls")),
        ({"port": 465}, (465, "tls")),
        ({"port": 587}, (587, "starttls")),
        ({"port": 1025}, (1025, "none")),
        ({"tls": "tls"}, (465, "tls")),
        ({"tls": "none"}, (587, "none")),
        ({"tls": "starttls", "port": 25}, (25, "starttls")),
    ],
)
def test_port_and_encryption_are_filled_in_from_each_other(
    settings: dict[str, Any], way: tuple[int, str]
) -> None:
    assert SmtpConfig(host="mail.test", **settings).way == way


@pytest.mark.req("R-25")
@pytest.mark.parametrize(
    ("stage", "code", "text", "expected"),
    [
        ("done", 250, "OK", Accepted()),
        ("done", 250, "2.0.0 Ok: queued as 4F3kx2", Accepted("4F3kx2")),
        ("greeting", 421, "busy", Retryable("greeting: 421 busy")),
        ("greeting", 554, "go away", Rejected("greeting: 554 go away")),
        ("tls", 454, "later", Retryable("tls: 454 later")),
        ("tls", 502, "no TLS", Rejected("tls: 502 no TLS")),
        ("auth", 535, "wrong", Rejected("auth: 535 wrong")),
        ("auth", 454, "later", Retryable("auth: 454 later")),
        ("sender", 550, "not you", Rejected("sender: 550 not you")),
        ("sender", 451, "greylisted", Retryable("sender: 451 greylisted")),
        ("recipient", 550, "no such user", Bounced("recipient: 550 no such user")),
        ("recipient", 553, "bad name", Bounced("recipient: 553 bad name")),
        ("recipient", 552, "5.2.2 full", Bounced("recipient: 552 5.2.2 full")),
        ("recipient", 550, "5.7.1 no relaying", Rejected("recipient: 550 5.7.1 no relaying")),
        ("recipient", 530, "log in first", Rejected("recipient: 530 log in first")),
        ("recipient", 450, "later", Retryable("recipient: 450 later")),
        ("data", 554, "spam", Rejected("data: 554 spam")),
        ("data", 452, "no space", Retryable("data: 452 no space")),
    ],
)
def test_each_code_at_each_stage_has_its_outcome(
    stage: SmtpStage, code: int, text: str, expected: object
) -> None:
    assert SMTP.classify(SmtpAnswer(stage=stage, code=code, text=text)) == expected


def test_a_broken_connection_is_tried_again() -> None:
    assert SMTP.classify(NetFailure(kind="connection", message="x")) == Retryable("x")
