from __future__ import annotations

import orjson
import pytest

from engine.net.exchange import HttpAnswer, HttpRequest, NetFailure, SmtpAnswer, SmtpMail
from engine.net.log import BODY_CAP, MASK, Masker, exchange_log

SECRET = 'p"a/ss wörd+%'


def logged(request: HttpRequest, answer: HttpAnswer | NetFailure | None = None) -> dict:
    return exchange_log("Probe", request, answer or HttpAnswer(status=200), [SECRET])


def test_an_exchange_is_shown_as_request_and_response() -> None:
    request = HttpRequest(
        method="post",
        url="https://example.com:8443/a/b?x=1&y=2",
        headers=(("content-type", "application/json"),),
        body=b'{"a": 1}',
    )
    answer = HttpAnswer(status=201, headers=(("x", "y"),), body=b"created", duration=0.25)
    assert logged(request, answer) == {
        "service_name": "Probe",
        "request": {
            "method": "POST",
            "host": "example.com:8443",
            "path": "/a/b",
            "query": "?x=1&y=2",
            "headers": {"content-type": "application/json"},
            "body": {"a": 1},
        },
        "response": {"status": 201, "headers": {"x": "y"}, "body": "created", "duration_ms": 250},
    }


@pytest.mark.parametrize(
    "name",
    [
        "Authorization",
        "Proxy-Authorization",
        "Cookie",
        "Set-Cookie",
        "X-Api-Key",
        "apikey",
        "x-auth-token",
        "Access-Token",
        "X-Client-Secret",
        "password",
    ],
)
def test_headers_and_parameters_under_telling_names_are_hidden(name: str) -> None:
    request = HttpRequest(method="GET", url=f"https://h/?{name}=abc", headers=((name, "abc"),))
    log = logged(request, HttpAnswer(status=200, headers=((name, "abc"),)))
    assert log["request"]["headers"][name] == MASK
    assert log["response"]["headers"][name] == MASK
    assert log["request"]["query"] == f"?{name}={MASK}"


@pytest.mark.parametrize(
    "name", ["idempotency-key", "x-webhook-signature", "content-type", "monkey"]
)
def test_harmless_names_stay_readable(name: str) -> None:
    assert logged(HttpRequest(method="GET", url="https://h/", headers=((name, "v"),)))["request"][
        "headers"
    ] == {name: "v"}


def test_a_known_secret_is_hidden_wherever_and_however_it_is_written() -> None:
    from base64 import b64encode
    from urllib.parse import quote, quote_plus

    request = HttpRequest(
        method="POST",
        url=f"https://{quote(SECRET, safe='')}/{quote(SECRET)}?q={quote_plus(SECRET)}",
        headers=(("x-a", f"v {SECRET}"), ("x-b", b64encode(SECRET.encode()).decode())),
        body=orjson.dumps({"deep": [SECRET]}),
    )
    text = orjson.dumps(logged(request, HttpAnswer(status=400, body=SECRET.encode()))).decode()
    assert text.count(MASK) == 7
    assert "wörd" not in text
    assert "w%C3%B6rd" not in text


def test_a_secret_that_begins_with_another_goes_whole() -> None:
    assert Masker(["abcd", "abcdefgh"]).text("abcdefgh abcd") == f"{MASK} {MASK}"


def test_a_secret_is_not_cut_in_two_by_the_cap() -> None:
    body = b"x" * (BODY_CAP - 3) + SECRET.encode()
    shown = logged(HttpRequest(method="POST", url="https://h/", body=body))["request"]["body"]
    assert 'p"a' not in shown


def test_bodies_are_capped() -> None:
    shown = logged(HttpRequest(method="POST", url="https://h/", body="ü".encode() * BODY_CAP))
    assert len(shown["request"]["body"].encode()) < BODY_CAP + 20
    assert shown["request"]["body"].endswith("(cut)")


def test_bytes_that_are_no_text_are_shown_somehow() -> None:
    log = logged(HttpRequest(method="POST", url="https://h/", body=b"\xff\xfe{"))
    assert isinstance(log["request"]["body"], str)


@pytest.mark.parametrize("url", ["", "https://[::1", "no url at all", "https://user:pass@h/x"])
def test_a_url_that_is_none_can_still_be_logged(url: str) -> None:
    log = logged(HttpRequest(method="GET", url=url), NetFailure(kind="refused_url", message="no"))
    assert log["response"]["body"] == "refused_url: no"
    assert log["response"]["status"] == 0
    assert "pass" not in log["request"]["host"]


def test_a_mail_is_shown_as_its_dialogue() -> None:
    mail = SmtpMail(
        host="mail.test", port=25, tls="none", sender="a@b.c", recipients=("d@e.f",), data=b"text"
    )
    answer = SmtpAnswer(
        stage="recipient",
        code=550,
        text="no such user",
        dialogue=(("MAIL FROM:<a@b.c>", "250 OK"), ("RCPT TO:<d@e.f>", "550 no such user")),
    )
    log = exchange_log("SMTP", mail, answer, [])
    assert log["request"]["host"] == "mail.test:25"
    assert log["request"]["body"] == "MAIL FROM:<a@b.c>\nRCPT TO:<d@e.f>"
    assert log["response"]["body"] == "250 OK\n550 no such user"
    assert log["response"]["status"] == 550


def test_json_is_masked_in_names_numbers_and_cut_texts() -> None:
    masker = Masker(["12345", "a-long-secret-indeed", '{"inner": "the-inner-one"}'])
    shown = masker.json(
        {
            "a-long-secret-indeed": [12345, 1234567, True, None],
            "cut": "is a-long-se…",
            "x": "whole…",
            "y": "see the-inner-one",
        }
    )
    assert shown == {
        MASK: [MASK, 1234567, True, None],
        "cut": f"is {MASK}…",
        "x": "whole…",
        "y": f"see {MASK}",
    }


def test_a_secret_is_masked_as_html_shows_it_too() -> None:
    masker = Masker(["O'Neil&Co<9>\""])
    for shown in ("O&#39;Neil&amp;Co&lt;9&gt;&#34;", "O&#x27;Neil&amp;Co&lt;9&gt;&quot;"):
        assert masker.text(f"<p>{shown}</p>") == f"<p>{MASK}</p>"
