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
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, Protocol, TypeVar

import apsw

from storage.db import Database, translate
from storage.errors import StorageError
from storage.tx import Tx

T = TypeVar("T")
ItemT = TypeVar("ItemT")
BatchWork = Callable[[Tx, Sequence[ItemT]], Sequence[T | Exception]]
_Settled = tuple["_Waiting", bool, Any]
_GROUP: Final = 256
_NOTHING: Final = object()


class Writer(Protocol):
    """Run a piece of work in a committed transaction and hand back its value."""

    async def run(self, work: Callable[[Tx], T]) -> T:
        """Return only after the commit is durable; an error writes nothing."""
        ...

    async def together(self, work: BatchWork[ItemT, T], item: ItemT) -> T:
        """Do `work` on this item and on all others that wait for the same work.

        `work` answers one value or one exception per item, in order; what it
        answers an exception for, it has not written. If it raises instead,
        each item is tried again alone.
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

    async def together(self, work: BatchWork[ItemT, T], item: ItemT) -> T:
        """Run the work on one item and commit."""
        return self._database.write(lambda tx: _only(work(tx, [item])))


class _Waiting(NamedTuple):
    """What one caller waits for; `work` takes a list of items if there is one."""

    work: Any
    item: Any
    future: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop


class GroupWriter:
    """Commit what waits together, each piece inside its own savepoint.

    A piece that raises is undone alone; its neighbours are committed. If the
    commit itself fails, every piece of the group gets the error.
    """

    def __init__(self, database: Database) -> None:
        """Start the writer's thread."""
        self._database = database
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._loop, name="writer", daemon=True)
        self._thread.start()

    async def run(self, work: Callable[[Tx], T]) -> T:
        """Queue the work; resume when its group is durable."""
        return await self._wait(work, _NOTHING)  # type: ignore[no-any-return]  # what work returns

    async def together(self, work: BatchWork[ItemT, T], item: ItemT) -> T:
        """Queue the item; it is worked on with those that wait for the same work."""
        return await self._wait(work, item)  # type: ignore[no-any-return]  # what work answers

    async def _wait(self, work: Any, item: Any) -> Any:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        self._queue.put(_Waiting(work, item, future, loop))
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

    def _commit(self, group: list[_Waiting]) -> None:
        settled: list[_Settled] = []
        try:
            with self._database.transaction() as tx:
                pieces = _pieces(group)
                for piece in pieces:
                    settled += _work_on(tx, piece, alone=len(pieces) == 1)
        except BaseException as error:  # the group's commit failed: everyone must hear it
            if not isinstance(error, (StorageError, _Undone)):
                error = StorageError(f"The write failed: {error}")
            cause = error.cause if isinstance(error, _Undone) else error
            settled = [(waiting, False, _told(cause)) for waiting in group]
        by_loop: dict[asyncio.AbstractEventLoop, list[_Settled]] = {}
        for one in settled:
            by_loop.setdefault(one[0].loop, []).append(one)
        for loop, ones in by_loop.items():
            with contextlib.suppress(RuntimeError):  # the loop is gone: nobody waits
                loop.call_soon_threadsafe(_settle, ones)


def _pieces(group: list[_Waiting]) -> list[list[_Waiting]]:
    """Gather what is to be done together; every other work stays a piece of its own."""
    pieces: list[list[_Waiting]] = []
    shared: dict[Any, list[_Waiting]] = {}
    for waiting in group:
        if waiting.item is _NOTHING:
            pieces.append([waiting])
        elif waiting.work in shared:
            shared[waiting.work].append(waiting)
        else:
            pieces.append(shared.setdefault(waiting.work, [waiting]))
    return pieces


def _work_on(tx: Tx, piece: list[_Waiting], *, alone: bool) -> list[_Settled]:
    """Do a piece; one of several that raises is undone and its items are tried alone."""
    if alone and len(piece) == 1:
        try:
            return _do(tx, piece)
        except BaseException as error:
            raise _Undone(error) from error
    tx.connection.execute("SAVEPOINT piece")
    try:
        settled = _do(tx, piece)
    except BaseException as error:  # undone alone; the caller gets it
        if not tx.connection.in_transaction:
            # SQLite itself rolled the whole group back (a full disk does): all must hear it.
            raise
        tx.connection.execute("ROLLBACK TO piece")
        tx.connection.execute("RELEASE piece")
        tx.forget_log_days()
        if len(piece) > 1:
            return [one for waiting in piece for one in _work_on(tx, [waiting], alone=False)]
        return [(piece[0], False, _told(error))]
    tx.connection.execute("RELEASE piece")
    return settled


def _do(tx: Tx, piece: list[_Waiting]) -> list[_Settled]:
    first = piece[0]
    if first.item is _NOTHING:
        return [(first, True, first.work(tx))]
    answers = first.work(tx, [waiting.item for waiting in piece])
    return [
        (waiting, not isinstance(answer, Exception), answer)
        for waiting, answer in zip(piece, answers, strict=True)
    ]


class _Undone(Exception):
    def __init__(self, cause: BaseException) -> None:
        super().__init__(str(cause))
        self.cause = cause


def _told(error: BaseException) -> BaseException:
    return translate(error) if isinstance(error, apsw.Error) else error


def _only(answers: Sequence[T | Exception]) -> T:
    (answer,) = answers
    if isinstance(answer, Exception):
        raise answer
    return answer


def _settle(settled: list[_Settled]) -> None:
    for waiting, ok, value in settled:
        if waiting.future.cancelled():
            continue
        if ok:
            waiting.future.set_result(value)
        else:
            waiting.future.set_exception(value)
