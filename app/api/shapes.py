"""Write recipients, subscriptions and what belongs to them as the API shows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from engine.recipients.preference_sets import KEYS
from engine.timing.instants import format_instant, parse_instant
from storage.records import JsonObject, Recipient, RecipientRef, Subscription

_USER_FIELDS: Final = ("name", "email", "phone_number", "avatar", "timezone")
_BRANDING: Final = tuple(
    f"{theme}{name}"
    for theme in ("", "dark_")
    for name in ("primary_color", "primary_color_contrast", "logo_url", "icon_url")
)
# Channel data names providers in another way than channels do.
_PROVIDERS: Final[Mapping[str, str]] = {
    "fcm": "push_fcm",
    "apns": "push_apns",
    "sns": "push_aws_sns",
    "aws_sns": "push_aws_sns",
    "expo": "push_expo",
    "onesignal": "push_one_signal",
    "one_signal": "push_one_signal",
    "slack": "chat_slack",
    "ms_teams": "chat_ms_teams",
    "teams": "chat_ms_teams",
    "discord": "chat_discord",
    "http": "http_knock_webhook",
    "webhook": "http_knock_webhook",
}
Sets = Mapping[str, JsonObject]


def user(record: Recipient, sets: Sets | None = None) -> JsonObject:
    """Write a user: custom properties at the top level."""
    return _add_preferences(
        {
            **dict.fromkeys(_USER_FIELDS),
            **record.properties,
            "__typename": "User",
            "id": record.ref.id,
            "created_at": _created_at(record),
            "updated_at": format_instant(record.updated_at),
        },
        sets,
    )


def object_(record: Recipient, sets: Sets | None = None) -> JsonObject:
    """Write an object, or a tenant as one: custom properties under `properties`."""
    return _add_preferences(
        {
            "__typename": "Object",
            "id": record.ref.id,
            "collection": record.ref.collection,
            "properties": {k: v for k, v in record.properties.items() if k != "created_at"},
            "created_at": _created_at(record),
            "updated_at": format_instant(record.updated_at),
        },
        sets,
    )


def recipient(record: Recipient, sets: Sets | None = None) -> JsonObject:
    """Write a user or an object, whichever it is."""
    return user(record, sets) if record.ref.is_user else object_(record, sets)


def tenant(record: Recipient, resolved: JsonObject | None = None) -> JsonObject:
    """Write a tenant; `resolved` is its preference set over the environment's."""
    held = record.properties.get("settings")
    settings: JsonObject = held if isinstance(held, dict) else {}
    branding = settings.get("branding")
    stored_set = resolved if resolved is not None else settings.get("preference_set")
    return {
        **record.properties,
        "__typename": "Tenant",
        "id": record.ref.id,
        "name": record.properties.get("name"),
        "settings": {
            **settings,
            "branding": {
                **dict.fromkeys(_BRANDING),
                **(branding if isinstance(branding, dict) else {}),
            },
            "preference_set": None if stored_set is None else preference_set("default", stored_set),
        },
    }


def preference_set(id: str, content: JsonObject) -> JsonObject:
    """Write a preference set: all of its parts, null where nothing is said."""
    return {"id": id, **{key: content.get(key) for key in KEYS}}


def channel_data(channel_id: str, type: str, provider: str | None, data: JsonObject) -> JsonObject:
    """Write a recipient's data for one channel."""
    name = provider or "unconfigured"
    return {
        "__typename": "ChannelData",
        "channel_id": channel_id,
        "provider": _PROVIDERS.get(name, f"{type}_{name}"),
        "data": data,
    }


def subscription(
    found: Subscription,
    records: Mapping[RecipientRef, Recipient],
    sets: Mapping[RecipientRef, Sets] | None = None,
) -> JsonObject:
    """Write a subscription with both ends in full; one never stored shows only its id."""
    ends = {ref: records.get(ref) or _stub(found, ref) for ref in (found.object, found.recipient)}
    return {
        "__typename": "Subscription",
        "object": object_(ends[found.object], _of(sets, found.object)),
        "recipient": recipient(ends[found.recipient], _of(sets, found.recipient)),
        "properties": found.properties,
        "inserted_at": format_instant(found.inserted_at),
        "updated_at": format_instant(found.updated_at),
    }


def _of(sets: Mapping[RecipientRef, Sets] | None, ref: RecipientRef) -> Sets | None:
    return None if sets is None else sets.get(ref, {})


def _stub(found: Subscription, ref: RecipientRef) -> Recipient:
    return Recipient(
        environment=found.environment,
        ref=ref,
        properties={},
        inserted_at=found.inserted_at,
        updated_at=found.inserted_at,
    )


def _add_preferences(body: JsonObject, sets: Sets | None) -> JsonObject:
    if sets is not None:
        body["preferences"] = {id: preference_set(id, content) for id, content in sets.items()}
    return body


def _created_at(record: Recipient) -> Any:
    # The caller's date, never ours: absent unless it was set.
    instant = parse_instant(record.properties.get("created_at"))
    return None if instant is None else format_instant(instant)
