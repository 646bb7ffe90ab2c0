"""Read every setting once, from `TOCSIN_*` variables and an optional TOML file."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from storage.errors import TocsinError

PREFIX: Final = "TOCSIN_"
# Read outside this module: fault injection, and what the command line sends with.
OTHER_VARIABLES: Final = frozenset(
    {"TOCSIN_CONFIG", "TOCSIN_FAULT", "TOCSIN_KEY", "TOCSIN_URL", "TOCSIN_CHROMIUM"}
    | {"TOCSIN_REQUIRE_BROWSER"}
)


class SettingsError(TocsinError):
    """A setting is unknown or has a value that it cannot have."""

    code = "settings_invalid"


class Settings(BaseModel):
    """What an operator may choose; frozen, handed to whoever needs a part of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: Path = Field(
        default=Path("data"), description="Folder of the database, the master key and the backups"
    )
    host: str = Field(default="127.0.0.1", description="Address to listen on")
    port: int = Field(default=8000, ge=0, le=65535, description="Port to listen on; 0 takes any")
    base_url: str | None = Field(
        default=None, description="Address that people see, when a proxy stands in front"
    )
    bootstrap: Path | None = Field(
        default=None, description="File that declares users, keys, channels and imports"
    )
    secret: SecretStr | None = Field(
        default=None, description="Master key; generated into the data folder if unset"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least important log line that is written"
    )
    log_format: Literal["auto", "json", "text"] = Field(
        default="auto", description="auto: text on a terminal, JSON elsewhere"
    )
    log_recipient_data: bool = Field(
        default=False, description="Let logs hold names and addresses of recipients"
    )
    single_process: bool = Field(
        default=False, description="Serve and execute in one process, for tiny machines"
    )
    clock_rate: float = Field(
        default=1.0, gt=0, le=100_000, description="Run the engine's clock so many times as fast"
    )
    drain_seconds: float = Field(
        default=9.0, ge=0, le=60, description="How long work in hand may take after SIGTERM"
    )
    allowed_networks: tuple[str, ...] = Field(
        default=(), description="Private networks that workflows may call: 10.1.0.0/16, fd00::/8"
    )
    backup_every_hours: float = Field(
        default=24.0, ge=0, description="Pause between backups while serving; 0 takes none"
    )
    backup_keep: int = Field(default=7, ge=1, description="Newest backups that are kept")
    hang_seconds: float = Field(
        default=30.0, ge=2, description="Silence after which a process counts as hanging"
    )
    log_days: int = Field(
        default=30, ge=1, description="Days that logs, messages and ended runs are kept"
    )
    rate_limits: bool = Field(
        default=False, description="Refuse API requests above the documented rates with 429"
    )
    metrics_token: SecretStr | None = Field(
        default=None, description="Bearer token that /metrics asks for"
    )
    proxy_addresses: str = Field(
        default="127.0.0.1", description="Proxies whose X-Forwarded-* headers are believed"
    )

    @field_validator("allowed_networks", mode="before")
    @classmethod
    def _networks(cls, value: Any) -> Any:
        parts = value.split(",") if isinstance(value, str) else value
        return tuple(str(ip_network(str(part).strip())) for part in parts if str(part).strip())

    @field_validator("base_url")
    @classmethod
    def _absolute(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("http://", "https://")):
            raise ValueError("an address that starts with http:// or https:// was expected")
        return value.rstrip("/") if value else value

    @property
    def public_url(self) -> str:
        """Give the address that links and the ready line show."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.base_url or f"http://{host}:{self.port}"


def load_settings(**options: Any) -> Settings:
    """Read the settings; options that are not None win over variables, those over the file.

    Raises:
        SettingsError: names each faulty setting and where it was looked for.
    """
    given = _from_file() | _from_variables()
    given |= {name: value for name, value in options.items() if value is not None}
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        faults = "; ".join(_sentence(fault) for fault in error.errors(include_url=False))
        raise SettingsError(f"{faults}. See `tocsin settings` for all names.") from None


def _from_file() -> dict[str, Any]:
    file = os.environ.get("TOCSIN_CONFIG")
    if not file:
        return {}
    if not Path(file).is_file():
        raise SettingsError(f"TOCSIN_CONFIG names {file}, which is not a file.")
    try:
        return tomllib.loads(Path(file).read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} is not valid TOML: {error}.") from None


def _from_variables() -> dict[str, Any]:
    """Read our variables; an empty one counts as not set."""
    spelt = {name: os.environ.get(PREFIX + name.upper()) for name in Settings.model_fields}
    return {name: value for name, value in spelt.items() if value}


def _sentence(fault: Mapping[str, Any]) -> str:
    name = ".".join(map(str, fault["loc"]))
    if fault["type"] == "extra_forbidden":
        return f"there is no setting {name}"
    return f"setting {name} ({PREFIX}{name.upper()}): {fault['msg']}"


def unknown_variables(environ: Mapping[str, str]) -> list[str]:
    """Name the `TOCSIN_*` variables that nothing reads: misspelt, most likely."""
    known = {PREFIX + name.upper() for name in Settings.model_fields} | OTHER_VARIABLES
    return sorted(name for name in environ if name.startswith(PREFIX) and name not in known)


def as_environment(settings: Settings) -> dict[str, str]:
    """Spell the settings as variables, for a child process that must see the same."""
    spelt = {}
    for name in Settings.model_fields:
        value = getattr(settings, name)
        if value is None:
            continue
        if isinstance(value, SecretStr):
            value = value.get_secret_value()
        if isinstance(value, tuple):
            value = ",".join(value)
        spelt[PREFIX + name.upper()] = str(value)
    return spelt


def masked(settings: Settings) -> list[tuple[str, str, str]]:
    """Give variable, value and help of each setting; secrets show only that they are set."""
    rows = []
    for name, info in Settings.model_fields.items():
        value = getattr(settings, name)
        shown = "" if value is None else str(value)
        if isinstance(value, tuple):
            shown = ", ".join(value)
        rows.append((PREFIX + name.upper(), shown, info.description or ""))
    return rows
