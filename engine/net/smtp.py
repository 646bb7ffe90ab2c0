"""Hand one mail to its server, and keep the conversation for the delivery log."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import time
from typing import Final

import aiosmtplib

from engine.net.exchange import FailureKind, NetFailure, SmtpAnswer, SmtpMail, SmtpStage

_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9.-]{1,200}")
_UNSAFE: Final = re.compile(r"[\x00-\x20\x7f<>]")
_NOT_OFFERED: Final = 502


async def hand_over(
    mail: SmtpMail, *, tls_context: ssl.SSLContext | None = None
) -> SmtpAnswer | NetFailure:
    """Connect, send and take leave, all within `mail.timeout` seconds.

    The first recipient decides: is it refused, nobody gets the mail; are
    others refused, the rest still do.
    """
    if any(_UNSAFE.search(address) for address in (mail.sender, *mail.recipients)):
        return NetFailure(kind="invalid", message="an address cannot be written on a command line")
    started = time.perf_counter()
    conversation = _Conversation(mail, tls_context)
    try:
        async with asyncio.timeout(mail.timeout):
            answer = await conversation.run()
    except (aiosmtplib.SMTPException, OSError, ValueError) as error:
        kind, message = _read_failure(error, mail)
        return NetFailure(kind=kind, message=message, duration=time.perf_counter() - started)
    finally:
        conversation.client.close()
    return SmtpAnswer(
        stage=answer.stage,
        code=answer.code,
        text=answer.text,
        dialogue=tuple(conversation.lines),
        duration=time.perf_counter() - started,
    )


class _Conversation:
    """One connection: what was said, what was heard, and how far it got."""

    def __init__(self, mail: SmtpMail, tls_context: ssl.SSLContext | None) -> None:
        self.mail = mail
        self.lines: list[tuple[str, str]] = []
        self.stage: SmtpStage = "greeting"
        self.client = aiosmtplib.SMTP(
            hostname=mail.host,
            port=mail.port,
            use_tls=mail.tls == "tls",
            start_tls=False,
            tls_context=tls_context,
            timeout=mail.timeout,
            local_hostname=_own_name(),
        )

    async def run(self) -> SmtpAnswer:
        """Give the last word; an answer of refusal is one too."""
        try:
            answer = await self._talk()
        except aiosmtplib.SMTPResponseException as error:
            if error.code < 0:  # the library's mark for "that was no SMTP"
                raise
            self._heard(error.code, error.message)
            answer = SmtpAnswer(stage=self.stage, code=error.code, text=error.message)
        await self._leave()
        return answer

    async def _talk(self) -> SmtpAnswer:
        """Go through the stages, up to the acceptance of the mail."""
        mail, client = self.mail, self.client
        self._say(f"(connect to {mail.host}:{mail.port}, tls: {mail.tls})")
        self._heard(*await client.connect())
        self._say(f"EHLO {_own_name()}")
        self._heard(*await client.ehlo())
        if mail.tls == "starttls":
            self.stage = "tls"
            self._say("STARTTLS")
            if not client.supports_extension("starttls"):
                return self._lacks("STARTTLS")
            self._heard(*await client.starttls())
            await client.ehlo()
        if mail.username:
            self.stage = "auth"
            self._say("AUTH (credentials left out)")
            if not client.supports_extension("auth"):
                return self._lacks("AUTH")
            self._heard(*await client.login(mail.username, mail.password or ""))
        return await self._transfer()

    async def _transfer(self) -> SmtpAnswer:
        """Name sender and recipients, then send the mail."""
        mail, client = self.mail, self.client
        self.stage = "sender"
        is_ascii = all(address.isascii() for address in (mail.sender, *mail.recipients))
        options = [] if is_ascii else ["SMTPUTF8", "BODY=8BITMIME"]
        self._say(f"MAIL FROM:<{mail.sender}>")
        if not is_ascii and not client.supports_extension("smtputf8"):
            return self._lacks("SMTPUTF8")
        self._heard(*await client.mail(mail.sender, options=options, encoding="utf-8"))
        self.stage = "recipient"
        for number, recipient in enumerate(mail.recipients):
            self._say(f"RCPT TO:<{recipient}>")
            try:
                self._heard(*await client.rcpt(recipient, encoding="utf-8"))
            except aiosmtplib.SMTPRecipientRefused as refusal:
                if number == 0:
                    raise
                self._heard(refusal.code, refusal.message)
        self.stage = "data"
        self._say(f"DATA ({len(mail.data)} bytes)")
        response = await client.data(mail.data)
        self._heard(*response)
        return SmtpAnswer(stage="done", code=response.code, text=response.message)

    async def _leave(self) -> None:
        """Say goodbye where somebody still listens; the answer no longer matters."""
        try:
            await self.client.quit(timeout=1)
        except (aiosmtplib.SMTPException, OSError):
            return

    def _say(self, line: str) -> None:
        self.lines.append((line, ""))

    def _heard(self, code: int, text: str) -> None:
        said, _ = self.lines.pop()
        self.lines.append((said, f"{code} {text}"))

    def _lacks(self, extension: str) -> SmtpAnswer:
        """Refuse on the server's behalf: going on would be less safe than was asked for."""
        text = f"the server does not offer {extension}"
        self._heard(_NOT_OFFERED, text)
        return SmtpAnswer(stage=self.stage, code=_NOT_OFFERED, text=text)


def _own_name() -> str:
    """Name this machine; looking its full name up could hang on a name server."""
    name = socket.gethostname()
    return name if _PLAIN_NAME.fullmatch(name) else "localhost"


def _read_failure(error: Exception, mail: SmtpMail) -> tuple[FailureKind, str]:
    """Sort a fault; the messages are ours and name the server only."""
    where = f"{mail.host}:{mail.port}"
    causes = (error, error.__cause__)
    if isinstance(error, TimeoutError):
        return "timeout", f"{where} gave no complete answer within {mail.timeout:g} s"
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return "unresolved", f"the host {mail.host} cannot be resolved: check its name"
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return "connection", f"the TLS handshake with {where} failed: check mode and certificate"
    if isinstance(error, OSError):
        return "connection", f"the connection to {where} could not be made, or broke"
    return "invalid", f"what {where} said is no valid SMTP"
