from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.bootstrap import Prepared, prepare
from app.declaration import BootstrapError, read_declaration
from storage import api_keys, members
from storage.channels import channels_for
from storage.db import Database
from storage.environments import get_account, list_environments, put_account, variables_for
from storage.errors import TocsinError
from storage.ids import RandomIds
from storage.migrations import migrate
from storage.secrets import Sealer
from storage.service_tokens import find_service_token

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
SEALER = Sealer("a master key of some length")
FILE = """
[account]
name = "Acme"
timezone = "Europe/Berlin"

[[users]]
email = "admin@example.com"
password = "correct horse battery staple"
role = "admin"

[[environments]]
key = "development"
secret_keys = ["sk_test_fixed"]
public_keys = ["pk_test_fixed"]
signing_keys = ["-----BEGIN PUBLIC KEY-----"]
variables = { app_url = "https://app.example.com" }
secret_variables = { token = "canary" }

[[environments]]
key = "staging"
enhanced_security = true

[[service_tokens]]
name = "ci"
token = "knock_st_fixed"

[[channels]]
id = "0b1e8a3c-6f0e-4a53-9d6e-3b0f6a1f7a10"
key = "inbox"
type = "in_app_feed"

[[channels]]
key = "email"
type = "email"
provider = "smtp"
[channels.environments.development]
sandbox = true
[channels.environments.development.settings]
from_address = "hello@example.com"
host = "127.0.0.1"
port = 1025
password = "canary"
"""


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    migrate(tmp_path / "tocsin.db")
    database = Database(tmp_path / "tocsin.db")
    yield database
    database.close()


def apply(database: Database, tmp_path: Path, text: str, days: int = 0) -> Prepared:
    file = tmp_path / "bootstrap.toml"
    file.write_text(text)
    return prepare(database, SEALER, NOW + timedelta(days=days), RandomIds(), file)


