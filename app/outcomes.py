"""Count what the executor does and leave the figures where the web process finds them."""

from __future__ import annotations

import asyncio
import os
from typing import Final, Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

from app.folder import DataFolder
from engine.net.exchange import (
    HttpAnswer,
    HttpRequest,
    NetFailure,
    SmtpAnswer,
    SmtpMail,
    Transport,
)

_PUBLISH_SECONDS: Final = 2.0


class RenderFigures(Protocol):
    """What a renderer counts of itself."""

    kills: int
    rendered: int


class Outcomes:
    """The executor's figures, under a registry of their own."""

    def __init__(self) -> None:
        """Start at zero."""
        self.registry = CollectorRegistry()
        self._attempts = Counter(
            "tocsin_attempts",
            "Calls to providers and to fetched addresses, by outcome",
            labelnames=("kind", "outcome"),
            registry=self.registry,
        )
        self._kills = Gauge(
            "tocsin_render_kills", "Render processes that died at work", registry=self.registry
        )
        self._rendered = Gauge("tocsin_rendered", "Templates rendered", registry=self.registry)

    def count(self, kind: str, answer: HttpAnswer | SmtpAnswer | NetFailure) -> None:
        """Count one call."""
        self._attempts.labels(kind=kind, outcome=outcome_of(answer)).inc()

    def publish(self, folder: DataFolder, renderer: RenderFigures) -> None:
        """Replace the file with the figures of this instant."""
        self._kills.set(renderer.kills)
        self._rendered.set(renderer.rendered)
        draft = folder.figures.with_name(f"{folder.figures.name}.{os.getpid()}")
        draft.write_bytes(generate_latest(self.registry))
        draft.replace(folder.figures)

    async def keep_publishing(self, folder: DataFolder, renderer: RenderFigures) -> None:
        """Publish every two seconds until cancelled."""
        while True:
            self.publish(folder, renderer)
            await asyncio.sleep(_PUBLISH_SECONDS)


def outcome_of(answer: HttpAnswer | SmtpAnswer | NetFailure) -> str:
    """Name an outcome: `2xx`, `5xx`, or how no answer came."""
    if isinstance(answer, NetFailure):
        return answer.kind
    code = answer.status if isinstance(answer, HttpAnswer) else answer.code
    return f"{code // 100}xx"


class CountingTransport:
    """A transport whose outcomes are counted."""

    def __init__(self, inner: Transport, outcomes: Outcomes) -> None:
        """Carry through `inner`."""
        self._inner = inner
        self._outcomes = outcomes

    async def send(
        self,
        request: HttpRequest,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - the protocol's own parameter
        allow_private: bool = False,
    ) -> HttpAnswer | NetFailure:
        """Send as the inner transport does."""
        answer = await self._inner.send(request, timeout=timeout, allow_private=allow_private)
        self._outcomes.count("http", answer)
        return answer

    async def mail(self, mail: SmtpMail) -> SmtpAnswer | NetFailure:
        """Hand over as the inner transport does."""
        answer = await self._inner.mail(mail)
        self._outcomes.count("smtp", answer)
        return answer
