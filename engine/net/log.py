"""Write an exchange down for people to read, without its secrets."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Iterable, Sequence
from typing import Any, Final
from urllib.parse import quote, quote_plus, urlsplit

import orjson

from engine.net.exchange import Headers, HttpAnswer, HttpRequest, NetFailure, SmtpAnswer, SmtpMail

JsonObject = dict[str, Any]

BODY_CAP: Final = 64 * 1024
TEXT_CAP: Final = 4 * 1024
MASK: Final = "[masked]"
SHORTEST_SECRET: Final = 4
"""Shorter values would blacken innocent text all over the log; they hide nothing anyway."""

_CUT: Final = "…"

_SENSITIVE: Final = re.compile(
    r"authori[sz]ation|cookie|secret|passw|credential|(^|[-_])token|api[-_]?key|access[-_]?key"
    r"|signing[-_]?key|^(key|sig|auth)$",
    re.IGNORECASE,
)

_LOGIN: Final = re.compile(r"^([a-z][a-z0-9+.-]*://)[^/?#]*@", re.IGNORECASE)


def without_login(url: str) -> str:
    """Give an address without the user and password that it may hold."""
    return _LOGIN.sub(r"\1", url)


class Masker:
    """Blot out known secrets, in every form in which a request may carry them."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        forms = {form for value in secrets for form in _forms(value)}
        # Longest first: a secret that begins with another one must go whole.
        longest_first = sorted(forms, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if forms else None
        self._forms = tuple(longest_first)

    def text(self, text: str) -> str:
        """Give the text with each secret replaced."""
        return self._pattern.sub(MASK, text) if self._pattern else text

    def json(self, value: Any) -> Any:
        """Give plain JSON with each secret in it replaced, in names and numbers too."""
        if self._pattern is None or value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return self.text(value if value[-1:] != _CUT else self._uncut(value))
        if isinstance(value, dict):
            return {self.text(str(name)): self.json(item) for name, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.json(item) for item in value]
        return MASK if self._pattern.fullmatch(str(value)) else value

    def _uncut(self, text: str) -> str:
        """Give a text that was cut with the secret masked that the cut went through."""
        for start in range(len(text) - SHORTEST_SECRET):
            tail = text[start:-1]
            if any(form.startswith(tail) for form in self._forms):
                return text[:start] + MASK + _CUT
        return text

    def pairs(self, headers: Headers) -> JsonObject:
        """Give headers as an object, whole values hidden under telling names."""
        shown: JsonObject = {}
        for name, value in headers:
            value = MASK if _SENSITIVE.search(name) else self.text(value)[:TEXT_CAP]
            shown[self.text(name)] = f"{shown[name]}, {value}" if name in shown else value
        return shown

    def query(self, query: str) -> str | None:
        """Give a query string with its leading question mark, or None if there is none."""
        if not query:
            return None
        parts = []
        for part in query.split("&"):
            name, equals, _ = part.partition("=")
            hide = equals and _SENSITIVE.search(name)
            parts.append(f"{name}={MASK}" if hide else part)
        return self.text("?" + "&".join(parts))[:TEXT_CAP]

    def body(self, body: bytes | None) -> Any:
        """Give a JSON object as such and anything else as text, capped."""
        if not body:
            return ""
        text = self.text(body.decode("utf-8", "replace"))
        if len(text.encode()) > BODY_CAP:
            return text.encode()[:BODY_CAP].decode("utf-8", "ignore") + " … (cut)"
        if text.lstrip()[:1] == "{":
            try:
                return orjson.loads(text)
            except orjson.JSONDecodeError:
                return text
        return text


def exchange_log(
    service_name: str,
    request: HttpRequest | SmtpMail,
    answer: HttpAnswer | SmtpAnswer | NetFailure,
    secrets: Sequence[str] = (),
) -> JsonObject:
    """Render one attempt as `{service_name, request, response}`, secrets masked."""
    masker = Masker(secrets)
    if isinstance(request, SmtpMail):
        said = _smtp_request(request, answer, masker)
    else:
        said = _http_request(request, masker)
    return {
        "service_name": service_name,
        "request": said,
        "response": _response(answer, masker),
    }


def _forms(secret: str) -> set[str]:
    """Give the ways in which a secret may show; one that is JSON shows piece by piece too."""
    forms = _spellings(secret)
    if secret[:1] in {"{", "[", '"'}:
        try:
            decoded = orjson.loads(secret)
        except orjson.JSONDecodeError:
            return forms
        for leaf in _leaves(decoded):
            forms |= _spellings(leaf)
    return forms


def _leaves(value: Any) -> Iterable[str]:
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _leaves(item)
    elif value is not None and not isinstance(value, bool):
        yield str(value)


def _spellings(secret: str) -> set[str]:
    """Give the ways in which a text may be written: plain, in JSON, HTML, a URL, base64."""
    if len(secret) < SHORTEST_SECRET:
        return set()
    raw = secret.encode("utf-8", "replace")
    quoted = {quote(raw, safe=""), quote_plus(raw), quote(raw)}
    in_json = orjson.dumps(raw.decode("utf-8", "replace")).decode()[1:-1]
    plain = html.escape(secret)
    in_html = {plain, plain.replace("&quot;", "&#34;").replace("&#x27;", "&#39;")}
    return {secret, in_json, base64.b64encode(raw).decode(), *quoted, *in_html}


def _http_request(request: HttpRequest, masker: Masker) -> JsonObject:
    try:
        parts = urlsplit(request.url)
        host, path, query = parts.netloc.rpartition("@")[2], parts.path, parts.query
    except ValueError:
        host, path, query = "", request.url, ""
    return {
        "method": request.method.upper(),
        "host": masker.text(host)[:TEXT_CAP],
        "path": masker.text(path or "/")[:TEXT_CAP],
        "query": masker.query(query),
        "headers": masker.pairs(request.headers),
        "body": masker.body(request.body),
    }


def _smtp_request(
    mail: SmtpMail, answer: HttpAnswer | SmtpAnswer | NetFailure, masker: Masker
) -> JsonObject:
    """Show what we said. The method is one that the published schema knows."""
    said = [line for line, _ in answer.dialogue] if isinstance(answer, SmtpAnswer) else []
    return {
        "method": "POST",
        "host": masker.text(f"{mail.host}:{mail.port}"),
        "path": "smtp",
        "query": None,
        "headers": {
            "From": masker.text(mail.sender),
            "To": masker.text(", ".join(mail.recipients)),
        },
        "body": masker.body("\n".join(filter(None, said)).encode()),
    }


def _response(answer: HttpAnswer | SmtpAnswer | NetFailure, masker: Masker) -> JsonObject:
    match answer:
        case HttpAnswer():
            status, headers, body = answer.status, masker.pairs(answer.headers), answer.body
        case SmtpAnswer():
            lines = "\n".join(filter(None, (heard for _, heard in answer.dialogue)))
            status, headers, body = answer.code, {}, (lines or answer.text).encode()
        case NetFailure():
            # No answer has no status; 0 keeps the field a number.
            status, headers, body = 0, {}, f"{answer.kind}: {answer.message}".encode()
    return {
        "status": status,
        "headers": headers,
        "body": masker.body(body),
        "duration_ms": round(answer.duration * 1000),
    }
