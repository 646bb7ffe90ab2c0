"""Hand work to a writer connection: at once, or grouped.

The web process groups: requests that arrive while a commit is being flushed
share the next one, so a flush of the disk is paid once per group. The
executor already works in batches and commits on its own loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol, TypeVar

from storage.db import Database
from storage.errors import Busy
from storage.groups import NOTHING, Settled, Waiting, commit_group, settle
from storage.tx import Tx

T = TypeVar("T")
ItemT = TypeVar("ItemT")
BatchWork = Callable[[Tx, Sequence[ItemT]], Sequence[T | Exception]]
_GROUP: Final = 256
_INLINE_GROUP: Final = 32
_SLOW_SECONDS: Final = 0.005
_SLOW_IN_A_ROW: Final = 3
_PAUSE_SECONDS: Final = 1.0


class Writer(Protocol):
    """Run a piece of work in a committed transaction and hand back its value."""

    async def run(self, work: Callable[[Tx], T]) -> T:
        """Return only after the commit is durable; an error writes nothing."""
        ...

    async def together(
        self, work: BatchWork[ItemT, T], item: ItemT, *, is_light: bool = False
    ) -> T:
        """Do `work` on this item and on all others that wait for the same work.

        `work` answers one value or one exception per item, in order; what it
        answers an exception for, it has not written. If it raises instead,
        each item is tried again alone. `is_light` promises that the item costs
        less than 0.1 ms, so that it may be done on the caller's loop.
        """
        ...


class DirectWriter:
    """Write on the caller's thread, one transaction per call."""

    def __init__(self, database: Database) -> None:
        """Use the database's writer connection from this thread."""
        self._database = database

    async def run(self, work: Callable[[Tx], T]) -> T:
        """Run and commit without leaving the thread."""
        return self._database.write(work)

    async def together(
        self, work: BatchWork[ItemT, T], item: ItemT, *, is_light: bool = False
    ) -> T:
        """Run the work on one item and commit."""
        return self._database.write(lambda tx: _only(work(tx, [item])))


class GroupWriter:
    """Group on the loop what is light and short, and everything else on a thread.

    Handing work to a thread and back costs more than a light piece of work
    itself. The loop never waits for the write lock and is spared while flushes
    are slow: then the thread does it all.
    """

    def __init__(self, database: Database) -> None:
        """Start the writer's thread; the loop gets a connection of its own."""
        self._database = database
        self._inline = Database(database.path, waits=False)
        self._light: list[Waiting] = []
        self._owner: asyncio.AbstractEventLoop | None = None
        self._slow_in_a_row = 0
        self._paused_until = 0.0
        self._queue: queue.SimpleQueue[Waiting | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._loop, name="writer", daemon=True)
        self._thread.start()

    async def run(self, work: Callable[[Tx], T]) -> T:
        """Queue the work; resume when its group is durable."""
        return await self._wait(work, NOTHING)  # type: ignore[no-any-return]  # what work returns

    async def together(
        self, work: BatchWork[ItemT, T], item: ItemT, *, is_light: bool = False
    ) -> T:
        """Queue the item; it is worked on with those that wait for the same work."""
        return await self._wait(work, item, is_light=is_light)  # type: ignore[no-any-return]  # what work answers

    def _wait(self, work: Any, item: Any, *, is_light: bool = False) -> asyncio.Future[Any]:
        loop = asyncio.get_running_loop()
        waiting = Waiting(work, item, loop.create_future(), loop)
        if is_light and self._may_write(loop):
            if not self._light:
                loop.call_soon(self._flush_when_still, 1)
            self._light.append(waiting)
        else:
            self._queue.put(waiting)
        return waiting.future

    def _may_write(self, loop: asyncio.AbstractEventLoop) -> bool:
        self._owner = self._owner or loop
        return loop is self._owner and time.monotonic() >= self._paused_until

    def _flush_when_still(self, seen: int) -> None:
        """Go on collecting while each turn of the loop brings more: a flush costs what ten do."""
        found = len(self._light)
        if seen < found < _INLINE_GROUP:
            self._light[0].loop.call_soon(self._flush_when_still, found)
        elif found:
            self._flush()

    def _flush(self) -> None:
        group, self._light = self._light[:_INLINE_GROUP], self._light[_INLINE_GROUP:]
        if self._light:  # others get their turn in between
            group[0].loop.call_soon(self._flush)
        try:
            settled = commit_group(self._inline, group)
        except Busy:  # somebody else writes: the thread may wait for it
            for waiting in group:
                self._queue.put(waiting)
            return
        settle(settled)
        is_slow = self._inline.flush_seconds > _SLOW_SECONDS
        self._slow_in_a_row = self._slow_in_a_row + 1 if is_slow else 0
        if self._slow_in_a_row >= _SLOW_IN_A_ROW:
            self._slow_in_a_row, self._paused_until = 0, time.monotonic() + _PAUSE_SECONDS

    def close(self) -> None:
        """Finish what is queued and end the thread; called where `together` was."""
        while self._light:
            self._flush()
        self._queue.put(None)
        self._thread.join(timeout=10)
        self._inline.close()

    def _loop(self) -> None:
        while True:
            first = self._queue.get()
            if first is None:
                return
            group = [first]
            closing = False
            with contextlib.suppress(queue.Empty):
                while len(group) < _GROUP:
                    item = self._queue.get_nowait()
                    if item is None:
                        closing = True
                        break
                    group.append(item)
            self._commit(group)
            if closing:
                return

    def _commit(self, group: list[Waiting]) -> None:
        by_loop: dict[asyncio.AbstractEventLoop, list[Settled]] = {}
        for one in commit_group(self._database, group):
            by_loop.setdefault(one[0].loop, []).append(one)
        for loop, ones in by_loop.items():
            with contextlib.suppress(RuntimeError):  # the loop is gone: nobody waits
                loop.call_soon_threadsafe(settle, ones)


def _only(answers: Sequence[T | Exception]) -> T:
    (answer,) = answers
    if isinstance(answer, Exception):
        raise answer
    return answer
