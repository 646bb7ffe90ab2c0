"""Compose e-mails: the same message always gives the same bytes."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC
from email.header import Header
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from hashlib import blake2b
from typing import Any, Final

import orjson

from storage.records import JsonObject, Outbound

MAX_MAILBOX: Final = 1000
MAX_HEADER: Final = 2000
MAX_LINE: Final = 850

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_LOCAL: Final = re.compile(r"[^\s\x00-\x20\x7f()<>@,;:\\\"\[\]]{1,64}")
_MAILBOX: Final = re.compile(
    r'(?:(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<name>[^"<>]*?))\s*<(?P<angle>[^<>]+)>|(?P<bare>[^<>"]+))'
)
_SPECIAL: Final = re.compile(r'[()<>@,;:\\".\[\]]')
_HEADER_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_MEDIA_TYPE: Final = re.compile(r"([a-z0-9!#$&^_.+-]{1,60})/([a-z0-9!#$&^_.+-]{1,60})")

# Written by us, or they would let a template redirect or break the mail.
_RESERVED: Final = frozenset(
    {"from", "to", "cc", "bcc", "sender", "date", "message-id", "subject", "mime-version"}
)


class BadAddress(ValueError):
    """An address cannot be used."""


class BadAttachment(ValueError):
    """An attachment cannot be read."""


@dataclass(frozen=True, slots=True)
class Mailbox:
    """An address that is safe on a command line, and a name for display."""

    address: str
    name: str = ""

    def named(self, name: object) -> Mailbox:
        """Give the same address under another name."""
        return replace(self, name=_line(name)[:200])

    def as_header(self) -> str:
        """Give the form for a header, the name quoted or encoded as it needs."""
        if not self.name:
            return self.address
        if not _is_plain(self.name):
            name = Header(self.name, "utf-8").encode(linesep="\r\n")
        elif _SPECIAL.search(self.name):
            name = '"' + re.sub(r'([\\"])', r"\\\1", self.name) + '"'
        else:
            name = self.name
        return f"{name} <{self.address}>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """Who the mail is from and who gets it."""

    sender: Mailbox
    to: tuple[Mailbox, ...]
    cc: tuple[Mailbox, ...] = ()
    bcc: tuple[Mailbox, ...] = ()
    reply_to: tuple[Mailbox, ...] = ()


def read_addresses(value: Any) -> list[Mailbox]:
    """Read one address, a comma-separated list, or a list; blank gives none.

    Raises:
        BadAddress: an entry is no e-mail address.
    """
    if value is None:
        return []
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, Sequence) or not all(isinstance(text, str) for text in texts):
        raise BadAddress("expected an e-mail address or a list of them")
    return [_mailbox(entry) for text in texts for entry in _entries(text)]


def compose(envelope: Envelope, outbound: Outbound) -> bytes:
    """Write the whole mail, ready for the wire.

    Raises:
        BadAttachment: an attachment is not base64.
    """
    # Seven bits throughout: nothing then depends on what the server supports.
    mail = EmailMessage(policy=SMTP.clone(cte_type="7bit"))
    inline, attached = _attachments(outbound.overrides.get("attachments"))
    _write_bodies(mail, outbound.content, inline)
    for file in attached:
        mail.add_attachment(
            file.data,
            maintype=file.maintype,
            subtype=file.subtype,
            filename=file.name,
            cid=file.cid,
        )
    # Drawn from all of it, so that no text can hold the boundary that will surround it.
    seed = blake2b(repr((outbound.message_id, outbound.content)).encode("utf-8", "replace"))
    for number, part in enumerate(mail.walk()):
        if part.is_multipart():
            part.set_boundary(f"=_{seed.hexdigest()[:40]}_{number}")
    return _header_block(envelope, outbound).encode() + mail.as_bytes()


def _line(value: object) -> str:
    """Make one line of the text: a line break would start a header of its own."""
    return _CONTROL.sub(" ", str(value).encode("utf-8", "replace").decode()).strip()


def _entries(text: str) -> list[str]:
    """Split a list at its commas, those inside quotes excepted."""
    entries, start, is_quoted, is_escaped = [], 0, False, False
    for index, char in enumerate(text):
        if is_escaped:
            is_escaped = False
        elif char == "\\":
            is_escaped = is_quoted
        elif char == '"':
            is_quoted = not is_quoted
        elif char == "," and not is_quoted:
            entries.append(text[start:index])
            start = index + 1
    entries.append(text[start:])
    return [entry.strip() for entry in entries if entry.strip()]


def _mailbox(entry: str) -> Mailbox:
    """Check an address strictly; its domain is given in ASCII.

    The email package's reader would accept groups and comments as well, and
    find addresses in texts that were never meant as such.
    """
    is_sane = len(entry) <= MAX_MAILBOX and not _CONTROL.search(entry)
    form = _MAILBOX.fullmatch(entry) if is_sane else None
    name = form["quoted"] or form["name"] or "" if form else ""
    local, at, domain = (form["angle"] or form["bare"] if form else "").rpartition("@")
    if not at or not _LOCAL.fullmatch(local) or local.startswith(".") or local.endswith("."):
        raise BadAddress("expected an e-mail address such as ann@example.com")
    import httpx  # when an address is read, not when the providers are listed

    try:
        # httpx knows the current rules for international names; Python's own codec does not.
        host = httpx.URL(scheme="http", host=domain).raw_host.decode("ascii")
    except (httpx.InvalidURL, ValueError):
        host = ""
    if not re.fullmatch(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*", host) or len(host) > 253:
        raise BadAddress("expected an e-mail address such as ann@example.com")
    return Mailbox(f"{local}@{host}", _line(re.sub(r"\\(.)", r"\1", name))[:200])


def _header_block(envelope: Envelope, outbound: Outbound) -> str:
    """Write the headers; the email package's own folding loses spaces and decodes words."""
    content = outbound.content
    domain = envelope.sender.address.rpartition("@")[2]
    local_id = re.sub(r"[^A-Za-z0-9._-]", "-", outbound.message_id)[:200] or "message"
    subject = content.get("subject_line") or content.get("subject") or ""
    fields = {
        "From": _address_list((envelope.sender,)),
        "To": _address_list(envelope.to),
        "Cc": _address_list(envelope.cc),
        "Reply-To": _address_list(envelope.reply_to),
        "Subject": _text_value("Subject", _line(subject)),
        "Date": format_datetime(outbound.first_attempt_at.astimezone(UTC)),
        "Message-ID": f"<{local_id}@{domain}>",
    }
    names = {name.lower(): name for name in fields}
    for name, text in _extra_headers(outbound.overrides.get("json_overrides")):
        fields[names.setdefault(name.lower(), name)] = _text_value(name, text)
    return "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value)


