"""Periodic ticks on APScheduler, and nothing else on it: no fact lives in a job."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import Final

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from engine.runs.wake import end_due, wake_due
from engine.trigger.fan_out import fan_out
from engine.worker.lane import LEASE
from engine.worker.retention import Retention
from engine.worker.services import ExecutorServices
from engine.worker.versions import newest_version
from storage.db import is_to_blame
from storage.faults import crash_point
from storage.invariants import violations
from storage.parked import MOST_STRIKES, forget_strikes, strike_expansion, struck_expansions
from storage.timers import next_due
from storage.triggers import get_triggers, pending_ids
from storage.tx import Tx

log = structlog.get_logger(__name__)

DUE_SECONDS: Final = 0.1
_DUE_BATCH: Final = 500
_EXPANDED: Final = 8
_PURGE_PAUSE: Final = timedelta(hours=1)


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
        self._retention = Retention(services)
        self._purged_at: datetime | None = None
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
            try:
                count = await self._wake_batch(_DUE_BATCH)
            except Exception as error:
                if is_to_blame(error):
                    raise
                log.exception("timers.failed")
                count = await self._wake_singly()
            total += count
            if count:
                self._wake()
            if count < _DUE_BATCH:
                return total

    async def _wake_batch(self, limit: int) -> int:
        services = self._services
        return await services.writer.run(
            lambda tx: wake_due(tx, services.clock.now(), newest_version(tx), limit)
        )

    async def _wake_singly(self) -> int:
        """Wake a batch timer by timer; end what cannot be woken, so that others are (R-29)."""
        services, strikes, count = self._services, 0, 0
        while count < _DUE_BATCH:
            try:
                woken = await self._wake_batch(1)
            except Exception as error:
                if is_to_blame(error):
                    raise
                strikes += 1
                if strikes < MOST_STRIKES:
                    continue
                why = f"This run could not be woken: {type(error).__name__}: {error}"
                await services.writer.run(lambda tx, w=why: end_due(tx, services.clock.now(), w))  # type: ignore[misc]  # a default binds the loop variable
                woken = 1
            if not woken:
                break
            strikes, count = 0, count + 1
        return count

    async def expand(self) -> int:
        """Expand the next page of pending triggers; return how many pages.

        A trigger that fails three times rests until somebody retries it; its
        neighbours go on (R-29).
        """
        services = self._services
        sql = services.database.read()
        struck = struck_expansions(sql)
        resting = {id_ for id_, strikes in struck.items() if strikes >= MOST_STRIKES}
        wanted = pending_ids(sql, _EXPANDED + len(resting))
        pages = 0
        for id_ in wanted:
            if id_ in resting:
                continue
            try:
                await services.writer.run(
                    partial(self._expand_one, trigger_id=id_, was_struck=id_ in struck)
                )
                pages += 1
            except Exception as error:
                if is_to_blame(error):
                    raise
                strikes = await services.writer.run(partial(strike_expansion, trigger_id=id_))
                log.exception("expansion.failed", trigger=id_, strikes=strikes)
        return pages

    def _expand_one(self, tx: Tx, trigger_id: str, was_struck: bool) -> None:
        if was_struck:
            forget_strikes(tx, trigger_id)
        trigger = get_triggers(tx, [trigger_id]).get(trigger_id)
        if trigger is not None and trigger.pending is not None:
            fan_out(tx, trigger, self._services.clock.now())

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
        # Whole tables are read: on a thread, so that the lanes go on meanwhile.
        database = self._services.database
        found = await asyncio.to_thread(lambda: violations(database.read()))
        self.violations = sum(len(ids) for ids in found.values())
        if found:
            log.error("invariants.violated", found=found)

    async def purge(self) -> None:
        """Delete what is past the days that it is kept: soon after the start, then hourly.

        A server that is restarted more often than every hour must not keep all.
        """
        now = self._services.clock.now()
        if self._purged_at is None or now - self._purged_at >= _PURGE_PAUSE:
            self._purged_at = now
            await self._retention.purge()

    async def checkpoint(self) -> None:
        """Move the WAL into the file while there is little to do."""
        crash_point("before_checkpoint")
        self._services.database.checkpoint()
