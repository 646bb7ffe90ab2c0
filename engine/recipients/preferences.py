"""Read preference sets as they apply, and write them by the endpoints' rules."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Final

from engine.preferences.merge import layered
from engine.recipients.preference_sets import PreferenceChange, apply_change
from storage import preferences, recipients
from storage.records import TENANTS, JsonObject, Recipient, RecipientRef
from storage.sql import Sql
from storage.tx import Tx

DEFAULT: Final = "default"


def effective_set(
    sql: Sql, environment: str, ref: RecipientRef, set_id: str, tenant: str | None = None
) -> JsonObject:
    """Return one set over its tenant's and the environment's defaults (E-147).

    `tenant` names the tenant under a `default` set; any other set is its
    tenant's by name. Without a stored set the defaults are the answer.
    """
    owner = set_id if set_id != DEFAULT else tenant
    lower = tenant_defaults(sql, environment, [owner]).get(owner) if owner else None
    stored = preferences.get(sql, environment, ref, set_id)
    return layered(stored, lower, preferences.environment_defaults(sql, environment))


def effective_sets(
    sql: Sql, environment: str, refs: Collection[RecipientRef]
) -> dict[RecipientRef, dict[str, JsonObject]]:
    """Return all stored sets of these recipients, each over its defaults."""
    stored = preferences.get_many(sql, environment, refs)
    names = {set_id for sets in stored.values() for set_id in sets} - {DEFAULT}
    lower = tenant_defaults(sql, environment, names)
    base = preferences.environment_defaults(sql, environment)
    return {
        ref: {set_id: layered(held, lower.get(set_id), base) for set_id, held in sets.items()}
        for ref, sets in stored.items()
    }


def tenant_defaults(sql: Sql, environment: str, tenants: Collection[str]) -> dict[str, JsonObject]:
    """Return the default sets of those tenants that have one."""
    refs = [RecipientRef(TENANTS, tenant) for tenant in tenants]
    found = {
        ref.id: tenant_set(r) for ref, r in recipients.get_many(sql, environment, refs).items()
    }
    return {id: held for id, held in found.items() if held}


def tenant_set(tenant: Recipient) -> JsonObject | None:
    """Return the default set that a tenant's settings hold."""
    settings = tenant.properties.get("settings")
    held = settings.get("preference_set") if isinstance(settings, dict) else None
    return held if isinstance(held, dict) else None


def set_preferences(
    tx: Tx,
    environment: str,
    ref: RecipientRef,
    set_id: str,
    change: PreferenceChange,
    now: datetime,
) -> None:
    """Replace a set, or merge into it if the change asks for that; creates the recipient."""
    edit_preferences(
        tx, environment, ref, set_id, lambda held: apply_change(held, change, "replace"), now
    )


def edit_preferences(
    tx: Tx,
    environment: str,
    ref: RecipientRef,
    set_id: str,
    edit: Callable[[JsonObject], JsonObject],
    now: datetime,
) -> None:
    """Store what `edit` makes of the stored set; creates the recipient."""
    held = preferences.get(tx, environment, ref, set_id)
    recipients.ensure(tx, environment, ref, now)
    preferences.put_many(tx, environment, [(ref, set_id, edit(held or {}))], now)
