"""Forget device tokens that a provider calls dead (engine E-107)."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from storage import channel_data
from storage.records import JsonObject, Outbound
from storage.tx import Tx

_LISTS: Final = ("tokens", "target_arns", "player_ids")
_NAMES: Final = ("token", "target_arn")


def forget_token(tx: Tx, outbound: Outbound, token: str, now: datetime) -> bool:
    """Take a token out of the recipient's channel data; tell whether it was there.

    Data that was set after the message was made is left alone: the token may
    have been registered anew since.
    """
    key = (outbound.environment, outbound.recipient, outbound.channel_id)
    changed_at = channel_data.changed_at(tx, *key)
    if changed_at is None or changed_at > outbound.first_attempt_at:
        return False
    stored = channel_data.get(tx, *key) or {}
    left = _without(stored, token)
    if left == stored:
        return False
    row = (outbound.recipient, outbound.channel_id, left)
    channel_data.put_many(tx, outbound.environment, [row], now)
    return True


def _without(data: JsonObject, token: str) -> JsonObject:
    """Leave out one token in both views of the devices."""
    left = dict(data)
    for name in _LISTS:
        if isinstance(data.get(name), list):
            left[name] = [item for item in data[name] if item != token]
    if isinstance(data.get("devices"), list):
        left["devices"] = [item for item in data["devices"] if not _is(item, token)]
    return left


def _is(device: Any, token: str) -> bool:
    return isinstance(device, dict) and any(device.get(name) == token for name in _NAMES)
