"""Count what the executor does and leave the figures where the web process finds them."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Final, Protocol

import structlog

from app.folder import DataFolder
from engine.net.exchange import (
    HttpAnswer,
    HttpRequest,
    NetFailure,
    SmtpAnswer,
    SmtpMail,
    Transport,
)

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from prometheus_client.core import Metric

_PUBLISH_SECONDS: Final = 2.0
_log = structlog.get_logger("app.outcomes")


class RenderFigures(Protocol):
    """What a renderer counts of itself."""

    kills: int
    rendered: int


class Outcomes:
    """The executor's figures; the library that writes them down is loaded at the first writing."""

    def __init__(self) -> None:
        """Start at zero."""
        self._attempts: Counter[tuple[str, str]] = Counter()
        self._kills = self._rendered = 0
        self._is_failing = False

    def count(self, kind: str, answer: HttpAnswer | SmtpAnswer | NetFailure) -> None:
        """Count one call."""
        self._attempts[kind, outcome_of(answer)] += 1

    @cached_property
    def registry(self) -> CollectorRegistry:
        """Give the registry that holds these figures and no others."""
        from prometheus_client import CollectorRegistry

        registry = CollectorRegistry()
        registry.register(self)
        return registry

    def collect(self) -> Iterator[Metric]:
        """Give every figure of this instant."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        attempts = CounterMetricFamily(
            "tocsin_attempts",
            "Calls to providers and to fetched addresses, by outcome",
            labels=["kind", "outcome"],
        )
        for labels, count in self._attempts.copy().items():
            attempts.add_metric(labels, count)
        yield attempts
        yield GaugeMetricFamily(
            "tocsin_render_kills", "Render processes that died at work", value=self._kills
        )
        yield GaugeMetricFamily("tocsin_rendered", "Templates rendered", value=self._rendered)

    def publish(self, folder: DataFolder, renderer: RenderFigures) -> None:
        """Replace the file with the figures of this instant."""
        from prometheus_client import generate_latest

        self._kills, self._rendered = renderer.kills, renderer.rendered
        draft = folder.figures.with_name(f"{folder.figures.name}.{os.getpid()}")
        draft.write_bytes(generate_latest(self.registry))
        draft.replace(folder.figures)

    async def keep_publishing(self, folder: DataFolder, renderer: RenderFigures) -> None:
        """Publish every two seconds until cancelled."""
        while True:
            await asyncio.sleep(_PUBLISH_SECONDS)
            try:
                await asyncio.to_thread(self.publish, folder, renderer)
            except OSError as error:  # a full disk: figures are missing, messages are not
                if not self._is_failing:
                    _log.warning("figures.not_written", error=str(error))
                self._is_failing = True
            else:
                self._is_failing = False


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
