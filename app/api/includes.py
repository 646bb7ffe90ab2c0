"""Add to recipients what `include[]` asks for, one read for a whole page."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from app.api.shapes import Sets
from app.http.pages import Entry
from app.http.request import ApiRequest
from engine.recipients.preferences import effective_sets
from storage.keyset import Slice
from storage.records import JsonObject, Recipient, RecipientRef
from storage.sql import Sql


def sets_of(
    request: ApiRequest, sql: Sql, refs: Collection[RecipientRef]
) -> Mapping[RecipientRef, Sets] | None:
    """Read the preference sets of `refs` if they are asked for; else None."""
    if "preferences" not in request.query.texts("include"):
        return None
    return effective_sets(sql, request.environment, refs)


def entries_of(
    request: ApiRequest,
    sql: Sql,
    found: Slice[Recipient],
    shape: Callable[[Recipient, Sets | None], JsonObject],
) -> Slice[Entry]:
    """Write a page of recipients, keyed by their ids."""
    sets = sets_of(request, sql, [record.ref for record in found.rows])

    def entry(record: Recipient) -> Entry:
        held = None if sets is None else sets.get(record.ref, {})
        return (record.ref.id,), shape(record, held)

    return found.map(entry)
