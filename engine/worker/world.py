"""Read what an environment looks like now: channels, variables, zone (never versioned)."""

from __future__ import annotations

from typing import Any

import orjson

from engine.workflow.kinds import EnvironmentView
from storage.channels import Unseal, channels_for
from storage.environments import get_account, variables_for
from storage.sql import Sql


def decode_variable(text: str) -> Any:
    """Parse a variable's text as JSON; what is not JSON stays text (engine E-44)."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def environment_view(
    sql: Sql, key: str, unseal: Unseal, *, allow_private_network: bool = False
) -> EnvironmentView:
    """Return the environment as runs and sends see it; a saved setting is live at once."""
    account = get_account(sql)
    return EnvironmentView(
        key=key,
        channels=channels_for(sql, key, unseal),
        variables={k: decode_variable(v) for k, v in variables_for(sql, key, unseal).items()},
        timezone=account.timezone if account else "Etc/UTC",
        allow_private_network=allow_private_network,
    )
