"""Delete what is past its days, slice by slice, so that no commit waits long (R-23)."""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Final, TypeVar

import structlog

from engine.worker.services import ExecutorServices
from storage import retention
from storage.retention import KINDS, Key, Kind, Page
from storage.tx import Tx

log = structlog.get_logger(__name__)

T = TypeVar("T")
_PAGE: Final = 500
_FIRST_SLICE: Final = 16
_MOST: Final = 500
# Others wait for the writer meanwhile. The shortest flush of the disk comes on top.
_SHORT_SECONDS: Final = 0.0025
_LONG_SECONDS: Final = 0.005
_LEAST_PAUSE: Final = 0.002
# Four fifths of the time belong to the others; still some thousand rows go in a second.
_REST: Final = 4


class Pace:
    """How many rows one transaction takes: as many as fit into a few milliseconds."""

    def __init__(self) -> None:
        """Start small: nobody knows yet how large the rows are."""
        self.size = _FIRST_SLICE

    def learn(self, seconds: float) -> None:
        """Take more after a short slice, fewer after a long one."""
        if seconds > _LONG_SECONDS:
            self.size = max(1, int(self.size * _LONG_SECONDS / seconds))
        elif seconds < _SHORT_SECONDS:
            self.size = min(self.size * 2, _MOST)


class Retention:
    """Walk each table from its oldest row and delete what is over."""

    def __init__(
        self,
        services: ExecutorServices,
        *,
        stopwatch: Callable[[], float] = time.perf_counter,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`stopwatch` measures a slice, `pause` lets the others write after it."""
        self._services, self._stopwatch, self._pause = services, stopwatch, pause
        # What the quickest commit took: a slow disk must not make slices smaller and smaller.
        self._flush = math.inf
        self._paces: dict[str, Pace] = {}
        self._settled: dict[str, Key] = {}

    async def purge(self) -> Counter[str]:
        """Delete everything that is over by now; return how many rows of each table."""
        now = self._services.clock.now()
        limit = now - timedelta(days=self._services.retention_days)
        deleted: Counter[str] = Counter()
        for kind in KINDS:
            deleted[kind.table] += await self._purge_kind(
                kind, limit if kind.grace is None else now - kind.grace
            )
        deleted["log tables"] = await self._drop_logs(limit)
        await self._shrink()
        deleted = +deleted
        if deleted:
            log.info("retention.purged", rows=dict(deleted))
        return deleted

    async def _purge_kind(self, kind: Kind, limit: datetime) -> int:
        database = self._services.database
        after = self._settled.pop(kind.table, None)
        if after is not None and not retention.has_row(database.read(), kind, after):
            after = None
        settled, is_settled, count = after, True, 0
        while True:
            # On a thread: a row with much data takes longer to read than to delete.
            page = await asyncio.to_thread(self._find, kind, limit, after)
            count += await self._delete(kind, limit, page.over)
            if is_settled:
                settled, is_settled = page.settled or settled, page.is_settled
            if page.last is None:
                break
            after = page.last
        if settled is not None:
            self._settled[kind.table] = settled
        return count

    def _find(self, kind: Kind, limit: datetime, after: Key | None) -> Page:
        services = self._services
        now = services.clock.now()
        return retention.find_over(services.database.read(), kind, limit, after, _PAGE, now=now)

    async def _delete(self, kind: Kind, limit: datetime, keys: list[Key]) -> int:
        pace, start, count = self._paces.setdefault(kind.table, Pace()), 0, 0
        while start < len(keys):
            part = keys[start : start + pace.size]
            work = partial(retention.delete_over, kind=kind, limit=limit, keys=part)
            count += await self._slice(pace, work)
            start += len(part)
        return count

    async def _drop_logs(self, limit: datetime) -> int:
        """Drop the log tables of whole days, a day at a time."""
        count = 0
        for day in retention.old_log_days(self._services.database.read(), limit):
            drop = partial(Tx.drop_log_days, before=day + timedelta(days=1))
            count += len(await self._slice(Pace(), drop))
        return count

    async def _shrink(self) -> None:
        """Give free pages back to the disk, beyond what the next hours will fill again."""
        database = self._services.database
        pace = self._paces.setdefault("pages", Pace())
        before = None
        while pages := retention.surplus_pages(database.read()):
            size = min(pages, pace.size)
            left = await self._slice(pace, partial(retention.give_back, pages=size))
            if left == before:
                return  # others fill what this frees
            before = left

    async def _slice(self, pace: Pace, work: Callable[[Tx], T]) -> T:
        """Write one slice, then leave the writer to the others for longer than it took."""
        began = self._stopwatch()
        done, worked = await self._services.writer.run(partial(self._timed, work))
        took = self._stopwatch() - began
        self._flush = min(self._flush, took - worked)
        pace.learn(took - self._flush)
        await self._pause(max(_LEAST_PAUSE, took * _REST))
        return done

    def _timed(self, work: Callable[[Tx], T], tx: Tx) -> tuple[T, float]:
        """Measure the work without the commit, of which the slice is not to blame for all."""
        began = self._stopwatch()
        return work(tx), self._stopwatch() - began
