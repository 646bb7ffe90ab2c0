"""Hand work to the writer connection: at once, or grouped on a thread of its own.

The web process groups: requests that arrive while a commit is being flushed
share the next one, so a flush of the disk is paid once per group. The
executor already works in batches and commits on its own loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from typing import Any, Final, Protocol, TypeVar

import apsw

from storage.db import Database, translate
from storage.errors import StorageError
from storage.tx import Tx

T = TypeVar("T")
_GROUP: Final = 256


class Writer(Protocol):
    """Run a piece of work in a committed transaction and hand back its value."""

    async def run(self, work: Callable[[Tx], T]) -> T:
        """Return only after the commit is durable; an error writes nothing."""
        ...


class DirectWriter:
    """Write on the caller's thread, one transaction per call."""

    def __init__(self, database: Database) -> None:
        """Use the database's writer connection from this thread."""
        self._database = database

    async def run(self, work: Callable[[Tx], T]) -> T:
        """Run and commit without leaving the thread."""
        return self._database.write(work)


_Item = tuple[Callable[[Tx], Any], "asyncio.Future[Any]", asyncio.AbstractEventLoop]


class GroupWriter:
    """Commit what waits together, each piece inside its own savepoint.

    A piece that raises is undone alone; its neighbours are committed. If the
    commit itself fails, every piece of the group gets the error.
    """

    def __init__(self, database: Database) -> None:
        """Start the writer's thread."""
        self._database = database
        self._queue: queue.SimpleQueue[_Item | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._loop, name="writer", daemon=True)
        self._thread.start()

    async def run(self, work: Callable[[Tx], T]) -> T:
        """Queue the work; resume when its group is durable."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._queue.put((work, future, loop))
        return await future

    def close(self) -> None:
        """Finish what is queued and end the thread."""
        self._queue.put(None)
        self._thread.join(timeout=10)

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

    def _commit(self, group: list[_Item]) -> None:
        answers: list[tuple[bool, Any]] = []
        try:
            with self._database.transaction() as tx:
                for work, _, _ in group:
                    answers.append(self._piece(tx, work, alone=len(group) == 1))
        except BaseException as error:  # the group's commit failed: everyone must hear it
            if not isinstance(error, (StorageError, _Undone)):
                error = StorageError(f"The write failed: {error}")
            cause = error.cause if isinstance(error, _Undone) else error
            if isinstance(cause, apsw.Error):
                cause = translate(cause)
            answers = [(False, cause)] * len(group)
        by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Any], bool, Any]]] = {}
        for (_, future, loop), (ok, value) in zip(group, answers, strict=True):
            by_loop.setdefault(loop, []).append((future, ok, value))
        for loop, settled in by_loop.items():
            with contextlib.suppress(RuntimeError):  # the loop is gone: nobody waits
                loop.call_soon_threadsafe(_settle, settled)

    @staticmethod
    def _piece(tx: Tx, work: Callable[[Tx], Any], *, alone: bool) -> tuple[bool, Any]:
        if alone:
            try:
                return True, work(tx)
            except BaseException as error:
                raise _Undone(error) from error
        tx.connection.execute("SAVEPOINT piece")
        try:
            value = work(tx)
        except BaseException as error:  # undone alone; the caller gets it
            if not tx.connection.in_transaction:
                # SQLite itself rolled the whole group back (a full disk does): all must hear it.
                raise
            tx.connection.execute("ROLLBACK TO piece")
            tx.connection.execute("RELEASE piece")
            tx.forget_log_days()
            return False, translate(error) if isinstance(error, apsw.Error) else error
        tx.connection.execute("RELEASE piece")
        return True, value


class _Undone(Exception):
    def __init__(self, cause: BaseException) -> None:
        super().__init__(str(cause))
        self.cause = cause


def _settle(settled: list[tuple[asyncio.Future[Any], bool, Any]]) -> None:
    for future, ok, value in settled:
        if future.cancelled():
            continue
        if ok:
            future.set_result(value)
        else:
            future.set_exception(value)
