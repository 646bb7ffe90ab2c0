"""Run SQL on one apsw connection; the base of readers and transactions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import apsw
import orjson

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def to_micros(instant: datetime) -> int:
    """Turn an aware instant into the INTEGER that every table stores."""
    return (instant - _EPOCH) // _MICROSECOND


def from_micros(value: int) -> datetime:
    """Turn a stored INTEGER back into an aware UTC instant."""
    return _EPOCH + timedelta(microseconds=value)


def maybe_micros(instant: datetime | None) -> int | None:
    """Turn an optional instant into its stored form."""
    return None if instant is None else to_micros(instant)


def maybe_instant(value: int | None) -> datetime | None:
    """Turn an optional stored value back into an instant."""
    return None if value is None else from_micros(value)


def dumps(value: Any) -> str:
    """Encode JSON as text for a column; lone surrogates become U+FFFD."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        return orjson.dumps(clean_text(value)).decode()


def clean_text(value: Any) -> Any:
    """Replace lone surrogates in every string, since UTF-8 cannot hold them."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {clean_text(k): clean_text(v) for k, v in value.items()}
    if isinstance(value, list):
        return [clean_text(v) for v in value]
    return value


def loads(text: str) -> Any:
    """Decode a JSON column."""
    return orjson.loads(text)


class Sql:
    """Thin, typed access to a connection; statements are cached by apsw."""

    def __init__(self, connection: apsw.Connection) -> None:
        """Wrap an open connection."""
        self.connection = connection

    def rows(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return all rows."""
        return self.connection.execute(sql, params).fetchall()

    def row(self, sql: str, params: Sequence[Any] = ()) -> tuple[Any, ...] | None:
        """Return the first row, or None."""
        for found in self.connection.execute(sql, params):
            return tuple(found)
        return None

    def value(self, sql: str, params: Sequence[Any] = ()) -> Any:
        """Return the first column of the first row, or None."""
        found = self.row(sql, params)
        return None if found is None else found[0]

    def run(self, sql: str, params: Sequence[Any] = ()) -> int:
        """Execute a statement and return the number of rows it changed."""
        self.connection.execute(sql, params)
        return self.connection.changes()

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Undo what is written inside, and only that, if it raises."""
        self.connection.execute("SAVEPOINT part")
        try:
            yield
        except BaseException:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK TO part")
                self.connection.execute("RELEASE part")
            raise
        self.connection.execute("RELEASE part")

    def many(self, sql: str, params: Iterable[Sequence[Any]]) -> None:
        """Execute a statement once per parameter row."""
        self.connection.executemany(sql, params)


def marks(count: int) -> str:
    """Return `?,?,…` for an IN list of `count` values."""
    return ",".join("?" * count)
