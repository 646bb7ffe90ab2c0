"""Tell which activities a message is about: one per trigger that its batch collected."""

from __future__ import annotations

from collections.abc import Sequence

from storage.activity_queries import batch_page, last_batch, run_began
from storage.ids import derived_ksuid
from storage.keyset import Keyset, Slice
from storage.message_filter import DataEquals, MessageFilter
from storage.message_queries import count_messages
from storage.records import Message
from storage.sql import Sql
from storage.windows import Activity, rendered_activities


def activities_shown(sql: Sql, message: Message) -> list[Activity]:
    """Return the activities that a message's template saw, oldest first."""
    batch = last_batch(sql, message.environment, message.run_id, message.inserted_at)
    if batch is None:
        return [_own(sql, message)]
    return rendered_activities(sql, batch.window_id, batch.order, batch.limit)


def activity_page(
    sql: Sql, message: Message, data: Sequence[DataEquals], keyset: Keyset
) -> Slice[tuple[int, Activity]]:
    """Page through all activities of a message, oldest first, those whose data match."""
    batch = last_batch(sql, message.environment, message.run_id, message.inserted_at)
    if batch is not None:
        return batch_page(sql, batch, data, keyset)
    wanted = MessageFilter(ids=(message.id,), data=tuple(data))
    if keyset.after or keyset.before or not count_messages(sql, message.environment, wanted):
        return Slice(rows=[])
    return Slice(rows=[(0, _own(sql, message))])


def _own(sql: Sql, message: Message) -> Activity:
    at = run_began(sql, message.environment, message.run_id) or message.inserted_at
    return Activity(
        id=derived_ksuid(at, message.run_id, "activity"),
        run_id=message.run_id,
        cancellation_key=None,
        actor=message.actors[0] if message.actors else None,
        data=message.data,
        inserted_at=at,
    )
