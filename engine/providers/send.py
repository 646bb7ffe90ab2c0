"""Send a batch: build, carry, classify; every message gets exactly one result.

What stays in the process is answered without a task. The rest runs at once,
at most so many per channel, so that a provider that hangs holds up nothing
but its own messages.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, Final

import structlog

from engine.errors import InvalidInput, TocsinError
from engine.net.exchange import (
    HttpAnswer,
    HttpRequest,
    NetFailure,
    SmtpAnswer,
    SmtpMail,
    Transport,
)
from engine.net.log import Masker, exchange_log
from engine.net.slots import Slots
from engine.providers.base import (
    PROVIDERS,
    Bounced,
    LocalDelivery,
    Provider,
    ProviderConfig,
    Rejected,
    Retryable,
    SendResult,
    parse_config,
    secret_values,
)
from engine.timing.clock import SystemClock
from storage.records import Outbound

PER_CHANNEL: Final = 20

Settings = Mapping[str, Any] | ProviderConfig
Sent = tuple[int, SendResult]

log = structlog.get_logger(__name__)


async def send_all(
    batch: Sequence[Outbound],
    configs: Mapping[str, Settings],
    transport: Transport,
    *,
    allow_private: bool = False,
    limits: Slots | None = None,
    secrets: Sequence[str] = (),
    now: Callable[[], datetime] | None = None,
) -> list[SendResult]:
    """Send the batch and give the results in its order, when the last one is in."""
    results: list[SendResult | None] = [None] * len(batch)
    async for part in send_each(
        batch,
        configs,
        transport,
        allow_private=allow_private,
        limits=limits,
        secrets=secrets,
        now=now,
    ):
        for index, result in part:
            results[index] = result
    return [result for result in results if result is not None]


async def send_each(
    batch: Sequence[Outbound],
    configs: Mapping[str, Settings],
    transport: Transport,
    *,
    allow_private: bool = False,
    limits: Slots | None = None,
    secrets: Sequence[str] = (),
    now: Callable[[], datetime] | None = None,
    start_within: float | None = None,
) -> AsyncIterator[list[Sent]]:
    """Give `(index, result)` pairs as they come in, local ones first.

    `configs` maps channel ids to settings, `limits` bounds the sends in flight
    per channel and is to be shared by all batches of a process (its `full()`
    names the channels to claim nothing more for), `secrets` are further values
    to mask in logs, `now` stamps signatures (default: the machine's clock, which
    receivers compare with their own). Closing the iterator cancels the rest.

    A message that finds no place within `start_within` seconds gives no result
    at all: it was not sent, and its lease is better given back than outlived.
    """
    sender = _Sender(
        transport,
        configs,
        allow_private,
        limits or Slots(PER_CHANNEL),
        secrets,
        now or _wall,
        start_within,
    )
    local: list[Sent] = []
    remote: list[tuple[int, _Prepared]] = []
    for index, outbound in enumerate(batch):
        prepared = sender.prepare(outbound)
        if isinstance(prepared, _Prepared):
            remote.append((index, prepared))
        else:
            local.append((index, prepared))
    if local:
        yield local
    done: asyncio.Queue[tuple[int, SendResult | None]] = asyncio.Queue()
    tasks = []
    for index, item in remote:
        task = asyncio.create_task(sender.send(item))
        task.add_done_callback(partial(_report, done, index, item))
        tasks.append(task)
    try:
        waiting = len(tasks)
        while waiting:
            finished = [await done.get()]
            while not done.empty():
                finished.append(done.get_nowait())
            waiting -= len(finished)
            part = [(index, result) for index, result in finished if result is not None]
            if part:
                yield part
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Prepared:
    """A message that has to leave the process, with what is needed to send it."""

    __slots__ = ("config", "outbound", "provider", "sendable")

    def __init__(
        self,
        outbound: Outbound,
        provider: Provider[Any],
        config: ProviderConfig,
        sendable: HttpRequest | SmtpMail,
    ) -> None:
        self.outbound = outbound
        self.provider = provider
        self.config = config
        self.sendable = sendable


class _Sender:
    """One batch's settings, parsed once per channel."""

    def __init__(
        self,
        transport: Transport,
        configs: Mapping[str, Settings],
        allow_private: bool,
        limits: Slots,
        secrets: Sequence[str],
        now: Callable[[], datetime],
        start_within: float | None,
    ) -> None:
        self._transport = transport
        self._configs = configs
        self._allow_private = allow_private
        self._limits = limits
        self._secrets = tuple(secrets)
        self._now = now
        self._start_within = start_within
        self._parsed: dict[tuple[str, str], tuple[Provider[Any], ProviderConfig] | Rejected] = {}

    def prepare(self, outbound: Outbound) -> _Prepared | SendResult:
        """Build the request, or give the result where none is needed."""
        key = (outbound.channel_id, outbound.provider)
        way = self._parsed.get(key)
        if way is None:
            way = self._parsed[key] = self._resolve(outbound)
        if isinstance(way, Rejected):
            return way
        provider, config = way
        try:
            sendable = provider.build(outbound, config)
            if isinstance(sendable, LocalDelivery):
                return provider.classify(sendable)
        except _BUILD_FAULTS as error:  # one broken message must not take the batch with it
            log.warning("provider.build_failed", provider=provider.id, error=type(error).__name__)
            return Rejected(f"the message could not be built: {type(error).__name__}")
        if isinstance(sendable, Rejected | Bounced):
            return sendable
        return _Prepared(outbound, provider, config, sendable)

    def _resolve(self, outbound: Outbound) -> tuple[Provider[Any], ProviderConfig] | Rejected:
        """Find the provider and read the channel's settings."""
        provider = PROVIDERS.get(outbound.provider)
        if provider is None:
            return Rejected(f"no provider is called {outbound.provider!r}")
        if outbound.channel_type not in provider.channel_types:
            return Rejected(f"{provider.title} does not send on {outbound.channel_type} channels")
        settings = self._configs.get(outbound.channel_id, {})
        if isinstance(settings, provider.Config):
            return provider, settings
        if isinstance(settings, ProviderConfig):
            return Rejected(f"the settings are not those of provider {provider.id}")
        try:
            return provider, parse_config(provider, settings)
        except InvalidInput as error:
            return Rejected(str(error))

    async def send(self, item: _Prepared) -> SendResult | None:
        """Send one message within its channel's bound; None if it found no place in time."""
        try:
            async with asyncio.timeout(self._start_within) as patience:
                async with self._limits.hold(item.outbound.channel_id):
                    patience.reschedule(None)
                    return await self._exchange(item)
        except TimeoutError:
            if patience.expired():
                return None
            raise

    async def _exchange(self, item: _Prepared) -> SendResult:
        """Carry the request and read its answer."""
        request = item.sendable
        answer: HttpAnswer | SmtpAnswer | NetFailure
        if isinstance(request, SmtpMail):
            answer = await self._transport.mail(request)
        else:
            request = item.provider.stamp(request, item.outbound, item.config, self._now())
            answer = await self._transport.send(request, allow_private=self._allow_private)
        result = item.provider.classify(answer)
        secrets = (*secret_values(item.config), *self._secrets)
        return _with_log(
            result, exchange_log(item.provider.title, request, answer, secrets), Masker(secrets)
        )


def _with_log(result: SendResult, entry: dict[str, Any], masker: Masker) -> SendResult:
    """Attach the log, and mask the reason too: providers like to echo credentials."""
    if isinstance(result, Retryable | Rejected | Bounced):
        return replace(result, log=entry, reason=masker.text(result.reason))
    return replace(result, log=entry)


def _report(
    done: asyncio.Queue[tuple[int, SendResult | None]],
    index: int,
    item: _Prepared,
    task: asyncio.Task[SendResult | None],
) -> None:
    """Hand a finished task's result over; whatever broke it may hold next time (E-117)."""
    result: SendResult | None
    if task.cancelled():
        result = None
    elif (error := task.exception()) is None:
        result = task.result()
    else:
        fault = type(error).__name__
        log.warning("provider.send_failed", provider=item.provider.id, error=fault)
        result = Retryable(f"internal error while sending: {fault}")
    done.put_nowait((index, result))


_BUILD_FAULTS: Final = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RuntimeError,
    TocsinError,
    TypeError,
    ValueError,
)
_wall: Final = SystemClock().now
