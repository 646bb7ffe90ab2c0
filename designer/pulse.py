"""Load what the overview shows, once for all who look at it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from designer.catalog import WorkflowRow
from designer.live import Shared
from designer.services import DesignerServices
from designer.times import start_of_day
from designer.visit import Visit
from storage.dashboard import Pulse, count_messages, first_id, pulse
from storage.message_pages import MessageFilter, MessageRow, latest_messages
from storage.run_pages import RunFilter, RunRow, latest_runs
from storage.sql import Sql

HOURS: Final = 24
_ROWS: Final = 7
_HOUR: Final = timedelta(hours=1)
# Messages of a run are named by the instant they were made, and committed a little later.
_SETTLED: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """Everything on the overview, as of one moment."""

    pulse: Pulse
    hours: tuple[tuple[datetime, int], ...]
    runs: tuple[RunRow, ...]
    workflows: tuple[WorkflowRow, ...]
    caught: tuple[MessageRow, ...]
    names: tuple[tuple[str, str], ...]


class HourCounts:
    """Count messages hour by hour; an hour that is over is counted once."""

    def __init__(self) -> None:
        self._settled: dict[datetime, int] = {}

    def since(
        self, sql: Sql, environment: str, first: datetime, now: datetime
    ) -> list[tuple[datetime, int]]:
        """Return (start, messages) of each hour from `first` to the current one."""
        found = []
        start = first
        while start <= now:
            number = self._settled.get(start)
            if number is None:
                end = start + _HOUR
                number = count_messages(sql, environment, first_id(start), first_id(end))
                if now - end > _SETTLED:
                    self._settled[start] = number
            found.append((start, number))
            start += _HOUR
        self._settled = {at: n for at, n in self._settled.items() if at >= first}
        return found


class _Loader:
    def __init__(self, services: DesignerServices, environment: str, zone: str) -> None:
        self._services = services
        self._environment = environment
        self._zone = zone
        self._counts = HourCounts()

    def load(self) -> Overview:
        """Read everything; runs on a thread of its own."""
        sql, now = self._services.database.read(), self._services.clock.now()
        today = start_of_day(now, self._zone)
        # Whole hours back from the start of today, at least a day of them.
        first = today - _HOUR * max(HOURS - 1 - int((now - today) / _HOUR), 0)
        hours = self._counts.since(sql, self._environment, first, now)
        total = sum(number for start, number in hours if start >= today)
        workflows = tuple(self._services.catalog.rows(sql, self._environment))
        return Overview(
            pulse=pulse(sql, self._environment, today, now, total),
            hours=tuple(hours[-HOURS:]),
            runs=latest_runs(sql, self._environment, RunFilter(), limit=_ROWS).rows,
            workflows=workflows[:_ROWS],
            caught=latest_messages(sql, self._environment, MessageFilter(), limit=5).rows,
            names=tuple((row.key, row.name) for row in workflows),
        )


async def overview_of(visit: Visit) -> Overview:
    """Return the overview of the visited environment, a moment old at most."""
    key = f"overview {visit.key}"
    shared = visit.services.shared.get(key)
    if shared is None:
        loader = _Loader(visit.services, visit.key, visit.zone)
        shared = visit.services.shared[key] = Shared(loader.load)
    found: Overview = await shared.get()
    return found
