"""Bring a data folder to what must exist: the defaults, then the bootstrap file.

Applied at every start. It declares and never deletes; what was changed by hand
since and is not declared stays as it is.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from app.declaration import (
    BootstrapError,
    ChannelPart,
    Declaration,
    EnvironmentPart,
    UserPart,
    read_declaration,
)
from app.prepared import Prepared as Prepared
from storage import channels, environments
from storage.api_keys import KeyKind, add_signing_key
from storage.api_keys import create as create_key
from storage.db import Database
from storage.ids import Ids
from storage.members import has_members, member_by_email, put_member
from storage.secrets import Sealer
from storage.service_tokens import create_service_token
from storage.tx import Tx

DEFAULT_ENVIRONMENTS: Final = ("development", "production")
IMPORT_INTO: Final = "development"
DEFAULT_CHANNELS: Final = (
    ("in-app", "in_app_feed"),
    ("email", "email"),
    ("sms", "sms"),
    ("push", "push"),
    ("chat", "chat"),
    ("webhook", "http"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaring:
    """What applying needs beside the transaction."""

    sealer: Sealer
    now: datetime
    ids: Ids


def prepare(
    database: Database, sealer: Sealer, now: datetime, ids: Ids, file: Path | None
) -> Prepared:
    """Create what is missing, apply the bootstrap file, open a set-up link if nobody is there.

    Raises:
        BootstrapError, ImportFailed, DefinitionError: the file or a folder that it
            imports is faulty; nothing of it was applied.
    """
    declaration = Declaration() if file is None else read_declaration(file)
    hashes = {user.email: _password_hash(database, user) for user in declaration.users}
    context = Declaring(sealer=sealer, now=now, ids=ids)
    prepared = Prepared()
    with database.transaction() as tx:
        _defaults(tx, context, declaration)
        _apply(tx, declaration, hashes, context)
        if not has_members(tx):
            from app.auth.sessions import create_setup_link

            prepared.setup_token = create_setup_link(tx, now)
        if file is not None and declaration.imports:
            from app.imports import import_changed

            folders = [file.parent / folder for folder in declaration.imports]
            prepared.notes += import_changed(tx, folders, IMPORT_INTO, now, ids)
    return prepared


def _defaults(tx: Tx, context: Declaring, declaration: Declaration) -> None:
    account, now = declaration.account, context.now
    environments.put_account(tx, name=account.name, timezone=account.timezone, now=now)
    if not environments.list_environments(tx):
        for key in DEFAULT_ENVIRONMENTS:
            environments.put_environment(tx, key, now)
    # A type that the file declares itself needs no default channel beside it.
    declared = {channel.type for channel in declaration.channels}
    if not channels.channels_for(tx, "", None, with_archived=True):
        for key, type_ in DEFAULT_CHANNELS:
            if type_ not in declared:
                channels.put_channel(tx, id=str(uuid.uuid4()), key=key, type=type_, now=now)


def _apply(
    tx: Tx, declaration: Declaration, hashes: dict[str, str | None], context: Declaring
) -> None:
    for environment in declaration.environments:
        _put_environment(tx, environment, context)
    for token in declaration.service_tokens:
        create_service_token(tx, token.name, context.now, plain=token.token)
    for user in declaration.users:
        hash_ = hashes[user.email]
        known = member_by_email(tx, user.email)
        if hash_ is None and known is not None:
            hash_ = known.password_hash
        if hash_ is not None and (
            known is None or known.password_hash != hash_ or known.role != user.role
        ):
            put_member(
                tx,
                email=user.email,
                role=user.role,
                password_hash=hash_,
                now=context.now,
                name=user.name,
            )
    known_environments = {e.key for e in environments.list_environments(tx)}
    for channel in declaration.channels:
        _put_channel(tx, channel, known_environments, context)


def _put_environment(tx: Tx, part: EnvironmentPart, context: Declaring) -> None:
    now = context.now
    environments.put_environment(
        tx, part.key, now, name=part.name, is_enhanced_security=part.enhanced_security
    )
    for kind, keys in ((KeyKind.SECRET, part.secret_keys), (KeyKind.PUBLIC, part.public_keys)):
        for number, key in enumerate(keys, 1):
            name = f"bootstrap {kind.value} {number}"
            create_key(tx, environment=part.key, kind=kind, name=name, now=now, plain=key)
    for key in part.signing_keys:
        add_signing_key(tx, part.key, key, now)
    for name, value in part.variables.items():
        environments.put_variable(tx, part.key, name, value, now)
    for name, value in part.secret_variables.items():
        environments.put_variable(tx, part.key, name, value, now, seal=context.sealer.seal)


def _put_channel(
    tx: Tx, part: ChannelPart, known_environments: Collection[str], context: Declaring
) -> None:
    secret_names(part.provider)
    wanted = str(part.id) if part.id else context.ids.uuid()
    found = channels.put_channel(
        tx, id=wanted, key=part.key, type=part.type, now=context.now, name=part.name,
        provider=part.provider,
    )  # fmt: skip
    if part.id and found != wanted:
        raise BootstrapError(
            f"Channel {part.key} already exists with the id {found}, and the bootstrap file "
            f"gives it {wanted}: an id cannot change. Take the id out of the file, or give the "
            "channel another key."
        )
    for environment, settings in part.environments.items():
        if environment not in known_environments:
            raise BootstrapError(
                f"Channel {part.key} has settings for the environment {environment}, which does "
                "not exist. Declare it under [[environments]]."
            )
        provider = settings.provider or part.provider
        channels.put_settings(
            tx, found, environment, settings.settings, context.now,
            secret_names=secret_names(provider), seal=context.sealer.seal,
            provider=settings.provider, is_sandbox=settings.sandbox,
            conditions=settings.conditions,
        )  # fmt: skip


def secret_names(provider: str | None) -> Collection[str]:
    """Name the settings of a provider that are sealed; of an unknown one, none."""
    if provider is None:
        return ()
    from engine.providers import base

    base.discover_providers()
    known = base.PROVIDERS.get(provider)
    if known is None:
        raise BootstrapError(
            f"There is no provider {provider}; known are {', '.join(sorted(base.PROVIDERS))}."
        )
    return base.secret_fields(known.Config)


def _password_hash(database: Database, user: UserPart) -> str | None:
    """Hash a declared password outside the transaction; None if it is the stored one."""
    from app.auth import passwords

    if user.password is None:
        if not passwords.is_password_hash(user.password_hash or ""):
            raise BootstrapError(f"The password_hash of {user.email} is not an Argon2id hash.")
        return user.password_hash
    known = member_by_email(database.read(), user.email)
    if known is not None and passwords.verify_password(known.password_hash, user.password):
        return None
    return passwords.hash_password(user.password)
