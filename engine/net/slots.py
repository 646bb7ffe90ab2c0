"""Bound how much is in flight per key: per channel, per host."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Slots:
    """Let `bound` holders of a key in at a time; keys that rest take no memory."""

    def __init__(self, bound: int) -> None:
        self.bound = bound
        self._gates: dict[str, asyncio.Semaphore] = {}
        self._users: dict[str, int] = {}

    @asynccontextmanager
    async def hold(self, key: str) -> AsyncIterator[None]:
        """Wait for a place under the key and keep it for the `async with`."""
        gate = self._gates.setdefault(key, asyncio.Semaphore(self.bound))
        self._users[key] = self._users.get(key, 0) + 1
        try:
            async with gate:
                yield
        finally:
            self._users[key] -= 1
            if not self._users[key]:
                del self._users[key], self._gates[key]

    def full(self) -> frozenset[str]:
        """Name the keys that have no place left, those who wait counted."""
        return frozenset(key for key, users in self._users.items() if users >= self.bound)
