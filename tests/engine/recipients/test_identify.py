"""Identifying: a batch of upserts that merge."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.errors import InvalidInput
from engine.recipients.identify import identify
from engine.recipients.preference_sets import PreferenceChange
from engine.recipients.references import Identity
from storage import channel_data, preferences, recipients
from storage.db import Database
from storage.migrations import migrate
from storage.records import TENANTS, USERS, RecipientRef

NOW = datetime(2026, 5, 4, 10, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)
ANN, DOC = RecipientRef(USERS, "ann"), RecipientRef("docs", "1")
ACME = RecipientRef(TENANTS, "acme")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    path = tmp_path / "tocsin.db"
    migrate(path)
    database = Database(path)
    database.write(
        lambda tx: tx.run(
            "INSERT INTO channels (id, key, name, type, provider, inserted_at, updated_at)"
            " VALUES ('id-1', 'push', 'Push', 'push', 'fcm', 0, 0)"
        )
    )
    yield database
    database.close()


def run(database: Database, *identities: Identity, now: datetime = NOW) -> dict[Any, Any]:
    return database.write(lambda tx: identify(tx, "development", identities, now))


def said(ref: RecipientRef, **properties: Any) -> Identity:
    return Identity(ref=ref, properties=properties)


def test_nothing_to_identify_writes_nothing(database: Database) -> None:
    assert run(database) == {}


@pytest.mark.req("E-4")
def test_a_batch_creates_merges_and_answers_everyone(database: Database) -> None:
    run(database, said(ANN, a={"x": 1}))
    found = run(database, said(ANN, a={"y": None}), said(DOC, name="Plan"), now=LATER)
    assert found[ANN].properties == {"a": {"x": 1, "y": None}}
    assert (found[ANN].inserted_at, found[ANN].updated_at) == (NOW, LATER)
    assert found[DOC].properties == {"name": "Plan"}
    assert recipients.get_many(database.read(), "development", [ANN, DOC]) == found


@pytest.mark.req("E-14")
def test_one_that_occurs_twice_is_merged_in_list_order(database: Database) -> None:
    found = run(database, said(ANN, a=1, b={"x": 1}), said(ANN, a=2, b={"y": 2}))
    assert found[ANN].properties == {"a": 2, "b": {"x": 1, "y": 2}}
    assert recipients.get(database.read(), "development", ANN) == found[ANN]


def test_one_that_does_not_change_keeps_its_instant(database: Database) -> None:
    first = run(database, said(ANN, a=1))
    assert run(database, said(ANN, a=1), said(ANN), now=LATER) == first


@pytest.mark.req("E-4")
def test_channel_data_replaces_per_channel_by_id_or_key(database: Database) -> None:
    for name, tokens in (("push", ["a", "b"]), ("id-1", ["c"])):
        run(database, Identity(ref=ANN, channel_data={name: {"tokens": tokens}}))
    found = channel_data.get_many(database.read(), "development", [ANN])
    assert found[ANN]["id-1"]["tokens"] == ["c"]
    assert list(found[ANN]) == ["id-1"]


@pytest.mark.req("E-148")
def test_inline_preferences_merge_whatever_they_ask_for(database: Database) -> None:
    for workflows in ({"a": {"channel_types": {"email": False}}}, {"a": {"channels": {"c": True}}}):
        change = PreferenceChange(content={"workflows": workflows}, strategy="replace")
        run(database, Identity(ref=ANN, preferences={"default": change}))
    found = preferences.get(database.read(), "development", ANN, "default")
    assert found == {
        "workflows": {"a": {"channel_types": {"email": False}, "channels": {"c": True}}}
    }


@pytest.mark.req("E-148")
def test_a_tenants_set_merges_beside_its_other_settings(database: Database) -> None:
    first = PreferenceChange(content={"workflows": {"a": False}})
    run(database, Identity(ref=ACME, properties={"settings": {"branding": {"x": 1}}},
                           tenant_preferences=first))  # fmt: skip
    second = PreferenceChange(content={"workflows": {"b": True}})
    found = run(database, Identity(ref=ACME, tenant_preferences=second))
    assert found[ACME].properties["settings"] == {
        "branding": {"x": 1},
        "preference_set": {"workflows": {"a": False, "b": True}},
    }


@pytest.mark.parametrize(
    ("identity", "code"),
    [
        (said(DOC, big="x" * 256 * 1024), "invalid_params"),
        (Identity(ref=DOC, channel_data={"nowhere": {}}), "channel_invalid"),
        (Identity(ref=DOC, channel_data={"push": {"tokens": 1}}), "invalid_params"),
    ],
    ids=["size", "channel", "data"],
)
def test_one_fault_stores_nothing_of_the_batch(
    database: Database, identity: Identity, code: str
) -> None:
    with pytest.raises(InvalidInput) as fault:
        run(database, said(ANN, name="Ann"), identity)
    assert fault.value.code == code
    assert fault.value.problems
    assert recipients.get_many(database.read(), "development", [ANN, DOC]) == {}


@pytest.mark.req("R-34")
def test_growth_by_merging_is_held_to_the_limit_too(database: Database) -> None:
    half = "x" * (130 * 1024)
    run(database, said(ANN, a=half))
    with pytest.raises(InvalidInput):
        run(database, said(ANN, b=half))
    found = recipients.get(database.read(), "development", ANN)
    assert found is not None
    assert set(found.properties) == {"a"}


def test_few_statements_serve_a_thousand(database: Database) -> None:
    identities = [
        Identity(
            ref=RecipientRef(USERS, str(n)),
            properties={"n": n},
            channel_data={"push": {"tokens": [str(n)]}},
        )
        for n in range(1000)
    ]
    statements: list[str] = []

    def work(tx: Any) -> Any:
        tx.connection.exec_trace = lambda cursor, sql, bindings: statements.append(sql) or True
        try:
            return identify(tx, "development", identities, NOW)
        finally:
            tx.connection.exec_trace = None

    assert len(database.write(work)) == 1000
    assert len(set(statements)) <= 5
    reads = [sql for sql in statements if sql.startswith("SELECT")]
    assert len(reads) <= 3
