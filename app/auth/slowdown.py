"""Slow down whoever guesses passwords: ten are free, then each costs a longer wait (R-43)."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

FREE: Final = 10
LONGEST: Final = timedelta(seconds=30)
FORGET: Final = timedelta(hours=1)
_KEPT: Final = 20_000


@dataclass(slots=True)
class _Count:
    failures: int
    last: datetime


class Slowdown:
    """Count failures per key (an account, an address) and say how long to wait.

    An attempt counts as a failure from the moment it begins, so that many at
    once do not slip through together; `forgive` takes it back on success.
    Kept in memory, bounded: the longest silent key is forgotten first.
    """

    def __init__(self) -> None:
        self._counts: OrderedDict[str, _Count] = OrderedDict()

    def wait(self, key: str, now: datetime) -> timedelta:
        """Return how long this key must still wait; zero if it may try."""
        count = self._counts.get(key)
        if count is None or now - count.last >= FORGET or count.failures < FREE:
            return timedelta(0)
        pause = min(timedelta(seconds=2 ** min(count.failures - FREE, 10)), LONGEST)
        return max(count.last + pause - now, timedelta(0))

    def begin(self, key: str, now: datetime, known_failures: int = 0) -> None:
        """Count an attempt; `known_failures` is what the file remembers of this key."""
        count = self._counts.pop(key, None)
        if count is None or now - count.last >= FORGET:
            count = _Count(min(known_failures, FREE), now)
        count.failures, count.last = count.failures + 1, now
        self._counts[key] = count
        while len(self._counts) > _KEPT:
            self._counts.popitem(last=False)

    def forget(self, key: str) -> None:
        """Start anew: the right password was given."""
        self._counts.pop(key, None)

    def take_back(self, key: str) -> None:
        """Uncount one attempt that turned out right, without forgetting earlier ones."""
        count = self._counts.get(key)
        if count is not None:
            count.failures = max(count.failures - 1, 0)
