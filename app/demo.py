"""Seed a folder that shows what Tocsin does; `app.demo_words` says how to use it."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Final

import orjson

from app.auth.passwords import hash_password
from app.clock import open_clock
from app.folder import DataFolder
from app.imports import import_changed
from app.local_keys import read_local_keys
from app.samples import SAMPLES, put_people, send_first
from app.settings import Settings
from app.start import data_folder
from storage.api_keys import KeyKind, create
from storage.db import Database
from storage.definitions import list_workflows
from storage.ids import RandomIds
from storage.members import Role, member_by_email, put_member
from storage.secrets import write_private

FACTS: Final = "demo.json"
ENVIRONMENT: Final = "development"
EMAIL: Final = "demo@example.com"
FIRST_CHOICES: Final = ("welcome", "new-comment")


def seed(settings: Settings) -> dict[str, str]:
    """Bring samples, people and a sign-in into the folder; what is there stays.

    Returns how to sign in, and what to try with which key.
    """
    folder = data_folder(settings)
    database = Database(folder.database)
    try:
        now = open_clock(database, settings.clock_rate).now()
        with database.transaction() as tx:
            import_changed(tx, [SAMPLES], ENVIRONMENT, now, RandomIds())
        facts = read_facts(folder)
        if not facts:
            facts = {"email": EMAIL, "password": f"demo-{secrets.token_hex(6)}"}
            facts["public_key"] = f"pk_demo_{secrets.token_urlsafe(24)}"
            _seed_once(database, facts, now)
            write_private(folder.path / FACTS, orjson.dumps(facts).decode())
        key = read_local_keys(folder)[ENVIRONMENT]
        return {**facts, "workflow": _to_try(database), "secret_key": key}
    finally:
        database.close()


def read_facts(folder: DataFolder) -> dict[str, str]:
    """Give the sign-in and the key that the folder was seeded with; empty before."""
    try:
        found: dict[str, str] = orjson.loads((folder.path / FACTS).read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return {}
    return found


def _seed_once(database: Database, facts: dict[str, str], now: datetime) -> None:
    hash_ = hash_password(facts["password"])
    with database.transaction() as tx:
        if not member_by_email(tx, facts["email"]):
            put_member(
                tx, email=facts["email"], role=Role.OWNER, password_hash=hash_, now=now, name="Demo"
            )
        create(
            tx, environment=ENVIRONMENT, kind=KeyKind.PUBLIC, name="demo", now=now,
            plain=facts["public_key"],
        )  # fmt: skip
        put_people(tx, ENVIRONMENT, now)
        send_first(tx, ENVIRONMENT, now)


def _to_try(database: Database) -> str:
    keys = [record.key for record in list_workflows(database.read(), ENVIRONMENT)]
    return next((key for key in FIRST_CHOICES if key in keys), keys[0] if keys else "welcome")
