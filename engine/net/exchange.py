"""What goes out over the network and what comes back, as plain values.

Nothing here opens a connection: providers and steps build these, `Transport`
carries them, and whoever asked reads the answer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal, Protocol

Headers = tuple[tuple[str, str], ...]

FailureKind = Literal["timeout", "connection", "unresolved", "refused_url", "too_large", "invalid"]
TlsMode = Literal["none", "starttls", "tls"]
SmtpStage = Literal["greeting", "tls", "auth", "sender", "recipient", "data", "done"]

DEFAULT_TIMEOUT: Final = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """One HTTP request; what the connection itself needs of headers is added later."""

    method: str
    url: str
    headers: Headers = ()
    body: bytes | None = field(default=None, repr=False)
    timeout: float = DEFAULT_TIMEOUT
    https_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """An answer of any status; header names are in lower case."""

    status: int
    headers: Headers = ()
    body: bytes = field(default=b"", repr=False)
    duration: float = 0.0

    @property
    def is_success(self) -> bool:
        """Tell a 2xx."""
        return 200 <= self.status < 300

    def header(self, name: str) -> str | None:
        """Give the first header of that name (in lower case), or None."""
        return next((value for key, value in self.headers if key == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class NetFailure:
    """No usable answer came.

    `timeout` a deadline passed · `connection` it broke or never stood ·
    `unresolved` the host has no address · `refused_url` the guard said no ·
    `too_large` the answer passed the cap · `invalid` what came is no HTTP (or
    SMTP), or the request cannot be written. Messages hold no secrets: they
    name the host at most.
    """

    kind: FailureKind
    message: str
    duration: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpMail:
    """One finished mail and the server that shall take it."""

    host: str
    port: int
    tls: TlsMode
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    sender: str
    recipients: tuple[str, ...]
    data: bytes = field(repr=False)
    timeout: float = DEFAULT_TIMEOUT


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpAnswer:
    """The server's last word: at which stage, with which code.

    `dialogue` pairs what we said with what was answered; credentials and the
    mail's text are left out of it.
    """

    stage: SmtpStage
    code: int
    text: str
    dialogue: tuple[tuple[str, str], ...] = ()
    duration: float = 0.0


class Transport(Protocol):
    """Carry requests to their servers; never raise for what the network does."""

    async def send(
        self,
        request: HttpRequest,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - an answer, not an exception, is promised
        allow_private: bool = False,
    ) -> HttpAnswer | NetFailure:
        """Send once, within `timeout` seconds (default: the request's own)."""
        ...

    async def mail(self, mail: SmtpMail) -> SmtpAnswer | NetFailure:
        """Hand one mail to its server."""
        ...
