"""Tell which activities a message is about: one per trigger that its batch collected."""

from __future__ import annotations

from collections.abc import Sequence

from storage.activity_queries import Origin, run_origins, window_page
from storage.ids import derived_ksuid
from storage.keyset import Keyset, Slice
from storage.message_filter import DataEquals, MessageFilter
from storage.message_queries import count_messages
from storage.records import Message
from storage.sql import Sql
from storage.windows import Activity, rendered_activities


def activities_shown(sql: Sql, messages: Sequence[Message]) -> dict[str, list[Activity]]:
    """Return for each message the activities that its template saw, oldest first.

    All messages are of one environment.
    """
    if not messages:
        return {}
    origins = run_origins(sql, messages[0].environment, [m.run_id for m in messages])
    shown: dict[str, list[Activity]] = {}
    for message in messages:
        origin = origins.get(message.run_id)
        window = _window(message, origin)
        if window is None or origin is None:
            shown[message.id] = [_own(message, origin)]
        else:
            shown[message.id] = rendered_activities(sql, window, origin.order, origin.limit)
    return shown


def activity_page(
    sql: Sql, message: Message, data: Sequence[DataEquals], keyset: Keyset
) -> Slice[tuple[int, Activity]]:
    """Page through all activities of a message, oldest first, those whose data match."""
    origin = run_origins(sql, message.environment, [message.run_id]).get(message.run_id)
    window = _window(message, origin)
    if window is not None:
        return window_page(sql, window, data, keyset)
    wanted = MessageFilter(ids=(message.id,), data=tuple(data))
    if keyset.after or keyset.before or not count_messages(sql, message.environment, wanted):
        return Slice(rows=[])
    return Slice(rows=[(0, _own(message, origin))])


def _window(message: Message, origin: Origin | None) -> str | None:
    """Name the batch; one that closed after the message was made is a later step's."""
    if origin is None or origin.closed_at is None or origin.closed_at > message.inserted_at:
        return None
    return origin.window_id


def _own(message: Message, origin: Origin | None) -> Activity:
    at = message.inserted_at if origin is None else origin.inserted_at
    return Activity(
        id=derived_ksuid(at, message.run_id, "activity"),
        run_id=message.run_id,
        cancellation_key=None,
        actor=message.actors[0] if message.actors else None,
        data=message.data,
        inserted_at=at,
    )
