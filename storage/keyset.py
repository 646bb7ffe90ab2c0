"""Page through rows by the key they are sorted by, in both directions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from storage.sql import Sql, marks

T = TypeVar("T")
U = TypeVar("U")
Key = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyset:
    """Ask for up to `limit` rows after or before a sort key (`after` wins)."""

    limit: int = 50
    after: Key | None = None
    before: Key | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice(Generic[T]):
    """Rows in the list's own order, and whether there are more on either side."""

    rows: list[T]
    has_earlier: bool = False
    has_later: bool = False

    def map(self, change: Callable[[T], U]) -> Slice[U]:
        """Give the same slice of changed rows."""
        rows = [change(row) for row in self.rows]
        return Slice(rows=rows, has_earlier=self.has_earlier, has_later=self.has_later)


def fetch_slice(
    sql: Sql,
    statement: str,
    params: Sequence[Any],
    keyset: Keyset,
    *,
    columns: Sequence[str],
    descending: bool = False,
) -> Slice[tuple[Any, ...]]:
    """Run `statement`, which ends inside its WHERE, for one page.

    `columns` are the unique sort key. A cursor of another shape counts as
    absent. One row more than asked for tells whether the list goes on.
    """
    after = keyset.after if _fits(keyset.after, columns) else None
    before = keyset.before if after is None and _fits(keyset.before, columns) else None
    is_falling = descending != (before is not None)
    order = ", ".join(f"{c} DESC" if is_falling else c for c in columns)
    bound = after or before
    where = ""
    if bound is not None:
        sign = "<" if is_falling else ">"
        where = f" AND ({', '.join(columns)}) {sign} ({marks(len(columns))})"
    text = f"{statement}{where} ORDER BY {order} LIMIT ?"
    rows = sql.rows(text, (*params, *(bound or ()), keyset.limit + 1))
    has_more = len(rows) > keyset.limit
    rows = rows[: keyset.limit]
    if before is not None:
        return Slice(rows=rows[::-1], has_earlier=has_more, has_later=bool(rows))
    # The row that `after` names precedes this page, so earlier rows exist.
    return Slice(rows=rows, has_earlier=after is not None and bool(rows), has_later=has_more)


def _fits(key: Key | None, columns: Sequence[str]) -> bool:
    return key is not None and len(key) == len(columns)
