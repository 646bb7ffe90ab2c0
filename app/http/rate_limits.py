"""Refuse what passes the documented rates, where the operator asked for that.

Each endpoint has a tier. A tier's rate holds for every endpoint on its own, in
each environment; for the user of a token, and for whose feed is read, on top.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Final

from app.auth.callers import Caller
from app.http.routing import Route
from engine.errors import RateLimited

PER_SECOND: Final[Mapping[int, int]] = {1: 1, 2: 5, 3: 60, 4: 200, 5: 1000}
_WINDOW: Final = 1.0  # seconds that a bucket holds: a whole second's worth may come at once
_SLACK: Final = 1e-9  # sums of fractions of a second are not exact
_FEEDS: Final = "/v1/users/{user_id}/feeds/"
_MOST_BUCKETS: Final = 20_000

_Bucket = tuple[str, str, str, str | None]


class RateLimits:
    """Count requests in token buckets; one number each, the instant when it is full again."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Start with every bucket full; `clock` gives seconds."""
        self._clock = clock
        self._full_at: dict[_Bucket, float] = {}
        self._most = _MOST_BUCKETS

    def check(self, route: Route, caller: Caller, params: Mapping[str, str]) -> None:
        """Take one token, or refuse with the seconds until there is one.

        Raises:
            RateLimited: the endpoint's rate is used up.
        """
        if caller.kind is None:
            return  # open to anybody, so one caller could use it up for all
        user = params.get("user_id") if route.path.startswith(_FEEDS) else caller.user
        bucket = (route.path, route.method, caller.environment, user)
        now, rate = self._clock(), PER_SECOND[route.tier]
        full_at = max(self._full_at.get(bucket, now), now) + 1 / rate
        if full_at - now > _WINDOW + _SLACK:
            raise RateLimited(
                f"This endpoint takes {rate} requests per second "
                f"{'and user' if user else 'in this environment'}; wait before the next",
                retry_after=full_at - now - _WINDOW,
            )
        self._full_at[bucket] = full_at
        if len(self._full_at) > self._most:
            self._forget(now)

    def _forget(self, now: float) -> None:
        """Drop the buckets that are full again: they say what no bucket says."""
        self._full_at = {bucket: at for bucket, at in self._full_at.items() if at > now}
        self._most = max(_MOST_BUCKETS, 2 * len(self._full_at))

    def __len__(self) -> int:
        return len(self._full_at)
