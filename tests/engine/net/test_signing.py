from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime

import pytest

from engine.net.exchange import HttpRequest
from engine.net.signing import FETCH_SIGNATURE, WEBHOOK_SIGNATURE, sign, signed

NOW = datetime(2026, 6, 1, 12, 0, 0, 123_999, tzinfo=UTC)
MILLIS = "1780315200123"


def verify(header: str, key: str, body: bytes) -> bool:
    """Check a signature the way a receiver does."""
    stamp, _, digest = header.partition(",")
    text = stamp.removeprefix("t=").encode() + b"." + body
    expected = base64.b64encode(hmac.new(key.encode(), text, hashlib.sha256).digest()).decode()
    return hmac.compare_digest(digest.removeprefix("s="), expected)


@pytest.mark.req("E-81")
@pytest.mark.parametrize("body", [b"", b'{"a":1}', "grüße".encode(), b"\xff\x00"])
def test_a_receiver_can_check_the_signature(body: bytes) -> None:
    header = sign("top-secret", body, NOW)
    assert header.startswith(f"t={MILLIS},s=")
    assert verify(header, "top-secret", body)
    assert not verify(header, "other-key", body)
    assert not verify(header, "top-secret", body + b" ")


def test_a_known_signature_stays_the_same() -> None:
    assert sign("key", b"{}", NOW) == f"t={MILLIS},s=sjZ/S+ZhcX5zI154efgDUSmmEkk7+gsMKgX8sIypOxU="


@pytest.mark.parametrize("header", [FETCH_SIGNATURE, WEBHOOK_SIGNATURE])
def test_the_signature_replaces_one_that_a_template_set(header: str) -> None:
    request = HttpRequest(
        method="POST",
        url="https://example.com",
        headers=(("a", "b"), (header.title(), "forged")),
        body=b"x",
    )
    sent = signed(request, header, "key", NOW)
    assert sent.headers == (("a", "b"), (header, sign("key", b"x", NOW)))


def test_a_request_without_a_body_signs_the_empty_text() -> None:
    request = HttpRequest(method="GET", url="https://example.com")
    assert dict(signed(request, FETCH_SIGNATURE, "key", NOW).headers) == {
        FETCH_SIGNATURE: sign("key", b"", NOW)
    }
