"""What the API's tests start from: environments, keys, channels."""

from __future__ import annotations

from datetime import UTC, datetime

from storage import api_keys
from storage.api_keys import KeyKind
from storage.tx import Tx

NOW = datetime(2026, 5, 4, 10, 0, tzinfo=UTC)
EMAIL_CHANNEL = "11111111-1111-4111-8111-111111111111"
PUSH_CHANNEL = "22222222-2222-4222-8222-222222222222"
CHAT_CHANNEL = "33333333-3333-4333-8333-333333333333"
CHANNELS = (
    (EMAIL_CHANNEL, "mail", "email", "smtp"),
    (PUSH_CHANNEL, "apns", "push", "apns"),
    (CHAT_CHANNEL, "slack", "chat", "slack"),
)


def seed(tx: Tx) -> None:
    """Add two environments, a secret and a public key in each, and three channels."""
    for position, environment in enumerate(("development", "production")):
        tx.run(
            "INSERT INTO environments (key, name, position, inserted_at) VALUES (?, ?, ?, 0)",
            (environment, environment.title(), position),
        )
        for kind, prefix in ((KeyKind.SECRET, "sk"), (KeyKind.PUBLIC, "pk")):
            key = f"{prefix}_{environment}"
            api_keys.create(
                tx, environment=environment, kind=kind, name=kind.value, now=NOW, plain=key
            )
    for id, key, type, provider in CHANNELS:
        tx.run(
            "INSERT INTO channels (id, key, name, type, provider, inserted_at, updated_at)"
            " VALUES (?, ?, ?, ?, ?, 0, 0)",
            (id, key, key, type, provider),
        )
