"""Make the run that a recipient of a trigger starts with."""

from __future__ import annotations

from datetime import datetime

from storage.ids import run_id
from storage.records import JsonObject, RecipientRef, Run, RunPhase, RunStatus, Trigger


def seed_run(
    trigger: Trigger,
    recipient: RecipientRef,
    now: datetime,
    *,
    own_data: JsonObject | None = None,
    subscription: JsonObject | None = None,
    is_cancelled: bool = False,
) -> Run:
    """Return a ready run; `own_data` is the recipient's `$trigger_data` (E-5)."""
    state: JsonObject = {}
    if own_data:
        state["data"] = {**trigger.data, **own_data}
    if subscription is not None:
        state["subscription"] = subscription
    return Run(
        id=run_id(trigger.id, recipient.collection, recipient.id),
        environment=trigger.environment,
        trigger_id=trigger.id,
        workflow=trigger.workflow,
        version=trigger.version,
        recipient=recipient,
        tenant=trigger.tenant,
        status=RunStatus.CANCELLED if is_cancelled else RunStatus.QUEUED,
        phase=RunPhase.DONE if is_cancelled else RunPhase.READY,
        state=state,
        priority=trigger.priority,
        inserted_at=now,
        updated_at=now,
    )
