"""Send what the outbox holds, and write down each answer as it comes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import structlog

from engine.delivery.settle import Attempt, settle
from engine.net.slots import Slots
from engine.providers.base import Rejected, Retryable, SendResult
from engine.providers.circuit import Circuits
from engine.providers.send import PER_CHANNEL, send_each
from engine.worker.services import ExecutorServices
from engine.worker.world import outgoing
from storage.errors import StorageError
from storage.faults import crash_point
from storage.records import Outbound

LEASE: Final = timedelta(seconds=60)
# What finds no place by then goes back to the outbox; its lease never outlives it.
START_WITHIN: Final = 5.0
_CLAIM: Final = 256
_IN_FLIGHT: Final = 2000
_ERROR_PAUSE: Final = 0.5
_SEALED: Final = "the secrets of the channel do not open; enter them again"
_UNWRITABLE: Final = "the provider's answer could not be written down"

log = structlog.get_logger(__name__)


class Sender:
    """Keep many sends in flight; a channel that hangs delays only its own messages."""

    def __init__(self, services: ExecutorServices, epoch: int) -> None:
        """Start with nothing in flight."""
        self._services, self._epoch = services, epoch
        self._slots = Slots(PER_CHANNEL)
        self._circuits = Circuits()
        self._tasks: set[asyncio.Task[None]] = set()
        self.held: set[str] = set()

    @property
    def in_flight(self) -> int:
        """Count the messages that are leased here and not settled yet."""
        return len(self.held)

    def can_take(self) -> bool:
        """Tell whether messages may be handed over directly, past the outbox's own queue."""
        now = self._services.clock.now()
        return (
            self.in_flight < _IN_FLIGHT and not self._slots.full() and not self._circuits.open(now)
        )

    async def poll(self) -> int:
        """Claim what is due and start sending it; return how many."""
        if self.in_flight >= _IN_FLIGHT or not self._may_send():
            return 0
        services = self._services
        if (
            services.database.read().value("SELECT 1 FROM outbox WHERE lease_until IS NULL LIMIT 1")
            is None
        ):
            return 0
        busy = self._slots.full() | self._circuits.open(services.clock.now())
        batch = await services.writer.run(
            lambda tx: tx.claim_outbox(services.clock.now(), _CLAIM, LEASE, self._epoch, busy)
        )
        if batch:
            await self.send(batch)
        return len(batch)

    def _may_send(self) -> bool:
        paused = self._services.database.read().value("SELECT sending_paused FROM account")
        return not paused

    async def send(self, batch: Sequence[Outbound]) -> None:
        """Send leased messages; local ones are settled before this returns."""
        if not self._may_send():
            await self._release([o.message_id for o in batch])
            return
        crash_point("before_provider_call")
        by_environment: dict[str, list[Outbound]] = {}
        for outbound in batch:
            by_environment.setdefault(outbound.environment, []).append(outbound)
        for environment, items in by_environment.items():
            self.held.update(o.message_id for o in items)
            task = asyncio.create_task(self._send_environment(environment, items))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        await asyncio.sleep(0)

    async def _send_environment(self, environment: str, items: list[Outbound]) -> None:
        try:
            await self._send_all(environment, items)
        except Exception:  # nothing of it is lost: what is not settled goes back to the outbox
            log.exception("sender.failed", environment=environment, messages=len(items))
            await asyncio.sleep(_ERROR_PAUSE)
        finally:
            left = [o.message_id for o in items if o.message_id in self.held]
            self.held.difference_update(left)
            if left:
                with contextlib.suppress(StorageError):  # the ticker frees leases nobody holds
                    await self._release(left)

    async def _send_all(self, environment: str, items: list[Outbound]) -> None:
        services = self._services
        view = outgoing(services.database.read(), environment, services.unseal)
        if view.sealed:
            closed = [o for o in items if o.channel_id in view.sealed]
            await self._settle([Attempt(outbound=o, result=Retryable(_SEALED)) for o in closed])
            items = [o for o in items if o.channel_id not in view.sealed]
        parts = send_each(
            items,
            view.settings,
            services.transport,
            allow_private=services.allow_private_network,
            limits=self._slots,
            secrets=view.secrets,
            start_within=START_WITHIN,
        )
        async with contextlib.aclosing(parts):  # type: ignore[type-var]  # an async generator
            async for part in parts:
                crash_point("after_provider_call")
                attempts = [_attempt(items[i], r, view.settings) for i, r in part]
                for a in attempts:
                    self._circuits.record(a.outbound.channel_id, a.result, services.clock.now())
                await self._settle(attempts)
                crash_point("after_settle_commit")

    async def _settle(self, attempts: list[Attempt]) -> None:
        """Write answers down, however long the disk is full: a sent message is not sent again.

        An answer that cannot be written harms no other; its message ends as
        undelivered, since sending it again could go on for ever.
        """
        try:
            await self._insist(attempts)
        except Exception:
            if len(attempts) > 1:
                for attempt in attempts:
                    await self._settle([attempt])
                return
            log.exception("sender.settle_failed", message=attempts[0].outbound.message_id)
            await self._insist([replace(attempts[0], result=Rejected(_UNWRITABLE))])
        self.held.difference_update(a.outbound.message_id for a in attempts)

    async def _insist(self, attempts: list[Attempt]) -> None:
        services = self._services
        while True:
            try:
                await services.writer.run(lambda tx: settle(tx, attempts, services.clock.now()))
            except StorageError as error:
                if not error.is_retryable:
                    raise
                await asyncio.sleep(_ERROR_PAUSE)
            else:
                return

    async def _release(self, message_ids: list[str]) -> None:
        await self._services.writer.run(lambda tx: tx.release_outbox(message_ids, self._epoch))

    async def drain(self, seconds: float) -> None:
        """Wait for what is in flight, then cut it off; unsent messages stay in the outbox."""
        tasks = set(self._tasks)
        if tasks:
            _, pending = await asyncio.wait(tasks, timeout=seconds)
            for task in pending:
                task.cancel()
            await asyncio.gather(*pending, return_exceptions=True)


def _attempt(
    outbound: Outbound, result: SendResult, configs: Mapping[str, Mapping[str, Any]]
) -> Attempt:
    settings = configs.get(outbound.channel_id, {})
    deregisters = settings.get("token_deregistration") is not False
    return Attempt(outbound=outbound, result=result, deregisters=deregisters)
