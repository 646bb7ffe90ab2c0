from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from storage import environments as store
from storage.db import Database
from storage.migrations import migrate
from storage.secrets import SealBroken, Sealer
from storage.service_tokens import (
    create_service_token,
    find_service_token,
    list_service_tokens,
    revoke_service_token,
)

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
SEALER = Sealer("a master key of some length")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    path = tmp_path / "tocsin.db"
    migrate(path)
    database = Database(path)
    yield database
    database.close()


def test_the_account_keeps_what_is_not_given_again(database: Database) -> None:
    with database.transaction() as tx:
        store.put_account(tx, name="Acme", timezone="Europe/Berlin", now=NOW)
        store.put_account(tx, name=None, timezone="Asia/Tokyo", now=NOW + timedelta(days=1))
    account = store.get_account(database.read())
    assert account is not None
    assert (account.name, account.timezone, account.inserted_at) == ("Acme", "Asia/Tokyo", NOW)


def test_environments_stand_in_the_order_of_their_making(database: Database) -> None:
    with database.transaction() as tx:
        for key in ("production", "development", "a-staging"):
            store.put_environment(tx, key, NOW)
        store.put_environment(tx, "production", NOW, name="Live", is_enhanced_security=True)
    found = store.list_environments(database.read())
    assert [e.key for e in found] == ["production", "development", "a-staging"]
    assert (found[0].name, found[0].is_enhanced_security) == ("Live", True)
    assert found[2].name == "A Staging"


def test_secret_variables_are_sealed_to_their_row(database: Database) -> None:
    with database.transaction() as tx:
        store.put_variable(tx, "development", "url", "https://x", NOW)
        store.put_variable(tx, "development", "token", "canary", NOW, seal=SEALER.seal)
    sql = database.read()
    assert store.variables_for(sql, "development", SEALER.unseal) == {
        "url": "https://x",
        "token": "canary",
    }
    assert "canary" not in str(sql.rows("SELECT value FROM variables"))
    assert [v.value for v in store.list_variables(sql, "development", None)] == ["", "https://x"]
    with database.transaction() as tx:
        tx.run("UPDATE variables SET environment = 'production' WHERE key = 'token'")
    with pytest.raises(SealBroken):
        store.variables_for(sql, "production", SEALER.unseal)


def test_sending_is_paused_and_goes_on(database: Database) -> None:
    with database.transaction() as tx:
        store.put_account(tx, name=None, timezone=None, now=NOW)
        store.set_sending_paused(tx, True)
    account = store.get_account(database.read())
    assert account is not None
    assert account.is_sending_paused


def test_a_service_token_is_found_until_it_is_revoked(database: Database) -> None:
    with database.transaction() as tx:
        made = create_service_token(tx, "ci", NOW)
        create_service_token(tx, "fixed", NOW, plain="knock_st_fixed")
    sql = database.read()
    found = find_service_token(sql, made)
    assert found is not None
    assert (found.name, made.startswith("knock_st_")) == ("ci", True)
    assert made not in str(sql.rows("SELECT * FROM api_keys"))
    with database.transaction() as tx:
        assert revoke_service_token(tx, found.id, NOW)
        assert not revoke_service_token(tx, found.id, NOW)
    assert find_service_token(sql, made) is None
    assert sorted(t.name for t in list_service_tokens(sql)) == ["ci", "fixed"]