def _address_list(mailboxes: tuple[Mailbox, ...]) -> str:
    return ",\r\n ".join(mailbox.as_header() for mailbox in mailboxes)


def _text_value(name: str, text: str) -> str:
    """Write a text as one line if it is plain and fits (a line holds 998), else encoded."""
    if _is_plain(text) and len(text) < MAX_LINE:
        return text
    return Header(text[:MAX_HEADER], "utf-8", header_name=name).encode(linesep="\r\n")


def _is_plain(text: str) -> bool:
    """Tell text that readers show as it stands; "=?" would make them decode it."""
    return text.isascii() and "=?" not in text


def _extra_headers(overrides: Any) -> list[tuple[str, str]]:
    """Read `{"headers": {...}}`, the one override that SMTP knows, from an object or its text."""
    if isinstance(overrides, str):
        try:
            overrides = orjson.loads(overrides)
        except orjson.JSONDecodeError:
            return []
    headers = overrides.get("headers") if isinstance(overrides, Mapping) else None
    if not isinstance(headers, Mapping):
        return []
    found = []
    for name, value in headers.items():
        key = str(name).strip()
        lower = key.lower()
        if not _HEADER_NAME.fullmatch(key) or lower in _RESERVED or lower.startswith("content-"):
            continue
        found.append((key, _line(value)))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """An attachment, unpacked."""

    name: str
    data: bytes
    maintype: str
    subtype: str
    cid: str | None


def _attachments(value: Any) -> tuple[list[_File], list[_File]]:
    """Read one attachment or a list; those that the HTML shows come first."""
    entries = [value] if isinstance(value, Mapping) else value or []
    inline: list[_File] = []
    attached: list[_File] = []
    for entry in entries if isinstance(entries, Sequence) else []:
        if isinstance(entry, Mapping):
            file = _read_file(entry)
            is_inline = entry.get("disposition") == "inline" and file.cid
            (inline if is_inline else attached).append(file)
    return inline, attached


def _read_file(entry: Mapping[str, Any]) -> _File:
    # Parted, for the email package decodes such words, line breaks in them included.
    name = _line(entry.get("name") or "attachment")[:200].replace("=?", "= ?")
    try:
        data = base64.b64decode("".join(str(entry.get("content") or "").split()), validate=True)
    except (binascii.Error, ValueError):
        raise BadAttachment(f"the content of attachment {name!r} is not base64") from None
    kind = _MEDIA_TYPE.fullmatch(str(entry.get("content_type") or "").partition(";")[0].lower())
    maintype, subtype = kind.groups() if kind else ("application", "octet-stream")
    if maintype in ("multipart", "message"):
        # These hold mails of their own, which base64 is not allowed to wrap.
        maintype, subtype = "application", "octet-stream"
    content_id = re.sub(r"[\s<>\x00-\x20\x7f]", "", str(entry.get("content_id") or ""))
    cid = f"<{content_id}>" if content_id.isascii() and content_id else None
    return _File(name=name, data=data, maintype=maintype, subtype=subtype, cid=cid)


def _write_bodies(mail: EmailMessage, content: JsonObject, inline: list[_File]) -> None:
    """Write text, HTML, or both as alternatives, and the images that the HTML shows."""
    text, html = _body(content.get("text_body")), _body(content.get("html_body"))
    if html and not text:
        mail.set_content(html, subtype="html")
        shown: EmailMessage = mail
    else:
        mail.set_content(text)
        if not html:
            return
        mail.add_alternative(html, subtype="html")
        shown = list(mail.iter_parts())[1]  # type: ignore[assignment]  # typeshed: Message
    for file in inline:
        shown.add_related(
            file.data,
            maintype=file.maintype,
            subtype=file.subtype,
            cid=file.cid,
            filename=file.name,
            disposition="inline",
        )


def _body(value: Any) -> str:
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""
