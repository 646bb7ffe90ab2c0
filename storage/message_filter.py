"""Say which messages are meant, and write it as SQL that an index leads.

Lists, feeds and bulk updates share it. The environment is never part of a
filter: each query takes it apart, so that none can be left without.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from storage.ids import encode_ksuid
from storage.records import DeliveryStatus, RecipientRef
from storage.sql import marks, to_micros

# Word for word the conditions of the partial indexes `messages_feed`, `messages_exceptions`.
_IN_FEED: Final = "channel_type = 'in_app_feed'"
_EXCEPTIONS: Final = "status IN ('delivery_attempted', 'undelivered', 'bounced', 'not_sent')"
_EXCEPTIONAL: Final = frozenset(
    {
        DeliveryStatus.DELIVERY_ATTEMPTED.value,
        DeliveryStatus.UNDELIVERED.value,
        DeliveryStatus.BOUNCED.value,
        DeliveryStatus.NOT_SENT.value,
    }
)
ENGAGED: Final = {
    "seen": "seen_at IS NOT NULL",
    "unseen": "seen_at IS NULL",
    "read": "read_at IS NOT NULL",
    "unread": "read_at IS NULL",
    "archived": "archived_at IS NOT NULL",
    "unarchived": "archived_at IS NULL",
    "interacted": "interacted_at IS NOT NULL",
    "link_clicked": "link_clicked_at IS NOT NULL",
}
# A message's id is minted when its run is decided, its row written after rendering;
# between the two the clock may have been set a little.
_MINTED_BEFORE: Final = timedelta(hours=1)
_CLOCK_STEP: Final = timedelta(minutes=1)
_FIRST_ID_YEAR, _LAST_ID_YEAR = 2015, 2149
_NOTHING: Final = "0"
Terms = tuple[str, list[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Bounds of an instant; None where open."""

    gt: datetime | None = None
    gte: datetime | None = None
    lt: datetime | None = None
    lte: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantRule:
    """Admit messages of these tenants (None: of any), and those of no tenant or not."""

    tenants: tuple[str, ...] | None = None
    admits_none: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DataEquals:
    """One key of the data equals a scalar; `kinds` are SQLite's names of its JSON type."""

    key: str
    kinds: tuple[str, ...]
    value: str | int | float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageFilter:
    """Which messages are meant; what is None or empty restricts nothing.

    A list matches any of its values, `data` and `tenants` each of their terms.
    An empty `ids` means none at all. `is_feed` says that the channel is an
    in-app feed, whose items of one user an index keeps together.
    """

    recipient: RecipientRef | None = None
    channel_id: str | None = None
    is_feed: bool = False
    ids: tuple[str, ...] | None = None
    run_id: str | None = None
    trigger_id: str | None = None
    workflows: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    engagement: tuple[str, ...] = ()
    archived: bool | None = None
    tenants: tuple[TenantRule, ...] = ()
    data: tuple[DataEquals, ...] = ()
    inserted: Span = field(default_factory=Span)

    def source(self, environment: str) -> Terms:
        """Give `messages INDEXED BY … WHERE …`, with the parameters of that text."""
        index, where, params = self._lead(environment)
        for text, values in self._terms():
            where += f" AND {text}"
            params += values
        return f"messages{index} WHERE {where}", params

    def _lead(self, environment: str) -> tuple[str, str, list[Any]]:
        """Choose the index; SQLite has no statistics here and would guess."""
        where, params = "environment = ?", [environment]
        if self.ids is not None:
            return "", f"{where} AND id IN ({marks(len(self.ids))})", [environment, *self.ids]
        if self.run_id is not None:
            # Ids of triggers grow with time and those of runs do not: the index begins with them.
            where += " AND trigger_id = (SELECT trigger_id FROM runs WHERE id = ?) AND run_id = ?"
            return " INDEXED BY messages_once", where, [*params, self.run_id, self.run_id]
        if self.trigger_id is not None:
            where += " AND trigger_id = ?"
            return " INDEXED BY messages_once", where, [*params, self.trigger_id]
        if self.recipient is not None:
            if self.is_feed:
                return " INDEXED BY messages_feed", f"{where} AND {_IN_FEED}", list(params)
            return " INDEXED BY messages_recipient", where, list(params)
        if len(self.statuses) == 1 and self.statuses[0] in _EXCEPTIONAL:
            # The equality comes first: SQLite would loop over the list, and then sort.
            where += f" AND status = ? AND {_EXCEPTIONS}"
            return " INDEXED BY messages_exceptions", where, [*params, self.statuses[0]]
        return " INDEXED BY messages_list", where, list(params)

    def _terms(self) -> Iterable[Terms]:
        if self.recipient is not None:
            yield "collection = ? AND recipient = ?", list(self.recipient)
        if self.channel_id is not None:
            yield "channel_id = ?", [self.channel_id]
        yield from _any_of("workflow", self.workflows)
        yield from _any_of("status", self.statuses)
        if self.categories:
            among = f"value IN ({marks(len(self.categories))})"
            yield f"EXISTS (SELECT 1 FROM json_each(categories) WHERE {among})", [*self.categories]
        if self.engagement:
            known = [ENGAGED[name] for name in self.engagement if name in ENGAGED]
            yield f"({' OR '.join(known) or _NOTHING})", []
        if self.archived is not None:
            yield ENGAGED["archived" if self.archived else "unarchived"], []
        for rule in self.tenants:
            yield _tenant(rule)
        for term in self.data:
            yield data_equals("filter_data", term)
        yield from _inserted(self.inserted)


def data_equals(column: str, term: DataEquals) -> Terms:
    """Write that a JSON object's key holds exactly this value, of the same JSON type."""
    # json_each rather than a path: a path cannot name every key.
    text = (
        f"EXISTS (SELECT 1 FROM json_each({column}) AS pair WHERE pair.key = ?"
        f" AND pair.type IN ({marks(len(term.kinds))}) AND pair.atom IS ?)"
    )
    return text, [term.key, *term.kinds, term.value]


def _any_of(column: str, values: tuple[str, ...]) -> Iterable[Terms]:
    if len(values) == 1:
        yield f"{column} = ?", [*values]
    elif values:
        yield f"{column} IN ({marks(len(values))})", [*values]


def _tenant(rule: TenantRule) -> Terms:
    if rule.tenants is None:
        return ("1" if rule.admits_none else "tenant IS NOT NULL"), []
    text = f"tenant IN ({marks(len(rule.tenants))})"
    return (f"({text} OR tenant IS NULL)" if rule.admits_none else text), [*rule.tenants]


def _inserted(span: Span) -> Iterable[Terms]:
    """Bound the instant exactly, and the id roughly: ids sort by time, in every index."""
    for sign, instant in ((">", span.gt), (">=", span.gte), ("<", span.lt), ("<=", span.lte)):
        if instant is None:
            continue
        yield f"inserted_at {sign} ?", [to_micros(instant)]
        if _FIRST_ID_YEAR <= instant.year <= _LAST_ID_YEAR:
            if sign.startswith(">"):
                yield "id >= ?", [encode_ksuid(instant - _MINTED_BEFORE, bytes(13))]
            else:
                yield "id <= ?", [encode_ksuid(instant + _CLOCK_STEP, b"\xff" * 13)]
