"""Read everything a batch of passes may look at, in a handful of statements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine.timing.instants import format_instant
from storage import (
    channel_data,
    definitions,
    messages,
    preferences,
    recipients,
    triggers,
    windows,
)
from storage.records import (
    TENANTS,
    JsonObject,
    Recipient,
    RecipientRef,
    Run,
    RunBundle,
    Trigger,
    WorkflowStatus,
)
from storage.sql import Sql


def load(sql: Sql, runs: Sequence[Run], with_statuses: frozenset[str]) -> list[RunBundle]:
    """Return one bundle per run, in order; `with_statuses` names runs that need them.

    A run whose trigger or user has been deleted meanwhile is left out.
    """
    found = triggers.get_triggers(sql, list({run.trigger_id for run in runs}))
    activities = {run.id: _activities(sql, run) for run in runs if run.state.get("batch")}
    by_environment: dict[str, set[RecipientRef]] = {}
    people: dict[str, set[RecipientRef]] = {}
    owners: dict[str, set[RecipientRef]] = {}
    for run in runs:
        if run.trigger_id not in found:
            continue
        wanted = by_environment.setdefault(run.environment, set())
        wanted.update(_references(run, found[run.trigger_id], activities.get(run.id, ())))
        holders = people.setdefault(run.environment, set())
        holders.add(run.recipient)
        owners.setdefault(run.environment, set()).add(run.recipient)
        if run.tenant is not None:
            holders.add(RecipientRef(TENANTS, run.tenant))
    records = {e: recipients.get_many(sql, e, refs) for e, refs in by_environment.items()}
    data = {e: channel_data.get_many(sql, e, refs) for e, refs in people.items()}
    wishes = {e: preferences.get_many(sql, e, refs) for e, refs in owners.items()}
    defaults = {e: preferences.environment_defaults(sql, e) for e in owners}
    statuses = messages.briefs_of_runs(sql, [r.id for r in runs if r.id in with_statuses])
    active = _statuses(sql, runs)
    bundles = [
        _bundle(run, found[run.trigger_id], records, data, statuses, activities, active)
        for run in runs
        if run.trigger_id in found
    ]
    return _with_preferences(bundles, wishes, defaults)


def _with_preferences(
    bundles: list[RunBundle],
    sets: dict[str, dict[RecipientRef, dict[str, JsonObject]]],
    defaults: dict[str, JsonObject],
) -> list[RunBundle]:
    """Add preferences to the bundles, where anybody has said any."""
    if not any(sets.values()) and not any(defaults.values()):
        return bundles
    return [
        bundle._replace(
            preference_sets=sets[bundle.run.environment].get(bundle.run.recipient),
            default_preferences=defaults[bundle.run.environment],
        )
        for bundle in bundles
    ]


def _statuses(sql: Sql, runs: Sequence[Run]) -> dict[tuple[str, str], WorkflowStatus]:
    keys = {(run.environment, run.workflow) for run in runs}
    found: dict[tuple[str, str], WorkflowStatus] = {}
    for environment, key in keys:
        current = definitions.current_number(sql, environment, key)
        found[environment, key] = current.status if current else WorkflowStatus.ARCHIVED
    return found


def _activities(sql: Sql, run: Run) -> tuple[JsonObject, ...]:
    batch = run.state["batch"]
    rows = windows.rendered_activities(sql, batch["window_id"], batch["order"], batch["limit"])
    return tuple(
        {
            "id": row.id,
            "data": row.data,
            "actor": list(row.actor) if row.actor else None,
            "inserted_at": format_instant(row.inserted_at),
        }
        for row in rows
    )


def _references(run: Run, trigger: Trigger, activities: Sequence[JsonObject]) -> set[RecipientRef]:
    refs = {run.recipient}
    if trigger.actor is not None:
        refs.add(trigger.actor)
    if run.tenant is not None:
        refs.add(RecipientRef(TENANTS, run.tenant))
    subscription = run.state.get("subscription")
    if subscription:
        refs.add(RecipientRef(*subscription["object"]))
    batch = run.state.get("batch")
    if batch:
        refs.update(RecipientRef(*actor) for actor in batch["actors"])
        refs.update(RecipientRef(*a["actor"]) for a in activities if a["actor"])
    return refs


def _bundle(
    run: Run,
    trigger: Trigger,
    records: dict[str, dict[RecipientRef, Recipient]],
    data: dict[str, dict[RecipientRef, dict[str, JsonObject]]],
    statuses: dict[str, Any],
    activities: dict[str, tuple[JsonObject, ...]],
    active: dict[tuple[str, str], WorkflowStatus],
) -> RunBundle:
    of = data.get(run.environment, {})
    tenant = RecipientRef(TENANTS, run.tenant) if run.tenant is not None else None
    return RunBundle(
        run=run,
        trigger=trigger,
        workflow_status=active[run.environment, run.workflow],
        records=records.get(run.environment, {}),
        channel_data=of.get(run.recipient, {}),
        tenant_channel_data=of.get(tenant, {}) if tenant else {},
        messages=statuses.get(run.id, ()),
        activities=activities.get(run.id, ()),
    )
