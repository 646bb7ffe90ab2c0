"""Open the data file: one writer connection per process, read-only readers.

Every connection is apsw's, whose wheel carries a SQLite without the WAL-reset
bug that two writing processes can reach (fixed in 3.51.3). The interpreter's
own sqlite3 is used through sqlite-utils only before serving or on copies.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

import apsw

from storage.errors import Busy, Corrupt, DiskFull, StorageError
from storage.layout import FILE_NAME as FILE_NAME
from storage.sql import Sql
from storage.tx import Tx

BUSY_SECONDS: Final = 10.0
MINIMUM_SQLITE: Final = 3_051_003
_CHECKPOINT_PAGES: Final = 4000
T = TypeVar("T")


def translate(error: apsw.Error) -> StorageError:
    """Turn SQLite's error into ours, with the next step in the sentence."""
    if isinstance(error, apsw.BusyError):
        return Busy("The database was busy for too long; try again in a moment.")
    if isinstance(error, apsw.FullError):
        return DiskFull("The disk is full: free some space, work resumes by itself.")
    if isinstance(error, (apsw.CorruptError, apsw.NotADBError)):
        return Corrupt(
            "The database file is damaged and is not written to any more; "
            "run `tocsin doctor`, then `tocsin restore` with the newest good backup."
        )
    return StorageError(f"The database refused: {error}")


def is_to_blame(error: BaseException) -> bool:
    """Tell whether an error is the database's own, not that of the work it was given."""
    return isinstance(error, (apsw.Error, StorageError))


class Database:
    """One data file: `transaction()` on the writer's thread, `read()` anywhere.

    `checkpoints` is true in the one process that may move the WAL into the
    file (the executor). Without `waits`, a transaction is refused at once
    while another one writes. `flush_seconds` is what the last commit took.
    """

    def __init__(self, path: Path, *, checkpoints: bool = False, waits: bool = True) -> None:
        """Remember the path; connections open at first use."""
        self.path = path
        self.waits = waits
        self.flush_seconds = 0.0
        self._checkpoints = checkpoints
        self._writer: Tx | None = None
        self._writer_thread: int | None = None
        self._readers = threading.local()
        self._opened: list[apsw.Connection] = []
        self._guard = threading.Lock()

    # ------------------------------------------------------------ connections

    def _open(self, flags: int) -> apsw.Connection:
        connection = apsw.Connection(str(self.path), flags=flags, statementcachesize=400)
        started = time.monotonic()

        def wait(attempts: int) -> bool:
            # Short naps keep the queue moving: SQLite's own back-off reaches 100 ms.
            nonlocal started
            if attempts == 0:
                started = time.monotonic()
            time.sleep(0.0003 if attempts < 20 else 0.002)
            return time.monotonic() - started < BUSY_SECONDS

        if self.waits:
            connection.set_busy_handler(wait)
        with self._guard:
            self._opened.append(connection)
        return connection

    def _open_writer(self) -> Tx:
        memory = str(self.path) == ":memory:"
        connection = self._open(apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE)
        if not memory:
            connection.execute("PRAGMA journal_mode = WAL")
        pages = _CHECKPOINT_PAGES if self._checkpoints else 0
        for pragma in (
            "synchronous = FULL",
            f"wal_autocheckpoint = {pages}",
            "cache_size = -65536",
            "mmap_size = 0",
            "foreign_keys = OFF",
            "temp_store = MEMORY",
        ):
            connection.execute(f"PRAGMA {pragma}")
        return Tx(connection)

    def read(self) -> Sql:
        """Return this thread's read-only connection; on the writer's thread, the writer's.

        Each commit empties the page cache of all connections but the one that
        made it: what writes and reads in turns had better do it on one.
        """
        if self._writer is not None and self._writer_thread == threading.get_ident():
            return self._writer
        found: Sql | None = getattr(self._readers, "sql", None)
        if found is None:
            connection = self._open(apsw.SQLITE_OPEN_READWRITE)
            for pragma in ("query_only = ON", "cache_size = -16384", "mmap_size = 0"):
                connection.execute(f"PRAGMA {pragma}")
            found = Sql(connection)
            self._readers.sql = found
        return found

    # ------------------------------------------------------------ writing

    @contextmanager
    def transaction(self) -> Iterator[Tx]:
        """Open a `BEGIN IMMEDIATE`; commit at the end, roll back on any error.

        Raises:
            Busy, DiskFull, Corrupt, StorageError: nothing was written.
        """
        thread = threading.get_ident()
        if self._writer is None:
            self._writer, self._writer_thread = self._open_writer(), thread
        elif self._writer_thread != thread:
            raise RuntimeError("the writer connection belongs to another thread")
        tx = self._writer
        try:
            tx.connection.execute("BEGIN IMMEDIATE")
        except apsw.Error as error:
            raise translate(error) from error
        try:
            yield tx
            began = time.perf_counter()
            tx.connection.execute("COMMIT")
            self.flush_seconds = time.perf_counter() - began
        except apsw.Error as error:
            self._roll_back(tx)
            raise translate(error) from error
        except BaseException:
            self._roll_back(tx)
            raise

    @staticmethod
    def _roll_back(tx: Tx) -> None:
        if tx.connection.in_transaction:
            tx.connection.execute("ROLLBACK")
        tx.forget_log_days()

    def write(self, work: Callable[[Tx], T]) -> T:
        """Run `work` in one transaction on this thread and return its value."""
        with self.transaction() as tx:
            return work(tx)

    def checkpoint(self) -> None:
        """Move what readers allow of the WAL into the file; never waits."""
        if self._writer is not None:
            self._writer.connection.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def quick_check(self) -> str:
        """Return `ok`, or SQLite's first finding."""
        try:
            return str(self.read().value("PRAGMA quick_check(1)"))
        except apsw.Error as error:
            return str(error)

    def close(self) -> None:
        """Close every connection that this object opened."""
        with self._guard:
            for connection in self._opened:
                connection.close()
            self._opened.clear()
        self._writer = None
        self._readers = threading.local()
