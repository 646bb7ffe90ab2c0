"""Seed a folder that shows what Tocsin does, and say how to use it."""

from __future__ import annotations

import os
import secrets
import shutil
import sys
from datetime import datetime
from pathlib import Path
from typing import Final

import orjson
import typer
from rich.panel import Panel

from app.auth.passwords import hash_password
from app.bootstrap import Prepared
from app.clock import open_clock
from app.commands.context import out
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
ONCE_ONLY: Final = "It welcomes each person once: another time, name chloe, dev or eva."


def seed(settings: Settings) -> None:
    """Bring samples, people and a sign-in into the folder; what is there stays."""
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


def show(settings: Settings, prepared: Prepared) -> None:
    """Print where to look, how to sign in and what to try."""
    folder = data_folder(settings)
    facts = read_facts(folder)
    lines = [
        f"Dashboard   {settings.public_url}",
        f"Sign in     {facts['email']}  {facts['password']}",
        f"Public key  {facts['public_key']}",
        "",
        "Send something (nothing leaves this machine; it lands in the inbox):",
        "",
    ]
    for note in prepared.notes:
        out.print(note, markup=False)
    out.print(Panel.fit("\n".join(lines[:3]), title="Tocsin demo", border_style="cyan"))
    out.print("\n".join(lines[4:]), markup=False)
    # Outside the panel and unwrapped, so that it can be pasted as it is.
    typer.echo(_curl(settings, folder))
    typer.echo("")
    typer.echo(ONCE_ONLY)
    typer.echo(f"Look at it with  {_program()} inbox --data {folder.path}")
    typer.echo("Stop with Ctrl-C; what is there stays.")
    typer.echo(f"ready {settings.public_url}")
    sys.stdout.flush()


def _program() -> str:
    """Name the command as it can be typed here: a virtual environment need not be active."""
    if shutil.which("tocsin"):
        return "tocsin"
    program = Path(sys.argv[0])
    return os.path.relpath(program) if program.name == "tocsin" else "tocsin"


def _curl(settings: Settings, folder: DataFolder) -> str:
    database = Database(folder.database)
    try:
        keys = [record.key for record in list_workflows(database.read(), ENVIRONMENT)]
    finally:
        database.close()
    key = next((key for key in FIRST_CHOICES if key in keys), keys[0] if keys else "welcome")
    return (
        f"curl -X POST {settings.public_url}/v1/workflows/{key}/trigger \\\n"
        f"  -H 'Authorization: Bearer {read_local_keys(folder)[ENVIRONMENT]}' \\\n"
        "  -H 'Content-Type: application/json' \\\n"
        """  -d '{"recipients": ["ann", "ben"], "actor": "eva", "data": {"text": "Hello"}}'"""
    )
