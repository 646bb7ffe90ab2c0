"""Send e-mail through any SMTP server."""

from __future__ import annotations

import re
from typing import Any, Final

from pydantic import Field

from engine.net.exchange import NetFailure, SmtpAnswer, SmtpMail, TlsMode
from engine.providers.base import (
    Accepted,
    Answer,
    Bounced,
    Provider,
    ProviderConfig,
    Rejected,
    Retryable,
    SendResult,
    classify_failure,
    provider,
    secret,
    unexpected,
)
from engine.providers.mime import BadAddress, BadAttachment, Envelope, compose, read_addresses
from storage.records import Outbound

REASON_CAP: Final = 300

_QUEUED: Final = re.compile(r"queued as ([^\s;,>]{1,200})", re.IGNORECASE)
_POLICY: Final = re.compile(r"5\.7\.\d")
_ABOUT_US: Final = frozenset({503, 530, 535})


class SmtpConfig(ProviderConfig):
    """How to reach the server, and who the mail is from."""

    host: str = Field(title="Host", min_length=1, max_length=253)
    port: int | None = Field(
        default=None,
        title="Port",
        ge=1,
        le=65535,
        description="Left empty: 465 with TLS, else 587.",
    )
    tls: TlsMode | None = Field(
        default=None,
        title="Encryption",
        description="Left empty: TLS on port 465, STARTTLS on 587, none on others.",
    )
    username: str | None = Field(default=None, title="User name")
    password: str | None = secret(title="Password")
    from_address: str | None = Field(default=None, title="From address")
    from_name: str | None = Field(default=None, title="From name")
    reply_to: str | None = Field(default=None, title="Reply-to address")
    timeout: float = Field(default=20.0, title="Time-out in seconds", gt=0, le=120)

    @property
    def way(self) -> tuple[int, TlsMode]:
        """Give port and encryption, each filled in from the other."""
        port = self.port or (465 if self.tls == "tls" else 587)
        usual: dict[int, TlsMode] = {465: "tls", 587: "starttls"}
        return port, self.tls or usual.get(port, "none")


@provider("smtp", title="SMTP", channel_types=["email"])
class Smtp(Provider[SmtpConfig]):
    """Compose the mail and read what the server says to it."""

    Config = SmtpConfig

    def build(self, outbound: Outbound, config: SmtpConfig) -> SmtpMail | Rejected | Bounced:
        """Compose the same bytes on every attempt, so that duplicates can be told."""
        to = _pick(outbound, "to_address", "to") or outbound.address
        try:
            recipients = read_addresses(to)
        except BadAddress:
            recipients = []
        if len(recipients) != 1:
            return Bounced("the recipient's address is not one e-mail address")
        try:
            envelope = _envelope(outbound, config, recipients)
            data = compose(envelope, outbound)
        except (BadAddress, BadAttachment) as error:
            return Rejected(str(error))
        port, tls = config.way
        everyone = (*recipients, *envelope.cc, *envelope.bcc)
        return SmtpMail(
            host=config.host.strip(),
            port=port,
            tls=tls,
            username=config.username or None,
            password=config.password,
            sender=envelope.sender.address,
            recipients=tuple(dict.fromkeys(entry.address for entry in everyone)),
            data=data,
            timeout=config.timeout,
        )

    def classify(self, answer: Answer) -> SendResult:
        """Follow the code's class, and the stage at which it came."""
        if isinstance(answer, NetFailure):
            return classify_failure(answer)
        if not isinstance(answer, SmtpAnswer):
            return unexpected(answer)
        if answer.stage == "done":
            queued = _QUEUED.search(answer.text)
            return Accepted(queued.group(1) if queued else None)
        reason = f"{answer.stage}: {answer.code} {answer.text}"[:REASON_CAP]
        if 400 <= answer.code < 500:
            return Retryable(reason)
        if answer.stage == "recipient" and answer.code >= 500 and not _is_about_us(answer):
            return Bounced(reason)
        return Rejected(reason)


def _is_about_us(answer: SmtpAnswer) -> bool:
    """Tell a refusal of the sender (no relaying, log in first) from a dead address."""
    return answer.code in _ABOUT_US or bool(_POLICY.match(answer.text.lstrip()))


def _envelope(outbound: Outbound, config: SmtpConfig, recipients: list[Any]) -> Envelope:
    """Settle who the mail is from and who gets it.

    Raises:
        BadAddress: one of the addresses cannot be used.
    """
    own = outbound.overrides.get("from_address") or config.from_address
    sender = read_addresses(own or outbound.content.get("from"))
    if len(sender) != 1:
        raise BadAddress("the channel has no from address: set from_address")
    name = _pick(outbound, "from_name", "from_name") or sender[0].name or config.from_name
    return Envelope(
        sender=sender[0].named(name or ""),
        to=tuple(recipients),
        cc=tuple(read_addresses(_pick(outbound, "cc_address", "cc"))),
        bcc=tuple(read_addresses(_pick(outbound, "bcc_address", "bcc"))),
        reply_to=tuple(
            read_addresses(_pick(outbound, "reply_to_address", "reply_to") or config.reply_to)
        ),
    )


def _pick(outbound: Outbound, override: str, name: str) -> Any:
    """Give the override of the step or channel, else what was rendered; blank counts as none."""
    for value in (outbound.overrides.get(override), outbound.content.get(name)):
        if value and (not isinstance(value, str) or value.strip()):
            return value
    return None
