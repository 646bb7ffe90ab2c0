"""Tell the time: the one module that asks the machine for it.

Deciding code never holds a clock; it is handed `now`. Loops, servers and
tests hold one of these.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import Protocol

from engine.timing.instants import require_aware


class Clock(Protocol):
    """Say what time it is, and how long to really wait for a while to pass."""

    def now(self) -> datetime:
        """Give the current instant, aware and in UTC."""
        ...

    def real_delay(self, seconds: float) -> float:
        """Give the real seconds to sleep until `seconds` of this clock have passed."""
        ...


class SystemClock:
    """Follow the machine's clock, `rate` times as fast from `anchor` on.

    At rate 600 a ten-minute batch closes after one real second. Clocks that
    share rate and anchor agree across processes, for both read the same wall.
    """

    def __init__(self, rate: float = 1.0, anchor: datetime | None = None) -> None:
        if not isfinite(rate) or rate <= 0:
            raise ValueError(f"expected a clock rate above 0, got {rate}")
        self.rate = rate
        self.anchor = datetime.now(UTC) if anchor is None else require_aware(anchor).astimezone(UTC)

    def now(self) -> datetime:
        """Give the current instant; exactly the machine's at rate 1."""
        wall = datetime.now(UTC)
        return wall if self.rate == 1.0 else self.anchor + (wall - self.anchor) * self.rate

    def real_delay(self, seconds: float) -> float:
        """Divide by the rate; never negative."""
        return max(seconds, 0.0) / self.rate


class ManualClock:
    """Stand still until told otherwise: for tests and the simulator."""

    def __init__(self, now: datetime) -> None:
        self._now = require_aware(now).astimezone(UTC)

    def now(self) -> datetime:
        """Give the instant that was set last."""
        return self._now

    def set(self, now: datetime) -> None:
        """Jump to an instant, backwards too: wall clocks do that."""
        self._now = require_aware(now).astimezone(UTC)

    def advance(self, by: timedelta) -> datetime:
        """Move on by `by` and give the new instant."""
        self._now += by
        return self._now

    def real_delay(self, seconds: float) -> float:
        """Give 0: no real waiting makes this clock move."""
        return 0.0
