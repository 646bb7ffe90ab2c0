"""Recipients in the file: batches, pages, and an erasure that leaves nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from storage import channel_data, preferences, recipients, subscriptions
from storage.db import Database
from storage.keyset import Keyset
from storage.migrations import migrate
from storage.records import USERS, Recipient, RecipientRef
from storage.tx import Tx

NOW = datetime(2026, 5, 4, 10, tzinfo=UTC)
ANN, BOB = RecipientRef(USERS, "ann"), RecipientRef(USERS, "bob")
DOC = RecipientRef("docs", "1")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    path = tmp_path / "tocsin.db"
    migrate(path)
    database = Database(path)
    yield database
    database.close()


def recipient(ref: RecipientRef, environment: str = "development", **properties: Any) -> Recipient:
    return Recipient(
        environment=environment, ref=ref, properties=properties, inserted_at=NOW, updated_at=NOW
    )


def test_a_stored_recipient_is_read_back_whole(database: Database) -> None:
    ann = recipient(ANN, name="Ann", deep={"é": [1, None, "\x00"]})
    database.write(lambda tx: recipients.upsert_many(tx, [ann]))
    assert recipients.get(database.read(), "development", ANN) == ann
    assert recipients.get(database.read(), "production", ANN) is None


def test_storing_again_keeps_the_instant_of_insertion(database: Database) -> None:
    later = NOW + timedelta(hours=1)
    again = replace(recipient(ANN, x=1), inserted_at=later, updated_at=later)
    for version in (recipient(ANN), again):
        database.write(lambda tx, version=version: recipients.upsert_many(tx, [version]))
    found = recipients.get(database.read(), "development", ANN)
    assert found == replace(again, inserted_at=NOW)


@pytest.mark.parametrize("count", [0, 1, 3, 511, 512, 513, 1100])
def test_batches_of_any_size_are_read(database: Database, count: int) -> None:
    refs = [RecipientRef(USERS if n % 3 else "docs", str(n)) for n in range(count)]
    database.write(lambda tx: recipients.upsert_many(tx, [recipient(ref) for ref in refs]))
    wanted = [*refs, RecipientRef(USERS, "nobody"), *refs[:2]]
    assert set(recipients.get_many(database.read(), "development", wanted)) == set(refs)


def test_ids_sort_and_page_as_bytes_in_both_directions(database: Database) -> None:
    ids = ["Z", "a", "a\x00b", "ä", "😀"]
    rows = [recipient(RecipientRef(USERS, id)) for id in ids]
    database.write(lambda tx: recipients.upsert_many(tx, rows))

    def page(keyset: Keyset) -> tuple[list[str], bool, bool]:
        found = recipients.list_page(database.read(), "development", USERS, keyset)
        return [r.ref.id for r in found.rows], found.has_earlier, found.has_later

    assert page(Keyset()) == (ids, False, False)
    assert page(Keyset(limit=2)) == (ids[:2], False, True)
    assert page(Keyset(limit=2, after=("a",))) == (ids[2:4], True, True)
    assert page(Keyset(limit=2, after=("ä",))) == (ids[4:], True, False)
    assert page(Keyset(limit=2, before=("ä",))) == (ids[1:3], True, True)
    assert page(Keyset(limit=2, before=("a",))) == (ids[:1], False, True)
    assert page(Keyset(limit=2, after=("😀",))) == ([], False, False)
    assert page(Keyset(limit=2, after=("a", "b"))) == (ids[:2], False, True)


def test_deleting_one_end_deletes_the_subscription(database: Database) -> None:
    def work(tx: Tx) -> None:
        for object_ in (DOC, RecipientRef("docs", "2")):
            subscriptions.upsert_many(tx, "development", object_, [ANN, BOB], {}, NOW)
        recipients.delete(tx, "development", DOC)
        recipients.delete(tx, "development", ANN)

    database.write(work)
    left = database.read().rows("SELECT object_id, recipient_id FROM subscriptions")
    assert left == [("2", "bob")]


# ------------------------------------------------------------------ erasure


def fill(tx: Tx, id: str) -> None:
    """Put a row about the user into every table that can hold one."""
    ref = RecipientRef(USERS, id)
    at = 1_000_000
    recipients.upsert_many(tx, [recipient(ref, name=id)])
    preferences.put_many(tx, "development", [(ref, "default", {})], NOW)
    channel_data.put_many(tx, "development", [(ref, "c", {"tokens": [id]})], NOW)
    subscriptions.upsert_many(tx, "development", DOC, [ref], {}, NOW)
    run, window, message = f"run-{id}", f"window-{id}", f"message-{id}"
    insert(tx, "runs", id=run, environment="development", partition=1, trigger_id="t",
           workflow="w", version=1, collection=USERS, recipient=id, status="processing",
           phase="leased", state="{}", attempt=0, error_count=0, priority=5, lease_epoch=1,
           row_version=1, inserted_at=at, updated_at=at)  # fmt: skip
    insert(tx, "windows", id=window, environment="development", workflow="w", step_key="s",
           step_ref="s", collection=USERS, recipient=id, batch_key="", opened_at=at,
           closes_at=at, generation=1, count=1, total=1, settings="{}")  # fmt: skip
    insert(tx, "window_items", window_id=window, seq=1, id="i", run_id=run, data="{}",
           inserted_at=at)  # fmt: skip
    for subject in (run, window):
        insert(tx, "timers", due_at=at, kind="run", subject=subject, generation=1,
               environment="development")  # fmt: skip
    insert(tx, "calls", run_id=run, environment="development", step_ref="s", attempt=1,
           request="{}", timeout=1.0, row_version=1, lease_epoch=1, inserted_at=at)  # fmt: skip
    insert(tx, "throttles", environment="development", workflow="w", step_ref="s",
           collection=USERS, recipient=id, throttle_key="", ends_at=at, used=1)  # fmt: skip
    insert(tx, "frequency_slots", environment="development", workflow="w", collection=USERS,
           recipient=id, tenant="", run_id=run)  # fmt: skip
    insert(tx, "messages", id=message, environment="development", run_id=run, trigger_id="t",
           workflow="w", version_id="v", step_ref="s", iteration=0, categories="[]",
           channel_id="c", channel_type="email", provider="smtp", collection=USERS, recipient=id,
           address="a", actors="[]", status="queued", data="{}", filter_data="{}", metadata="{}",
           snapshot="{}", content="{}", overrides="{}", attempts=0, total_activities=1,
           total_actors=0, inserted_at=at, updated_at=at)  # fmt: skip
    insert(tx, "outbox", message_id=message, environment="development", channel_id="c",
           attempt=1, due_at=at, first_attempt_at=at, lease_epoch=0)  # fmt: skip
    tx.log_timeline([("development", run, [{"user": id}])], NOW)
    tx.log_deliveries([(f"log-{id}", "development", message, 1, {"user": id})], NOW)


def insert(tx: Tx, table: str, **values: Any) -> None:
    names = ", ".join(f'"{name}"' for name in values)
    marks = ", ".join("?" * len(values))
    tx.run(f"INSERT INTO {table} ({names}) VALUES ({marks})", list(values.values()))


def everything(database: Database) -> dict[str, list[str]]:
    sql = database.read()
    tables = sql.rows("SELECT name FROM sqlite_master WHERE type = 'table'")
    return {name: [str(row) for row in sql.rows(f"SELECT * FROM {name}")] for (name,) in tables}


@pytest.mark.req("E-158")
def test_erasing_a_user_leaves_no_trace_and_touches_nobody_else(database: Database) -> None:
    database.write(lambda tx: fill(tx, "bob"))
    before = everything(database)
    assert sum(any("bob" in row for row in rows) for rows in before.values()) >= 14
    database.write(lambda tx: fill(tx, "ann"))
    database.write(lambda tx: recipients.delete_user(tx, "production", "ann", NOW))
    assert any("ann" in row for row in everything(database)["runs"])
    database.write(lambda tx: recipients.delete_user(tx, "development", "ann", NOW))
    assert everything(database) == before


@pytest.mark.req("E-158")
def test_erasing_a_user_that_never_was_is_no_error(database: Database) -> None:
    before = everything(database)
    database.write(lambda tx: recipients.delete_user(tx, "development", "nobody", NOW))
    assert everything(database) == before
