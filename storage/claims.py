"""Choose the runs that are executed next: urgent first, each workflow in its turn.

A batch is bounded by the number of its runs and by the bytes of their data: a
hundred small runs are cheap together, a hundred large ones are not.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, Final

from storage.records import Run
from storage.runs import COLUMNS, RunVerbs, run_from_row

# (priority, environment, workflow)
Group = tuple[int, str, str]
# Each costs a look into an index, at every claim.
_GROUPS: Final = 64
# Parsed, a text of JSON takes several times its size.
BATCH_BYTES: Final = 16 * 1024 * 1024
_TRIGGER, _STATE = 2, 12
_CLAIM: Final = (
    f"SELECT {COLUMNS}, (SELECT octet_length(t.data) FROM triggers t WHERE t.id = runs.trigger_id)"
    " FROM runs WHERE phase = 'ready' AND strikes = 0"
    " AND priority = ? AND environment = ? AND workflow = ? ORDER BY ready_at, rowid LIMIT ?"
)


class _Batch:
    """Runs that are taken together, up to a number and a size."""

    def __init__(self, limit: int) -> None:
        self.runs: dict[str, Run] = {}
        self.is_full = limit <= 0
        self._limit, self._bytes = limit, 0
        self._triggers: set[str] = set()

    @property
    def room(self) -> int:
        return self._limit - len(self.runs)

    def add(self, row: Sequence[Any]) -> None:
        """Take a run, unless there is no room for its data; the first always has room."""
        if row[0] in self.runs:
            return
        size = len(row[_STATE])
        if row[_TRIGGER] not in self._triggers:
            self._triggers.add(row[_TRIGGER])
            size += row[-1] or 0
        if self.runs and self._bytes + size > BATCH_BYTES:
            self.is_full = True
            return
        self._bytes += size
        self.runs[row[0]] = run_from_row(row)
        self.is_full = len(self.runs) >= self._limit


class ClaimVerbs(RunVerbs):
    """Claim ready runs; whose turn it is is remembered for as long as the connection lives."""

    def claim_runs(self, now: datetime, limit: int, lease: timedelta, epoch: int) -> list[Run]:
        """Lease up to `limit` ready runs: urgent first, shared fairly between workflows.

        A claimed run is invisible to other claimers until its lease ends, so a
        crash delays it by at most `lease`.
        """
        batch = _Batch(limit)
        for _, level in groupby(self._ready_groups(), key=lambda group: group[0]):
            if batch.is_full:
                break
            self._fill(batch, self._in_turn(list(level)))
        return self._lease(list(batch.runs.values()), now + lease, epoch)

    @property
    def _turns(self) -> dict[int, Group]:
        """Whose turn it was last, by priority."""
        turns: dict[int, Group] = self.__dict__.setdefault("_group_turns", {})
        return turns

    def _ready_groups(self) -> list[Group]:
        """Name up to 64 groups that have ready runs; where there are more, they take turns."""
        groups = self._walk(None, _GROUPS)
        turn = self._turns.get(groups[-1][0]) if len(groups) == _GROUPS else None
        if turn is None:
            return groups
        above = [group for group in groups if group[0] < turn[0]]
        room = _GROUPS - len(above)
        later = [group for group in self._walk(turn, room) if group[0] == turn[0]]
        first = [group for group in groups[len(above) :] if group not in later]
        return above + sorted(later + first[: room - len(later)])

    def _walk(self, last: Group | None, limit: int) -> list[Group]:
        groups: list[Group] = []
        while len(groups) < limit:
            where = "" if last is None else " AND (priority, environment, workflow) > (?,?,?)"
            row = self.row(
                f"SELECT priority, environment, workflow FROM runs WHERE phase = 'ready'{where}"
                " ORDER BY priority, environment, workflow LIMIT 1",
                last or (),
            )
            if row is None:
                break
            last = (row[0], row[1], row[2])
            groups.append(last)
        return groups

    def _in_turn(self, level: list[Group]) -> list[Group]:
        """Begin behind the group that was served last."""
        turn = self._turns.get(level[0][0])
        start = 0 if turn is None else bisect_right(level, turn)
        return level[start:] + level[:start]

    def _fill(self, batch: _Batch, level: list[Group]) -> None:
        """Take equal shares of each group, then fill up with whoever has more."""
        share = -(-batch.room // len(level))
        for size in dict.fromkeys((share, batch.room)):
            has_more = False
            for group in level:
                if batch.is_full:
                    return
                count, before = 0, len(batch.runs)
                # Row by row: what there is no room for is not even read.
                for row in self.connection.execute(_CLAIM, (*group, size)):
                    count += 1
                    batch.add(row)
                    if batch.is_full:
                        break
                has_more = has_more or count == size
                # One that found no room for its first run comes first in the next batch.
                if size == share and (len(batch.runs) > before or not batch.is_full):
                    self._turns[group[0]] = group
            if not has_more:
                return
