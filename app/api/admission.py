"""Refuse triggers while the backlog is too old, instead of absorbing them (R-30)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from engine.errors import RateLimited
from storage.runs import oldest_ready
from storage.sql import Sql

LONGEST_WAIT: Final = timedelta(minutes=15)
_RETRY_SECONDS: Final = 5.0
_LOOK_EVERY: Final = timedelta(seconds=2)


class Admission:
    """Remember the backlog's age between looks, so that a trigger pays nothing."""

    def __init__(self, longest: timedelta = LONGEST_WAIT) -> None:
        """Refuse when the oldest ready run has waited longer than `longest`."""
        self._longest = longest
        self._looked_at: datetime | None = None
        self._is_full = False

    def check(self, sql: Sql, now: datetime) -> None:
        """Pass, or refuse with the seconds after which to retry.

        Raises:
            RateLimited: what is accepted already still drains.
        """
        if self._looked_at is None or abs(now - self._looked_at) >= _LOOK_EVERY:
            oldest = oldest_ready(sql)
            self._is_full = oldest is not None and now - oldest > self._longest
            self._looked_at = now
        if self._is_full:
            raise RateLimited(
                "The backlog is too long; triggers accepted so far are still being worked on.",
                retry_after=_RETRY_SECONDS,
            )
