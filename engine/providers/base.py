"""What a provider is: settings, a pure `build`, a pure `classify`.

A provider is one file in `engine/providers/`. `build` turns a message into
what is to be sent, `classify` reads the answer; the input and output between
them is `engine.net`'s, the loop around them `engine.providers.send`'s.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engine.errors import InvalidInput, Problem
from engine.net.exchange import HttpAnswer, HttpRequest, NetFailure, SmtpAnswer, SmtpMail
from engine.workflow.kinds import discover
from storage.records import JsonObject, Outbound

# ---------------------------------------------------------------- results


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider took the message; whether it arrives is not known."""

    external_id: str | None = None
    log: JsonObject | None = field(default=None, kw_only=True)


@dataclass(frozen=True, slots=True)
class Delivered:
    """The message has reached its receiver."""

    external_id: str | None = None
    log: JsonObject | None = field(default=None, kw_only=True)


@dataclass(frozen=True, slots=True)
class Retryable:
    """It may work later; `after` is the pause that the provider asked for."""

    reason: str
    after: timedelta | None = None
    log: JsonObject | None = field(default=None, kw_only=True)


@dataclass(frozen=True, slots=True)
class Rejected:
    """The provider will never take this message as it is."""

    reason: str
    log: JsonObject | None = field(default=None, kw_only=True)


@dataclass(frozen=True, slots=True)
class Bounced:
    """The address is dead; `token` names the device token to forget."""

    reason: str
    token: str | None = None
    log: JsonObject | None = field(default=None, kw_only=True)


SendResult = Accepted | Delivered | Retryable | Rejected | Bounced


@dataclass(frozen=True, slots=True)
class LocalDelivery:
    """Nothing leaves the process: the stored message is the delivery."""

    external_id: str | None = None


Sendable = HttpRequest | SmtpMail | LocalDelivery
Answer = HttpAnswer | SmtpAnswer | LocalDelivery | NetFailure


# ---------------------------------------------------------------- settings


class ProviderConfig(BaseModel):
    """Base of every provider's settings; fields of the channel itself pass unseen."""

    model_config = ConfigDict(frozen=True, extra="ignore")


def secret(default: Any = None, *, title: str, description: str = "") -> Any:
    """Declare a secret field: sealed at rest, obfuscated when read, masked in logs."""
    marks: JsonObject = {"secret": True}
    return Field(
        default=default, title=title, description=description, repr=False, json_schema_extra=marks
    )


def liquid_secret(*, title: str, description: str = "") -> Any:
    """Declare a secret that may be Liquid per message: `overrides` then hold the result."""
    marks: JsonObject = {"secret": True, "liquid": True}
    return Field(
        default=None, title=title, description=description, repr=False, json_schema_extra=marks
    )


def marked_fields(model: type[BaseModel], mark: str) -> tuple[str, ...]:
    """Name the fields that bear a mark."""
    return tuple(
        name
        for name, info in model.model_fields.items()
        if isinstance(info.json_schema_extra, Mapping) and info.json_schema_extra.get(mark)
    )


def secret_fields(model: type[BaseModel]) -> tuple[str, ...]:
    """Name the fields that are marked as secret."""
    return marked_fields(model, "secret")


def secret_values(config: BaseModel) -> tuple[str, ...]:
    """Give the secrets that a log of this channel must not show."""
    values = (getattr(config, name) for name in secret_fields(type(config)))
    return tuple(value for value in values if isinstance(value, str) and value)


_LIQUID: Final = re.compile(r"\{[{%].*[}%]\}", re.DOTALL)


def parse_config(provider: Provider[Any], settings: Mapping[str, Any]) -> ProviderConfig:
    """Read a channel's settings, or list what is wrong with them.

    The values themselves are never repeated: they may be secrets.

    Raises:
        InvalidInput: a field is missing or malformed, or a secret still holds
            Liquid, which would otherwise be sent as it stands.
    """
    try:
        config = provider.Config.model_validate(dict(settings))
    except ValidationError as error:
        problems = [
            Problem(message=fault["msg"], path=".".join(map(str, fault["loc"])))
            for fault in error.errors(include_input=False, include_url=False)
        ]
        names = ", ".join(sorted({problem.path for problem in problems}))
        raise InvalidInput(
            f"the settings of provider {provider.id} are not usable: check {names}", problems
        ) from None
    rendered_later = marked_fields(provider.Config, "liquid")
    for name in secret_fields(provider.Config):
        value = getattr(config, name)
        if name in rendered_later:
            continue
        if isinstance(value, str) and _LIQUID.search(value):
            message = f"{name} refers to a variable that was not filled in"
            raise InvalidInput(message, [Problem(message=message, path=name)])
    return config


# --------------------------------------------------------------- providers

C = TypeVar("C", bound=ProviderConfig)


class Provider(Generic[C]):
    """A service behind a channel; one shared instance, without state."""

    id: ClassVar[str]
    title: ClassVar[str]
    channel_types: ClassVar[frozenset[str]]
    Config: ClassVar[type[ProviderConfig]] = ProviderConfig

    def build(self, outbound: Outbound, config: C) -> Sendable | Rejected | Bounced:
        """Say what to send, or why this message cannot be; pure and without a clock."""
        raise NotImplementedError

    def stamp(
        self, request: HttpRequest, outbound: Outbound, config: C, now: datetime
    ) -> HttpRequest:
        """Add what depends on the instant of sending: a signature, for one."""
        return request

    def classify(self, answer: Answer) -> SendResult:
        """Read the answer; pure."""
        raise NotImplementedError


PROVIDERS: dict[str, Provider[Any]] = {}
_P = TypeVar("_P", bound=type[Provider[Any]])


def provider(id_: str, *, title: str, channel_types: Iterable[str]) -> Callable[[_P], _P]:
    """Register a provider class under its id."""

    def register(cls: _P) -> _P:
        known = PROVIDERS.get(id_)
        if known is not None and type(known).__qualname__ != cls.__qualname__:
            raise ValueError(f"provider {id_!r} is registered twice")
        cls.id, cls.title, cls.channel_types = id_, title, frozenset(channel_types)
        PROVIDERS[id_] = cls()
        return cls

    return register


def discover_providers() -> None:
    """Import every provider, so that `PROVIDERS` is complete; the composition root calls it."""
    discover(__package__ or "engine.providers")


# ---------------------------------------------------------------- answers


def classify_failure(failure: NetFailure) -> Retryable | Rejected:
    """Read a failure as most providers do: only a refused URL is final."""
    if failure.kind == "refused_url":
        return Rejected(failure.message)
    return Retryable(failure.message)


def unexpected(answer: Answer) -> Rejected:
    """Answer for an answer of a kind that this provider never asks for."""
    return Rejected(f"the provider cannot read an answer of kind {type(answer).__name__}")
