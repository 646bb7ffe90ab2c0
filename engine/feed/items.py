"""Read a user's feed: which items a request means, and what each of them shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from engine.messages.activities import activities_shown
from storage import recipients
from storage.feed_queries import FeedCounts, FeedRow, feed_counts, feed_page
from storage.keyset import Keyset, Slice
from storage.message_filter import DataEquals, MessageFilter, Span, TenantRule
from storage.records import USERS, Message, Recipient, RecipientRef
from storage.sql import Sql
from storage.windows import Activity


class Archived(StrEnum):
    """Whether archived items are among those shown."""

    EXCLUDE = "exclude"
    INCLUDE = "include"
    ONLY = "only"


class FeedStatus(StrEnum):
    """Which items are shown; the badge counts them all."""

    ALL = "all"
    UNREAD = "unread"
    READ = "read"
    UNSEEN = "unseen"
    SEEN = "seen"


ARCHIVED: Final[Mapping[Archived, bool | None]] = {
    Archived.EXCLUDE: False,
    Archived.INCLUDE: None,
    Archived.ONLY: True,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedOptions:
    """What a request, or a listening feed component, wants to see of one user's feed."""

    user: str
    channel_id: str
    status: FeedStatus = FeedStatus.ALL
    archived: Archived = Archived.EXCLUDE
    tenants: tuple[TenantRule, ...] = ()
    source: str | None = None
    categories: tuple[str, ...] = ()
    data: tuple[DataEquals, ...] = ()
    inserted: Span = field(default_factory=Span)

    def scope(self) -> MessageFilter:
        """Give what the badge counts: neither `status` nor `inserted` narrows it."""
        return MessageFilter(
            recipient=RecipientRef(USERS, self.user),
            channel_id=self.channel_id,
            is_feed=True,
            archived=ARCHIVED[self.archived],
            tenants=self.tenants,
            workflows=() if self.source is None else (self.source,),
            categories=self.categories,
            data=self.data,
        )

    def wanted(self) -> MessageFilter:
        """Give what the list shows."""
        engagement = () if self.status is FeedStatus.ALL else (self.status.value,)
        return replace(self.scope(), engagement=engagement, inserted=self.inserted)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedPage:
    """A page of a feed; `records` hold the people of it that are stored."""

    rows: Slice[FeedRow]
    counts: FeedCounts = field(default_factory=FeedCounts)
    activities: Mapping[str, list[Activity]] = field(default_factory=dict)
    records: Mapping[RecipientRef, Recipient] = field(default_factory=dict)


def read_feed(
    sql: Sql, environment: str, options: FeedOptions, keyset: Keyset, *, is_rich: bool = True
) -> FeedPage:
    """Return a page of a feed; one that is not `is_rich` does without activities."""
    found = feed_page(sql, environment, options.wanted(), keyset)
    messages = [row.message for row in found.rows]
    activities = {m.id: activities_shown(sql, m) for m in messages if is_rich}
    return FeedPage(
        rows=found,
        counts=feed_counts(sql, environment, options.scope()),
        activities=activities,
        records=recipients.get_many(sql, environment, _people(messages, activities)),
    )


def _people(messages: list[Message], activities: Mapping[str, list[Activity]]) -> set[RecipientRef]:
    people: set[RecipientRef] = set()
    for message in messages:
        people.add(message.recipient)
        people.update(message.actors)
    for items in activities.values():
        people.update(item.actor for item in items if item.actor is not None)
    return people
