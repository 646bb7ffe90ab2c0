"""Lists and counts of the dashboard: right on a small world, on an index at any size."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from storage import dashboard
from storage.dashboard import SCAN, Cursor, Page
from storage.message_pages import MessageFilter, latest_messages, message_with_content
from storage.run_pages import STATES, RunFilter, latest_runs, run_detail
from storage.sql import Sql, to_micros
from tests.designer.seeded_world import NOW, World, seeded_world

ENVIRONMENT = "development"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return seeded_world(tmp_path_factory.mktemp("world") / "tocsin.db")


@pytest.fixture
def sql(world: World) -> Sql:
    return world.database.read()


def every(load: Callable[[Cursor | None], Page[Any]]) -> Iterator[Any]:
    """Walk a list to its end, page by page."""
    after: Cursor | None = None
    for _ in range(500):
        page = load(after)
        yield from page.rows
        after = page.next
        if after is None:
            return
    raise AssertionError("the list does not end")


class Plans:
    """Record the query plan of every statement that is run."""

    def __init__(self, sql: Sql) -> None:
        self.steps: list[str] = []
        self._sql = sql

    def __enter__(self) -> Plans:
        original = self._sql.connection.execute

        def look(_: Any, statement: str, bindings: Any) -> bool:
            if not statement.startswith("EXPLAIN"):
                rows = original(f"EXPLAIN QUERY PLAN {statement}", bindings or ())
                self.steps += [row[3] for row in rows]
            return True

        self._sql.connection.exec_trace = look
        return self

    def __exit__(self, *_: object) -> None:
        self._sql.connection.exec_trace = None

    def scans(self) -> list[str]:
        """Name the steps that read a whole growing table."""
        # The outbox is not among them: it holds only what waits.
        growing = ("runs", "messages", "triggers", "recipients", "timers", "r", "t")
        return [
            step
            for step in self.steps
            if step.startswith("SCAN") and step.split()[1] in growing and "INDEX" not in step
        ]


@pytest.mark.parametrize(
    "wanted",
    [
        RunFilter(), *(RunFilter(state=state) for state in STATES), RunFilter(recipient="ann"),
        RunFilter(workflow="comment-digest"), RunFilter(workflow="password-reset", state="failed"),
        RunFilter(recipient="ben", state="failed"),
        RunFilter(workflow="comment-digest", state="active"), RunFilter(workflow="nope"),
    ],
    ids=str,
)  # fmt: skip
def test_paging_through_runs_finds_each_once_newest_first(sql: Sql, wanted: RunFilter) -> None:
    with Plans(sql) as plans:
        rows = list(every(lambda after: latest_runs(sql, ENVIRONMENT, wanted, after, 7)))

    condition, params = ["environment = ?"], [ENVIRONMENT]
    for column in ("workflow", "recipient"):
        if value := getattr(wanted, column):
            condition.append(f"{column} = ?")
            params.append(value)
    states = {
        None: "1", "active": "phase IN ('ready', 'leased')", "failed": "error_count > 0",
        "paused": "status = 'paused'", "completed": "status = 'completed'",
        "cancelled": "status = 'cancelled'", "parked": "strikes < 0",
    }  # fmt: skip
    condition.append(states[wanted.state])
    expected = sql.rows(f"SELECT id FROM runs WHERE {' AND '.join(condition)}", params)
    assert sorted(row.id for row in rows) == sorted(row[0] for row in expected)
    assert [r.inserted_at for r in rows] == sorted((r.inserted_at for r in rows), reverse=True)
    assert plans.steps
    assert plans.scans() == []


def test_a_run_shows_the_recipients_name(sql: Sql) -> None:
    row = latest_runs(sql, ENVIRONMENT, RunFilter(recipient="ann")).rows[0]

    assert (row.recipient.id, row.recipient_name) == ("ann", "Ann Archer")


@pytest.mark.req("R-40")
def test_nothing_of_one_environment_is_seen_from_another(sql: Sql, world: World) -> None:
    assert latest_runs(sql, "production", RunFilter()).rows == ()
    assert latest_messages(sql, "production", MessageFilter(is_caught=False)).rows == ()
    assert run_detail(sql, "production", world.run_ids["completed"]) is None
    assert message_with_content(sql, "production", world.message_ids["email"]) is None
    assert dashboard.some_user(sql, "production") is None


@pytest.mark.parametrize(
    "wanted",
    [
        MessageFilter(), MessageFilter(channel_type="email"), MessageFilter(is_caught=False),
        MessageFilter(is_caught=False, status="bounced"),
        MessageFilter(search="CHECKOUT-api"), MessageFilter(search="ann@example"),
        MessageFilter(channel_type="sms", search="reply ack"), MessageFilter(search="no such word"),
    ],
    ids=str,
)  # fmt: skip
def test_paging_through_messages_finds_each_once_newest_first(
    sql: Sql, wanted: MessageFilter
) -> None:
    with Plans(sql) as plans:
        rows = list(every(lambda after: latest_messages(sql, ENVIRONMENT, wanted, after, 7)))

    expected = sql.rows(
        "SELECT id, provider, channel_type, status, recipient, workflow, address, content"
        " FROM messages WHERE environment = ?",
        (ENVIRONMENT,),
    )
    needle = wanted.search.casefold()
    kept = [
        row[0]
        for row in expected
        if (not wanted.is_caught or row[1] in ("catch_all", "in_app_feed"))
        and wanted.channel_type in (None, row[2])
        and wanted.status in (None, row[3])
        and needle in "\n".join(row[4:]).casefold()
    ]
    assert [row.id for row in rows] == sorted(kept, reverse=True)
    assert plans.scans() == []


def test_a_search_stops_after_a_bounded_look_and_goes_on_from_there(
    sql: Sql, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.message_pages.SCAN", 20)
    wanted = MessageFilter(is_caught=False, search="no such word")

    page = latest_messages(sql, ENVIRONMENT, wanted)
    assert (page.rows, page.looked_at) == ((), 20)
    assert page.next is not None
    assert list(every(lambda after: latest_messages(sql, ENVIRONMENT, wanted, after))) == []
    assert SCAN > 20


def test_the_pulse_counts_today_and_now(sql: Sql) -> None:
    today = NOW - timedelta(hours=6)
    with Plans(sql) as plans:
        pulse = dashboard.pulse(sql, ENVIRONMENT, today, NOW)

    counted = dict(
        sql.rows(
            "SELECT status, count(*) FROM messages WHERE environment = ? AND inserted_at >= ?"
            " GROUP BY status",
            (ENVIRONMENT, to_micros(today)),
        )
    )
    assert pulse.total == sum(counted.values())
    assert pulse.messages["sent"] == counted["sent"] + counted["delivered"]
    assert pulse.messages.get("bounced", 0) == counted.get("bounced", 0)
    failing = ("delivery_attempted", "undelivered", "bounced")
    assert pulse.failing == sum(counted.get(status, 0) for status in failing)
    assert pulse.triggers == sql.value(
        "SELECT count(*) FROM triggers WHERE environment = ? AND inserted_at >= ?",
        (ENVIRONMENT, to_micros(today)),
    )
    running = "SELECT count(*) FROM runs WHERE environment = ? AND status = ?"
    assert pulse.in_progress == sql.value(running, (ENVIRONMENT, "processing"))
    assert pulse.paused == sql.value(running, (ENVIRONMENT, "paused"))
    assert pulse.next_wake == NOW + timedelta(minutes=37)
    assert plans.scans() == []


def test_what_waits_in_the_outbox_is_counted_with_its_age(tmp_path: Path) -> None:
    world = seeded_world(tmp_path / "tocsin.db", triggers=6)
    due = NOW - timedelta(minutes=3)
    with world.database.transaction() as tx:
        for number, at in enumerate((due, NOW + timedelta(hours=1))):
            tx.run(
                "INSERT INTO outbox VALUES (?, ?, 'c', 1, ?, 0, 0, NULL)",
                (f"message-{number}", ENVIRONMENT, to_micros(at)),
            )
    pulse = dashboard.pulse(world.database.read(), ENVIRONMENT, NOW - timedelta(hours=1), NOW)

    assert (pulse.outbox, pulse.oldest_due) == (2, due)


def test_workflows_come_with_their_last_trigger_the_last_used_first(sql: Sql) -> None:
    with Plans(sql) as plans:
        heads = dashboard.workflow_heads(sql, ENVIRONMENT)

    assert {head.key: head.version for head in heads}["comment-digest"] == 3
    assert {head.key for head in heads if head.has_changes} == {"incident-escalation"}
    used = [head.last_triggered for head in heads if head.last_triggered]
    assert used == sorted(used, reverse=True)
    assert heads[-1].last_triggered is None
    assert plans.scans() == []
    assert dashboard.definition_of(sql, ENVIRONMENT, "nope") == {}
