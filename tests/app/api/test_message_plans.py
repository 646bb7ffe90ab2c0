"""Every list is led by an index: none of them may ever walk a whole table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from message_world import ApiWorld

from engine.feed.items import FeedOptions
from storage import activity_queries, feed_queries, message_queries, run_queries
from storage.keyset import Keyset
from storage.message_filter import MessageFilter, Span
from storage.records import USERS, RecipientRef
from storage.run_queries import RunQuery
from storage.sql import Sql, from_micros

ANN = RecipientRef(USERS, "ann")
NOW = from_micros(1_767_225_600_000_000)
Read = Callable[[Sql], Any]
CURSORS = (Keyset(), Keyset(after=("x",)), Keyset(before=("x",)))
RUN_CURSORS = (Keyset(), Keyset(after=(1, "x")), Keyset(after=(1, "x", "y")))
MESSAGES = [
    MessageFilter(),
    MessageFilter(recipient=ANN),
    MessageFilter(recipient=ANN, channel_id="c"),
    MessageFilter(channel_id="c", statuses=("sent",)),
    MessageFilter(statuses=("undelivered",)),
    MessageFilter(run_id="r"),
    MessageFilter(trigger_id="t"),
    MessageFilter(ids=("a", "b")),
    MessageFilter(inserted=Span(gt=NOW, lte=NOW)),
]
RUNS = [
    RunQuery(),
    RunQuery(recipient=ANN),
    RunQuery(workflow="w"),
    RunQuery(statuses=("paused",)),
    RunQuery(statuses=("cancelled",), workflow="w"),
    RunQuery(has_errors=True),
    RunQuery(starting_at=NOW, ending_at=NOW, workflow="w"),
]
BATCH = activity_queries.ClosedBatch(window_id="w", order="asc", limit=10)
FEED = FeedOptions(user="ann", channel_id="c")


class Explaining(Sql):
    """Run each statement, and keep how SQLite goes about it."""

    def __init__(self, inner: Sql) -> None:
        super().__init__(inner.connection)
        self.plans: list[str] = []

    def rows(self, sql: str, params: Any = ()) -> list[tuple[Any, ...]]:
        explained = self.connection.execute(f"EXPLAIN QUERY PLAN {sql}", params)
        self.plans += [row[3] for row in explained]
        return super().rows(sql, params)

    def row(self, sql: str, params: Any = ()) -> tuple[Any, ...] | None:
        return next(iter(self.rows(sql, params)), None)


def reads() -> list[Any]:
    found: list[tuple[str, Read]] = []
    for wanted in MESSAGES:
        for cursor in CURSORS:
            found.append(
                (
                    f"messages {wanted} {cursor}",
                    lambda sql, w=wanted, c=cursor: message_queries.message_page(
                        sql, "development", w, c
                    ),
                )
            )
        found.append(
            (
                f"count {wanted}",
                lambda sql, w=wanted: message_queries.count_messages(sql, "development", w),
            )
        )
    for query in RUNS:
        for cursor in RUN_CURSORS:
            found.append(
                (
                    f"runs {query} {cursor}",
                    lambda sql, q=query, c=cursor: run_queries.run_page(sql, "development", q, c),
                )
            )
    found += [
        ("feed", lambda sql: feed_queries.feed_page(sql, "development", FEED.wanted(), Keyset())),
        ("badge", lambda sql: feed_queries.feed_counts(sql, "development", FEED.scope())),
        ("one run", lambda sql: run_queries.run_view(sql, "development", "r")),
        ("began", lambda sql: activity_queries.run_began(sql, "development", "r")),
        ("last batch", lambda sql: activity_queries.last_batch(sql, "development", "r", NOW)),
        ("batch", lambda sql: activity_queries.batch_page(sql, BATCH, (), Keyset())),
        ("views", lambda sql: message_queries.message_views(sql, "development", ["a", "b"])),
    ]
    return [pytest.param(read, id=name[:150]) for name, read in found]


@pytest.mark.parametrize("read", reads())
def test_no_list_walks_a_whole_table(plain_world: ApiWorld, read: Read) -> None:
    sql = Explaining(plain_world.sql())
    read(sql)
    assert sql.plans
    walked = [p for p in sql.plans if p.startswith("SCAN") and "VIRTUAL TABLE" not in p]
    assert walked == []


@pytest.mark.parametrize(
    "wanted", [w for w in MESSAGES if w.run_id is None and w.trigger_id is None and w.ids is None]
)
def test_an_endless_list_is_read_in_order_and_never_sorted(
    plain_world: ApiWorld, wanted: MessageFilter
) -> None:
    for cursor in CURSORS:
        sql = Explaining(plain_world.sql())
        message_queries.message_page(sql, "development", wanted, cursor)
        assert [p for p in sql.plans if "TEMP B-TREE" in p] == []


@pytest.mark.parametrize("cursor", RUN_CURSORS[2:])
def test_a_workflows_runs_go_on_where_the_last_page_ended(
    plain_world: ApiWorld, cursor: Keyset
) -> None:
    sql = Explaining(plain_world.sql())
    run_queries.run_page(sql, "development", RunQuery(workflow="w"), cursor)
    assert "(environment=? AND workflow=? AND inserted_at<?)" in sql.plans[0]


def test_the_check_itself_notices_a_walk(plain_world: ApiWorld) -> None:
    sql = Explaining(plain_world.sql())
    sql.rows("SELECT * FROM messages WHERE step_ref = 'x'")
    assert [p for p in sql.plans if p.startswith("SCAN")] == ["SCAN messages"]
