"""The bootstrap file's form: what it may declare, checked before anything is written."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from storage.errors import TocsinError
from storage.members import Role

CHANNEL_TYPES = frozenset(
    {"email", "in_app", "in_app_feed", "in_app_guide", "sms", "push", "chat", "http"}
)


# What the first part of an address already means something else for.
RESERVED_KEYS = frozenset(
    {"v1", "ws", "providers", "integrations", "p", "t", "health", "metrics"}
    | {"login", "logout", "setup", "_nicegui", "_nicegui_ws"}
)


# What a fault says to somebody who knows TOML and not the library that checks.
_WORDS = {
    "extra_forbidden": "there is no such field; docs/reference/bootstrap.md lists all",
    "missing": "this field is missing",
    "tuple_type": "expected an array: [[name]] for tables, [...] for values",
    "model_type": "expected a table",
    "dict_type": "expected a table",
    "string_type": "expected a string",
}


class BootstrapError(TocsinError):
    """The bootstrap file cannot be applied."""

    code = "bootstrap_invalid"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class AccountPart(_Part):
    """`[account]`."""

    name: str | None = None
    timezone: str | None = None

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                ZoneInfo(value)
            except (ZoneInfoNotFoundError, ValueError):
                raise ValueError(
                    f"{value!r} is no time zone; expected one such as Europe/Berlin"
                ) from None
        return value


class UserPart(_Part):
    """`[[users]]`: a person who may sign in."""

    email: str = Field(min_length=3, pattern="@")
    password: str | None = None
    password_hash: str | None = None
    role: Role = Role.MEMBER
    name: str = ""

    @model_validator(mode="after")
    def _one_password(self) -> UserPart:
        if (self.password is None) == (self.password_hash is None):
            raise ValueError("give either password or password_hash")
        return self


class EnvironmentPart(_Part):
    """`[[environments]]`."""

    key: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    name: str | None = None
    secret_keys: tuple[str, ...] = ()
    public_keys: tuple[str, ...] = ()
    signing_keys: tuple[str, ...] = ()
    enhanced_security: bool | None = None
    variables: dict[str, str] = Field(default_factory=dict)
    secret_variables: dict[str, str] = Field(default_factory=dict)

    @field_validator("key")
    @classmethod
    def _not_reserved(cls, value: str) -> str:
        if value in RESERVED_KEYS:
            raise ValueError(f"{value!r} is the beginning of an address; choose another key")
        return value


class TokenPart(_Part):
    """`[[service_tokens]]`."""

    name: str
    token: str = Field(min_length=8)


class ChannelEnvironmentPart(_Part):
    """`[channels.environments.<key>]`."""

    provider: str | None = None
    sandbox: bool = False
    settings: dict[str, Any] = Field(default_factory=dict)
    conditions: dict[str, Any] | None = None


class ChannelPart(_Part):
    """`[[channels]]`."""

    id: UUID | None = None
    key: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")
    type: str
    name: str | None = None
    provider: str | None = None
    environments: dict[str, ChannelEnvironmentPart] = Field(default_factory=dict)

    @field_validator("type")
    @classmethod
    def _known_type(cls, value: str) -> str:
        if value not in CHANNEL_TYPES:
            raise ValueError(
                f"{value!r} is no channel type; those are {', '.join(sorted(CHANNEL_TYPES))}"
            )
        return value


class Declaration(_Part):
    """A whole bootstrap file."""

    imports: tuple[str, ...] = Field(default=(), alias="import")
    account: AccountPart = AccountPart()
    users: tuple[UserPart, ...] = ()
    environments: tuple[EnvironmentPart, ...] = ()
    service_tokens: tuple[TokenPart, ...] = ()
    channels: tuple[ChannelPart, ...] = ()


def read_declaration(path: Path) -> Declaration:
    """Read and check a bootstrap file.

    Raises:
        BootstrapError: names every fault with its place; values are not repeated.
    """
    try:
        with path.open("rb") as file:
            content = tomllib.load(file)
    except OSError as error:
        raise BootstrapError(
            f"The bootstrap file {path} cannot be read: {error.strerror}. "
            "Name another one with --bootstrap or TOCSIN_BOOTSTRAP."
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BootstrapError(f"The bootstrap file {path} is not valid TOML: {error}.") from None
    try:
        return Declaration.model_validate(content)
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc']))}: {_WORDS.get(fault['type'], fault['msg'])}"
            for fault in error.errors(include_input=False, include_url=False)
        )
        raise BootstrapError(f"The bootstrap file {path} has faults: {faults}.") from None
