"""Periodic ticks on APScheduler, and nothing else on it: no fact lives in a job."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable
from datetime import timedelta
from typing import Final

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from engine.runs.wake import wake_due
from engine.trigger.fan_out import fan_out
from engine.worker.lane import LEASE
from engine.worker.services import ExecutorServices
from engine.worker.versions import newest_version
from storage.faults import crash_point
from storage.invariants import violations
from storage.timers import next_due
from storage.tx import Tx

log = structlog.get_logger(__name__)

DUE_SECONDS: Final = 0.1
_DUE_BATCH: Final = 500


class Ticker:
    """Ring for due timers, expansions, dead leases, retention and checkpoints."""

    def __init__(
        self,
        services: ExecutorServices,
        epoch: int,
        wake: Callable[[], None],
        in_hand: Callable[[], Iterable[str]],
        in_flight: Callable[[], Collection[str]],
    ) -> None:
        """Prepare the ticks; `start` runs them on the current loop."""
        self._services, self._epoch, self._wake = services, epoch, wake
        self._in_hand, self._in_flight = in_hand, in_flight
        self._scheduler = AsyncIOScheduler(timezone="UTC")
        self.violations = 0

    def start(self) -> None:
        """Start ticking."""
        self._every(DUE_SECONDS, self.due)
        self._every(5, self.reap)
        self._every(60, self.check)
        self._every(300, self.purge)
        self._every(5, self.checkpoint)
        self._scheduler.start()

    def stop(self) -> None:
        """Stop ticking; nothing is lost, since every fact is a row."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    def _every(self, seconds: float, tick: Callable[[], Awaitable[object]]) -> None:
        self._scheduler.add_job(
            tick,
            "interval",
            seconds=seconds,
            coalesce=True,
            max_instances=1,
            misfire_grace_time=None,
        )

    async def due(self) -> int:
        """Make due timers' runs ready; return how many timers were due."""
        services = self._services
        at = next_due(services.database.read())
        if at is None or at > services.clock.now():
            return 0
        total = 0
        while True:
            count = await services.writer.run(
                lambda tx: wake_due(tx, services.clock.now(), newest_version(tx), _DUE_BATCH)
            )
            total += count
            if count:
                self._wake()
            if count < _DUE_BATCH:
                return total

    async def expand(self) -> int:
        """Expand the next page of each pending trigger; return how many pages."""
        services = self._services
        found = services.database.read().value(
            "SELECT 1 FROM triggers WHERE pending IS NOT NULL LIMIT 1"
        )
        if found is None:
            return 0
        pages = 0
        for trigger in await services.writer.run(lambda tx: tx.pending_triggers(8)):
            await services.writer.run(lambda tx, t=trigger: fan_out(tx, t, services.clock.now()))  # type: ignore[misc]  # a default binds the loop variable
            pages += 1
        return pages

    async def reap(self) -> None:
        """Free leases that ended; what this process works on is kept, however long it takes."""
        services = self._services

        def free(tx: Tx) -> int:
            now = services.clock.now()
            tx.renew_leases(self._in_hand(), now + LEASE, self._epoch)
            lost = tx.free_lost_outbox(now, self._in_flight())
            return lost + tx.free_leases(now, self._epoch)

        freed = await services.writer.run(free)
        if freed:
            log.warning("leases.freed", count=freed)
            self._wake()

    async def check(self) -> None:
        """Count runs that break the phase invariant."""
        found = violations(self._services.database.read())
        self.violations = sum(len(ids) for ids in found.values())
        if found:
            log.error("invariants.violated", found=found)

    async def purge(self) -> None:
        """Delete expired idempotency keys and drop old log days."""
        services = self._services
        now = services.clock.now()
        before = now - timedelta(days=services.retention_days)
        while await services.writer.run(lambda tx: tx.purge_idempotency(now)) >= 5000:
            pass
        await services.writer.run(lambda tx: tx.drop_log_days(before))

    async def checkpoint(self) -> None:
        """Move the WAL into the file while there is little to do."""
        crash_point("before_checkpoint")
        self._services.database.checkpoint()
