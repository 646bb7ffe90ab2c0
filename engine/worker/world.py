"""Read what an environment looks like now: channels, variables, zone (never versioned)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
import structlog

from engine.workflow.kinds import EnvironmentView
from storage.channels import Unseal, channels_for, settings_row
from storage.environments import get_account, list_variables
from storage.secrets import SealBroken
from storage.sql import Sql

log = structlog.get_logger(__name__)


def decode_variable(text: str) -> Any:
    """Parse a variable's text as JSON; what is not JSON stays text (engine E-44)."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def environment_view(
    sql: Sql, key: str, unseal: Unseal, *, allow_private_network: bool = False
) -> EnvironmentView:
    """Return the environment as runs see it; a saved setting is live at once.

    Raises:
        SealBroken: a secret variable does not open; its runs had better wait.
    """
    account = get_account(sql)
    variables = list_variables(sql, key, unseal)
    return EnvironmentView(
        key=key,
        channels=channels_for(sql, key, _Opener(unseal).open),
        variables={v.key: decode_variable(v.value) for v in variables},
        timezone=account.timezone if account else "Etc/UTC",
        allow_private_network=allow_private_network,
        secrets=tuple(v.value for v in variables if v.is_secret),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """What sending needs: settings by channel id, channels whose secrets do not open.

    `secrets` are the values of secret variables, to be masked in logs.
    """

    settings: dict[str, Mapping[str, Any]]
    sealed: frozenset[str]
    secrets: tuple[str, ...]


def outgoing(sql: Sql, key: str, unseal: Unseal) -> Outgoing:
    """Return the environment as sends see it; one broken seal harms one channel only."""
    opener = _Opener(unseal)
    channels = channels_for(sql, key, opener.open).values()
    return Outgoing(
        settings={c.id: c.settings for c in channels},
        sealed=frozenset(c.id for c in channels if settings_row(c.id, key) in opener.broken),
        secrets=secret_variables(sql, key, opener.open),
    )


def secret_variables(sql: Sql, key: str, unseal: Unseal) -> tuple[str, ...]:
    """Return the values that no log may show (R-33)."""
    variables = list_variables(sql, key, _Opener(unseal).open)
    return tuple(v.value for v in variables if v.is_secret)


class _Opener:
    """Open what opens and remember the rows that do not; these count as empty."""

    def __init__(self, unseal: Unseal) -> None:
        self._unseal = unseal
        self.broken: set[str] = set()

    def open(self, sealed: bytes, row: str) -> Any:
        try:
            return self._unseal(sealed, row)
        except SealBroken as error:
            self.broken.add(row)
            log.error("seal.broken", row=row, error=error.message)
            return {}
