from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from storage import channels as store
from storage.db import Database
from storage.migrations import migrate
from storage.secrets import Sealer

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
SEALER = Sealer("a master key of some length")
EMAIL = "0b1e8a3c-6f0e-4a53-9d6e-3b0f6a1f7a10"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    path = tmp_path / "tocsin.db"
    migrate(path)
    database = Database(path)
    with database.transaction() as tx:
        store.put_channel(tx, id=EMAIL, key="email", type="email", now=NOW)
    yield database
    database.close()


@pytest.mark.parametrize(
    ("type_", "environment", "provider"),
    [
        ("email", "development", "catch_all"),
        ("email", "production", None),
        ("in_app_feed", "development", "in_app_feed"),
        ("in_app_feed", "production", "in_app_feed"),
    ],
)
def test_what_sends_where_nothing_was_chosen(
    type_: str, environment: str, provider: str | None
) -> None:
    assert store.default_provider(type_, environment) == provider


def test_settings_belong_to_one_environment_and_secrets_are_sealed(database: Database) -> None:
    settings = {"from_address": "a@example.com", "password": "canary"}
    with database.transaction() as tx:
        store.put_settings(
            tx, EMAIL, "development", settings, LATER, secret_names={"password"},
            seal=SEALER.seal, provider="smtp", is_sandbox=True, conditions={"all": []},
        )  # fmt: skip
    sql = database.read()
    channel = store.channels_for(sql, "development", SEALER.unseal)["email"]
    assert channel.settings == settings
    assert (channel.provider, channel.is_sandbox, channel.conditions) == ("smtp", True, {"all": []})
    assert (channel.created_at, channel.updated_at) == (NOW, LATER)
    hidden = store.channels_for(sql, "development", None)["email"]
    assert hidden.settings == {"from_address": "a@example.com"}
    assert store.channels_for(sql, "production", SEALER.unseal)["email"].settings == {}
    assert b"canary" not in bytes(sql.value("SELECT sealed FROM channel_settings"))


def test_an_existing_channel_keeps_its_id_and_type(database: Database) -> None:
    with database.transaction() as tx:
        found = store.put_channel(tx, id="other", key="email", type="sms", now=LATER, name="Mail")
    channel = store.get_channel(database.read(), "development", EMAIL)
    assert found == EMAIL
    assert channel is not None
    assert (channel.type, channel.name) == ("email", "Mail")


def test_declaring_a_channel_again_does_not_touch_it(database: Database) -> None:
    with database.transaction() as tx:
        store.put_channel(tx, id="other", key="email", type="email", now=LATER)
    channel = store.get_channel(database.read(), "development", "email")
    assert channel is not None
    assert channel.updated_at == NOW


def test_an_archived_channel_is_left_out_until_it_is_declared_again(database: Database) -> None:
    with database.transaction() as tx:
        assert store.archive_channel(tx, EMAIL, LATER)
        assert not store.archive_channel(tx, EMAIL, LATER)
    sql = database.read()
    assert store.channels_for(sql, "development", None) == {}
    assert "email" in store.channels_for(sql, "development", None, with_archived=True)
    with database.transaction() as tx:
        store.put_channel(tx, id="x", key="email", type="email", now=LATER)
    assert "email" in store.channels_for(sql, "development", None)
