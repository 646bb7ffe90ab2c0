"""Store what calls say about recipients: a batch of upserts in few statements."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from engine.errors import InvalidInput, Problem
from engine.recipients.channel_data import normalise
from engine.recipients.preference_sets import apply_change
from engine.recipients.properties import check_size, deep_merge
from engine.recipients.references import Identity
from storage import channel_data, preferences, recipients
from storage.records import JsonObject, Recipient, RecipientRef
from storage.tx import Tx


def identify(
    tx: Tx, environment: str, identities: Sequence[Identity], now: datetime
) -> dict[RecipientRef, Recipient]:
    """Create each recipient or deep-merge into it; return them as they are now (E-4).

    One that occurs twice is merged in list order. Channel data replaces what
    is stored for its channel; preference sets are deep-merged. A recipient
    that does not change keeps its `updated_at`.

    Raises:
        InvalidInput: properties pass 256 kB, or channel data is wrong or names
            no channel. The caller's transaction then has to end.
    """
    if not identities:
        return {}
    refs = {identity.ref: None for identity in identities}
    stored = recipients.get_many(tx, environment, refs)
    found = dict(stored)
    for identity in identities:
        found[identity.ref] = _merged(found.get(identity.ref), environment, identity, now)
    changed = [r for ref, r in found.items() if r is not stored.get(ref)]
    for recipient in changed:
        check_size(recipient.properties, f"{recipient.ref.collection} {recipient.ref.id!r}")
    recipients.upsert_many(tx, changed)
    put_channel_data(
        tx, environment, [(i.ref, c, d) for i in identities for c, d in i.channel_data.items()], now
    )
    _merge_preferences(tx, environment, identities, now)
    return found


def put_channel_data(
    tx: Tx, environment: str, items: Sequence[tuple[RecipientRef, str, JsonObject]], now: datetime
) -> None:
    """Replace channel data; channels are named by id or key.

    Raises:
        InvalidInput: a channel does not exist, or its data has the wrong shape.
    """
    if not items:
        return
    channels = channel_data.find_channels(tx, environment, {name for _, name, _ in items})
    rows: dict[tuple[RecipientRef, str], JsonObject] = {}
    for ref, name, data in items:
        channel = channels.get(name)
        if channel is None:
            raise unknown_channel(name)
        shaped = normalise(channel.type, data, f"channel_data.{name}")
        if isinstance(shaped, Problem):
            raise InvalidInput(problems=[shaped])
        rows[ref, channel.id] = shaped
    channel_data.put_many(
        tx, environment, [(ref, id, data) for (ref, id), data in rows.items()], now
    )


def _merged(
    stored: Recipient | None, environment: str, identity: Identity, now: datetime
) -> Recipient:
    before = {} if stored is None else stored.properties
    properties = deep_merge(before, identity.properties)
    change = identity.tenant_preferences
    if change is not None:
        settings = dict(properties.get("settings") or {})
        held = settings.get("preference_set")
        settings["preference_set"] = apply_change(held, change, "merge")
        properties["settings"] = settings
    if stored is None:
        return Recipient(
            environment=environment,
            ref=identity.ref,
            properties=properties,
            inserted_at=now,
            updated_at=now,
        )
    if properties == before:
        return stored
    return replace(stored, properties=properties, updated_at=now)


def _merge_preferences(
    tx: Tx, environment: str, identities: Iterable[Identity], now: datetime
) -> None:
    changing = [identity for identity in identities if identity.preferences]
    if not changing:
        return
    stored = preferences.get_many(tx, environment, [identity.ref for identity in changing])
    sets: dict[tuple[RecipientRef, str], JsonObject] = {}
    for identity in changing:
        held: Mapping[str, JsonObject] = stored.get(identity.ref, {})
        for set_id, change in identity.preferences.items():
            before = sets.get((identity.ref, set_id), held.get(set_id))
            # Inline sets are merged whatever they ask for (E-148).
            content = deep_merge(before or {}, change.content)
            sets[identity.ref, set_id] = content
    preferences.put_many(
        tx, environment, [(ref, id, content) for (ref, id), content in sets.items()], now
    )


def unknown_channel(name: str) -> InvalidInput:
    """Make the error that names a channel which does not exist."""
    message = f"There is no channel {name!r}: name one by its id or key"
    problem = Problem(path=f"channel_data.{name}", message=message, rule="channel_invalid")
    return InvalidInput(message, [problem], code="channel_invalid")