def dump(database: Database) -> dict[str, list[tuple[object, ...]]]:
    sql = database.read()
    tables = [row[0] for row in sql.rows("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    return {name: sorted(map(repr, sql.rows(f"SELECT * FROM {name}"))) for name in tables}


def test_a_start_without_a_file_makes_two_environments_and_a_channel_per_type(
    database: Database,
) -> None:
    prepared = prepare(database, SEALER, NOW, RandomIds(), None)
    sql = database.read()
    assert [e.key for e in list_environments(sql)] == ["development", "production"]
    channels = channels_for(sql, "development", None)
    assert {c.key: (c.type, c.provider) for c in channels.values()} == {
        "in-app": ("in_app_feed", "in_app_feed"),
        "email": ("email", "catch_all"),
        "sms": ("sms", "catch_all"),
        "push": ("push", "catch_all"),
        "chat": ("chat", "catch_all"),
        "webhook": ("http", "catch_all"),
    }
    assert channels_for(sql, "production", None)["email"].provider is None
    assert prepared.setup_token


def test_the_default_channels_keep_their_ids_over_starts(database: Database) -> None:
    prepare(database, SEALER, NOW, RandomIds(), None)
    before = {c.id for c in channels_for(database.read(), "development", None).values()}
    prepare(database, SEALER, NOW + timedelta(days=1), RandomIds(), None)
    assert {c.id for c in channels_for(database.read(), "development", None).values()} == before


def test_everything_that_a_file_declares_exists_afterwards(
    database: Database, tmp_path: Path
) -> None:
    prepared = apply(database, tmp_path, FILE)
    sql = database.read()
    account = get_account(sql)
    assert account is not None
    assert (account.name, account.timezone) == ("Acme", "Europe/Berlin")
    assert prepared.setup_token is None
    member = members.member_by_email(sql, "admin@example.com")
    assert member is not None
    assert member.role is members.Role.ADMIN
    environments = list_environments(sql)
    assert [e.key for e in environments] == ["development", "production", "staging"]
    assert [e.is_enhanced_security for e in environments] == [False, False, True]
    secret, public = (api_keys.lookup(sql, key) for key in (b"sk_test_fixed", b"pk_test_fixed"))
    assert secret is not None
    assert public is not None
    assert (secret.environment, secret.kind.value) == ("development", "secret")
    assert public.kind.value == "public"
    assert api_keys.signing_keys(sql, "development") == ("-----BEGIN PUBLIC KEY-----",)
    assert find_service_token(sql, "knock_st_fixed") is not None
    assert variables_for(sql, "development", SEALER.unseal) == {
        "app_url": "https://app.example.com",
        "token": "canary",
    }
    channels = channels_for(sql, "development", SEALER.unseal)
    assert channels["inbox"].id == "0b1e8a3c-6f0e-4a53-9d6e-3b0f6a1f7a10"
    assert "in-app" not in channels
    email = channels["email"]
    assert (email.provider, email.is_sandbox, email.settings["port"]) == ("smtp", True, 1025)
    assert email.settings["password"] == "canary"


@pytest.mark.req("R-48")
def test_no_secret_of_the_file_is_readable_in_the_data_file(
    database: Database, tmp_path: Path
) -> None:
    apply(database, tmp_path, FILE)
    stored = str(dump(database))
    for secret in ("canary", "correct horse", "sk_test_fixed", "knock_st_fixed"):
        assert secret not in stored


def test_applying_the_same_file_again_changes_nothing_but_fresh_seals(
    database: Database, tmp_path: Path
) -> None:
    apply(database, tmp_path, FILE)
    before = dump(database)
    apply(database, tmp_path, FILE, days=1)
    after = dump(database)
    changed = {name for name in before if before[name] != after[name]}
    assert changed <= {"variables", "channel_settings"}


def test_what_is_not_declared_any_more_stays(database: Database, tmp_path: Path) -> None:
    apply(database, tmp_path, FILE)
    apply(database, tmp_path, "", days=1)
    sql = database.read()
    assert api_keys.lookup(sql, b"sk_test_fixed") is not None
    assert "email" in channels_for(sql, "development", None)
    assert members.member_by_email(sql, "admin@example.com") is not None


def test_a_name_changed_by_hand_stays_where_the_file_says_nothing(
    database: Database, tmp_path: Path
) -> None:
    apply(database, tmp_path, '[account]\ntimezone = "Etc/UTC"\n')
    with database.transaction() as tx:
        put_account(tx, name="By hand", timezone=None, now=NOW)
    apply(database, tmp_path, '[account]\ntimezone = "Etc/UTC"\n')
    account = get_account(database.read())
    assert account is not None
    assert account.name == "By hand"


def test_a_changed_password_is_taken_over(database: Database, tmp_path: Path) -> None:
    from app.auth.passwords import verify_password

    apply(database, tmp_path, FILE)
    apply(database, tmp_path, FILE.replace("correct horse", "another horse"))
    member = members.member_by_email(database.read(), "admin@example.com")
    assert member is not None
    assert verify_password(member.password_hash, "another horse battery staple")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[acount]\n", "acount: there is no such field; docs/reference/bootstrap.md lists all"),
        ('users = "ann"\n', "users: expected an array"),
        ('[[channels]]\ntype = "email"\n', "channels.0.key: this field is missing"),
        ("x = \n", "not valid TOML"),
        ('[account]\ntimezone = "Mars/Base"\n', "Mars/Base"),
        ('[[users]]\nemail = "a@b"\n', "either password or password_hash"),
        ('[[users]]\nemail = "a@b"\npassword_hash = "x"\n', "not an Argon2id hash"),
        ('[[channels]]\nkey = "x"\ntype = "pigeon"\n', "pigeon"),
        ('[[channels]]\nkey = "x"\ntype = "email"\nprovider = "pigeon"\n', "no provider pigeon"),
        ('[[environments]]\nkey = "v1"\n', "beginning of an address"),
        ('import = ["./missing"]\n', "missing is not a folder"),
        (
            '[[channels]]\nkey = "x"\ntype = "sms"\n[channels.environments.mars]\nsandbox = true\n',
            "environment mars, which does not exist",
        ),
        (
            '[[channels]]\nkey = "email"\ntype = "email"\n'
            'id = "0b1e8a3c-6f0e-4a53-9d6e-3b0f6a1f7a10"\n',
            "an id cannot change",
        ),
    ],
)
def test_a_faulty_file_is_named_and_nothing_of_it_applied(
    database: Database, tmp_path: Path, text: str, said: str
) -> None:
    prepare(database, SEALER, NOW, RandomIds(), None)
    before = dump(database)
    with pytest.raises(TocsinError, match=re.escape(said)):
        apply(database, tmp_path, text + '[[environments]]\nkey = "extra"\n')
    assert dump(database) == before


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BootstrapError, match="cannot be read"):
        read_declaration(tmp_path / "none.toml")


def test_a_project_folder_is_imported_when_its_content_changed(
    database: Database, tmp_path: Path
) -> None:
    from storage.definitions import current_number

    workflow = tmp_path / "notifications" / "workflows" / "hello" / "workflow.json"
    workflow.parent.mkdir(parents=True)
    workflow.write_text('{"name": "Hello", "steps": []}')
    text = 'import = ["./notifications"]\n'
    assert "1 created, 1 committed" in apply(database, tmp_path, text).notes[0]
    assert apply(database, tmp_path, text, days=1).notes == []
    workflow.write_text('{"name": "Hello again", "steps": []}')
    assert "1 updated, 1 committed" in apply(database, tmp_path, text, days=2).notes[0]
    current = current_number(database.read(), "development", "hello")
    assert current is not None
    assert current.number == 2
