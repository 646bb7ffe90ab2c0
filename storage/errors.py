"""Every error of Tocsin starts here; storage owns the root and its own branch.

TocsinError                     code · message · http_status · is_retryable
└─ StorageError                 Busy · DiskFull · Corrupt · SchemaTooNew · AlreadyRunning

`engine.errors` adds the branches for requests, definitions and deliveries.
"""

from __future__ import annotations

from typing import ClassVar


class TocsinError(Exception):
    """Carry a stable code and a sentence that says what to do."""

    code: ClassVar[str] = "internal_error"
    http_status: ClassVar[int] = 500
    is_retryable: ClassVar[bool] = False

    def __init__(self, message: str) -> None:
        """Keep the sentence shown to people."""
        super().__init__(message)
        self.message = message


class StorageError(TocsinError):
    """The data folder could not do what was asked."""

    code = "storage_error"
    http_status = 503


class Busy(StorageError):
    """The writer could not start within the busy timeout."""

    code = "storage_busy"
    is_retryable = True


class DiskFull(StorageError):
    """The disk has no room; reads go on, writes resume when space returns."""

    code = "disk_full"
    is_retryable = True


class Corrupt(StorageError):
    """The database file is damaged; it is not written to any more."""

    code = "storage_corrupt"


class SchemaTooNew(StorageError):
    """The data folder was written by a newer Tocsin."""

    code = "schema_too_new"


class AlreadyRunning(StorageError):
    """Another server holds the data folder."""

    code = "already_running"
