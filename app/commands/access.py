"""`keys` and `users`: who may call the API, and who may sign in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from app.commands.context import DataOption, EnvironmentOption, Failed, opened, out
from app.commands.project import require_environment
from app.folder import FolderLock
from app.settings import load_settings
from engine.timing.clock import SystemClock
from storage import api_keys, members, service_tokens
from storage.api_keys import KeyKind
from storage.environments import list_environments
from storage.members import Role
from storage.rotation import rotate_master

keys = typer.Typer(
    no_args_is_help=False,
    help="API keys and service tokens. Example: `tocsin keys create --name backend`",
)
users = typer.Typer(
    no_args_is_help=False,
    help="People who may sign in. Example: `tocsin users add ann@example.com --role admin`",
)
PasswordOption = Annotated[
    str,
    typer.Option(
        prompt=True, confirmation_prompt=True, hide_input=True, help="At least 12 characters"
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(keys, name="keys")
    app.add_typer(users, name="users")


@keys.callback(invoke_without_command=True)
def list_keys(context: typer.Context, data: DataOption = None) -> None:
    """List API keys and service tokens.

    Example: `tocsin keys --data ./data`
    """
    if context.invoked_subcommand is not None:
        return
    table = Table("id", "environment", "kind", "name", "key", "state", box=None, pad_edge=False)
    with opened(data) as (database, _):
        sql = database.read()
        for environment in list_environments(sql):
            for key in api_keys.list_keys(sql, environment.key):
                state = "revoked" if key.revoked_at else "live"
                shown = key.shown if key.kind is KeyKind.PUBLIC else f"{key.shown}…"
                table.add_row(key.id, key.environment, key.kind.value, key.name, shown, state)
        for token in service_tokens.list_service_tokens(sql):
            state = "revoked" if token.revoked_at else "live"
            table.add_row(token.id, "", "service", token.name, f"{token.shown}…", state)
    out.print(table)


@keys.command()
def create(
    kind: Annotated[KeyKind, typer.Option(help="secret: for servers; public: for browsers")] = (
        KeyKind.SECRET
    ),
    name: Annotated[str, typer.Option(help="What the key is for")] = "made by tocsin keys",
    environment: EnvironmentOption = "development",
    data: DataOption = None,
) -> None:
    """Make an API key and print it, for the only time.

    Example: `tocsin keys create --environment production --name backend`
    """
    with opened(data) as (database, _):
        require_environment(database.read(), environment)
        now = SystemClock().now()
        key = database.write(
            lambda tx: api_keys.create(tx, environment=environment, kind=kind, name=name, now=now)
        )
    typer.echo(key)


@keys.command()
def token(
    name: Annotated[str, typer.Argument(help="What the token is for")], data: DataOption = None
) -> None:
    """Make a service token for the management API and print it, for the only time.

    Example: `tocsin keys token ci`
    """
    with opened(data) as (database, _):
        now = SystemClock().now()
        made = database.write(lambda tx: service_tokens.create_service_token(tx, name, now))
    typer.echo(made)


@keys.command()
def revoke(
    id: Annotated[str, typer.Argument(help="Id from `tocsin keys`")], data: DataOption = None
) -> None:
    """End a key or token at once.

    Example: `tocsin keys revoke 0b1e8a3c-6f0e-4a53-9d6e-3b0f6a1f7a10`
    """
    with opened(data) as (database, _), database.transaction() as tx:
        now = SystemClock().now()
        environments = [e.key for e in list_environments(tx)]
        is_done = any(api_keys.revoke(tx, key, id, now) for key in environments)
        if not is_done and not service_tokens.revoke_service_token(tx, id, now):
            raise Failed(f"There is no live key with the id {id}; `tocsin keys` lists all.")
    out.print("Revoked.")


@keys.command("rotate-master")
def rotate_master_key(data: DataOption = None) -> None:
    """Make a new master key for a stopped data folder and seal every secret under it.

    Backups taken before still need the old key.

    Example: `tocsin keys rotate-master --data ./data`
    """
    if load_settings(data=data).secret is not None:
        raise Failed(
            "The master key comes from TOCSIN_SECRET: unset it for this command, then set it to "
            "the content of the new master.key."
        )
    with opened(data) as (database, folder):
        lock = FolderLock(folder)
        try:
            count = rotate_master(database, folder.path)
        finally:
            lock.release()
    out.print(f"{count} secrets are sealed under the new key. Keep a copy of it elsewhere.")


@users.callback(invoke_without_command=True)
def list_users(context: typer.Context, data: DataOption = None) -> None:
    """List who may sign in.

    Example: `tocsin users`
    """
    if context.invoked_subcommand is not None:
        return
    table = Table("email", "name", "role", "since", box=None, pad_edge=False)
    with opened(data) as (database, _):
        for member in members.list_members(database.read()):
            since = f"{member.inserted_at:%Y-%m-%d}"
            table.add_row(member.email, member.name, member.role.value, since)
    out.print(table)


@users.command()
def add(
    email: Annotated[str, typer.Argument(help="Address to sign in with")],
    password: PasswordOption,
    role: Annotated[Role, typer.Option(help="What they may do")] = Role.MEMBER,
    name: Annotated[str, typer.Option(help="Their name")] = "",
    data: DataOption = None,
) -> None:
    """Let somebody sign in, or change their role and password.

    Example: `tocsin users add ann@example.com --role admin`
    """
    before, at, host = email.partition("@")
    if not (before and at and host) or any(character.isspace() for character in email):
        raise Failed(f"{email} is no e-mail address; expected one such as ann@example.com.")
    _put(data, email, password, role, name)
    out.print(f"{email} may sign in as {role.value}.")


@users.command()
def password(
    email: Annotated[str, typer.Argument(help="Their address")],
    password: PasswordOption,
    data: DataOption = None,
) -> None:
    """Give somebody a new password; their sessions end.

    Example: `tocsin users password ann@example.com`
    """
    _put(data, email, password, None, "")
    out.print(f"{email} has a new password.")


def _put(data: Path | None, email: str, password: str, role: Role | None, name: str) -> None:
    from app.auth.passwords import hash_password, require_good

    require_good(password, email)
    hash_ = hash_password(password)
    with opened(data) as (database, _), database.transaction() as tx:
        known = members.member_by_email(tx, email)
        if role is None and known is None:
            raise Failed(f"Nobody signs in as {email}; `tocsin users` lists who does.")
        chosen = role or (known.role if known else Role.MEMBER)
        now = SystemClock().now()
        members.put_member(tx, email=email, role=chosen, password_hash=hash_, now=now, name=name)
