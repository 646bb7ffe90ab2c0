"""Engage with, or delete, all messages of a channel that a filter means, in slices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from engine.messages.engage import Action, Engaging, engage
from storage import bulk_operations
from storage.bulk_operations import BulkStatus
from storage.message_filter import MessageFilter
from storage.message_queries import count_messages, delete_messages, matching_ids
from storage.sql import Sql
from storage.tx import Tx

SLICE: Final = 500


@dataclass(slots=True)
class BulkUpdate:
    """One operation; each `step` is a transaction that leaves room for other writers.

    `action` None deletes. The filters are worked through one after the other.
    """

    id: str
    environment: str
    action: Action | None
    filters: Sequence[MessageFilter]
    name: str
    _estimate: int = field(default=0, init=False)
    _is_started: bool = field(default=False, init=False)
    _at: int = field(default=0, init=False)
    _after: str = field(default="", init=False)

    def estimate(self, sql: Sql) -> None:
        """Count in advance what there is to do."""
        self._estimate = sum(count_messages(sql, self.environment, f) for f in self.filters)

    def step(self, tx: Tx, now: datetime) -> bool:
        """Work on the next messages; tell whether more are to come.

        An operation that ends within its first slice is written in one transaction.
        """
        if not self._is_started:
            bulk_operations.start(tx, self.environment, self.id, self.name, self._estimate, now)
            self._is_started = True
        room = SLICE
        while room > 0 and self._at < len(self.filters):
            wanted = self.filters[self._at]
            ids = matching_ids(tx, self.environment, wanted, self._after, room)
            self._update(tx, ids, now)
            if len(ids) < room:
                self._at, self._after = self._at + 1, ""
            else:
                self._after = ids[-1]
            room -= len(ids)
        if self._at < len(self.filters):
            return True
        bulk_operations.finish(tx, self.id, BulkStatus.COMPLETED, now)
        return False

    def fail(self, tx: Tx, now: datetime) -> None:
        """Note that the rest was not done."""
        bulk_operations.finish(tx, self.id, BulkStatus.FAILED, now)

    def _update(self, tx: Tx, ids: Sequence[str], now: datetime) -> None:
        if not ids:
            return
        if self.action is None:
            delete_messages(tx, self.environment, ids)
        else:
            engaging = Engaging(environment=self.environment, action=self.action, only_changes=True)
            engage(tx, ids, engaging, now)
        bulk_operations.advance(tx, self.id, len(ids), (), now)
