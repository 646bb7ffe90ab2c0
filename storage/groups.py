"""Commit what waits together: one flush of the disk for a whole group."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import apsw

from storage.db import Database, translate
from storage.errors import Busy, StorageError
from storage.tx import Tx

NOTHING: Final = object()


class Waiting(NamedTuple):
    """What one caller waits for; `work` takes a list of items if there is one."""

    work: Any
    item: Any
    future: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop


Settled = tuple[Waiting, bool, Any]


def commit_group(database: Database, group: Sequence[Waiting]) -> list[Settled]:
    """Work on everybody in one transaction, each piece inside its own savepoint.

    A piece that raises is undone alone; its neighbours are committed. If the
    commit itself fails, everybody gets the error.

    Raises:
        Busy: only where the database does not wait; nothing was done.
    """
    settled: list[Settled] = []
    try:
        with database.transaction() as tx:
            pieces = _pieces(group)
            for piece in pieces:
                settled += _work_on(tx, piece, alone=len(pieces) == 1)
    except BaseException as error:  # the group's commit failed: everyone must hear it
        if isinstance(error, Busy) and not database.waits:
            raise
        if not isinstance(error, (StorageError, _Undone)):
            error = StorageError(f"The write failed: {error}")
        cause = error.cause if isinstance(error, _Undone) else error
        return [(waiting, False, _told(cause)) for waiting in group]
    return settled


def settle(settled: Sequence[Settled]) -> None:
    """Tell everybody; on the loop that they wait on."""
    for waiting, ok, value in settled:
        if waiting.future.cancelled():
            continue
        if ok:
            waiting.future.set_result(value)
        else:
            waiting.future.set_exception(value)


def _pieces(group: Sequence[Waiting]) -> list[list[Waiting]]:
    """Gather what is to be done together; every other work stays a piece of its own."""
    pieces: list[list[Waiting]] = []
    shared: dict[Any, list[Waiting]] = {}
    for waiting in group:
        if waiting.item is NOTHING:
            pieces.append([waiting])
        elif waiting.work in shared:
            shared[waiting.work].append(waiting)
        else:
            pieces.append(shared.setdefault(waiting.work, [waiting]))
    return pieces


def _work_on(tx: Tx, piece: list[Waiting], *, alone: bool) -> list[Settled]:
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


def _do(tx: Tx, piece: list[Waiting]) -> list[Settled]:
    first = piece[0]
    if first.item is NOTHING:
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
