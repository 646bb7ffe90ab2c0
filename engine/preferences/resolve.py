"""Choose the sets that apply to a recipient in a run, and merge them (engine 6.3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from engine.preferences.merge import EffectiveSet, merge

DEFAULT: Final = "default"
RECIPIENT: Final = "recipient"
TENANT: Final = "tenant"
ENVIRONMENT: Final = "environment"
COMMERCIAL: Final = "commercial_subscribed"

PreferenceSet = Mapping[str, Any]


def resolve(
    own: Mapping[str, PreferenceSet],
    tenant: str | None,
    tenant_default: PreferenceSet | None,
    environment_default: PreferenceSet | None,
) -> EffectiveSet:
    """Merge what counts for one recipient; `own` are its stored sets by id.

    With a tenant that says anything, or of which the recipient says anything,
    the recipient's `default` set is not consulted (E-143, E-144); except for
    `commercial_subscribed`, which always comes from there or from the
    environment (E-149).
    """
    default, of_tenant = own.get(DEFAULT), own.get(tenant) if tenant is not None else None
    if tenant is not None and (_says(of_tenant) or _says(tenant_default)):
        found = merge(
            ((RECIPIENT, of_tenant), (TENANT, tenant_default), (ENVIRONMENT, environment_default))
        )
    else:
        found = merge(((RECIPIENT, default), (ENVIRONMENT, environment_default)))
    content, origins = dict(found.content), dict(found.origins)
    content.pop(COMMERCIAL, None)
    for layer, held in ((ENVIRONMENT, environment_default), (RECIPIENT, default)):
        if held and held.get(COMMERCIAL) is not None:
            content[COMMERCIAL], origins[COMMERCIAL] = held[COMMERCIAL], layer
    return EffectiveSet(content, origins)


def _says(held: PreferenceSet | None) -> bool:
    """Tell a set that says something from none and from an empty one."""
    return bool(held) and any(value is not None for value in (held or {}).values())
