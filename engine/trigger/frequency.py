"""Make no second run where a workflow runs once per recipient (engine E-22)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from storage.records import Run
from storage.tx import Tx

EVERY_TRIGGER: Final = "every_trigger"
PER_TENANT: Final = "once_per_recipient_per_tenant"


def slot_of(frequency: str, tenant: str | None) -> str:
    """Name the slot of a run; a tenant's and the one without a tenant never collide."""
    return f"tenant:{tenant}" if frequency == PER_TENANT and tenant is not None else ""


def without_slot_holders(tx: Tx, frequency: str, runs: Sequence[Run]) -> list[Run]:
    """Leave out the runs of one trigger whose recipients have had theirs.

    The slot itself is taken when a run passes its trigger conditions, so two
    triggers close to each other both get a run, of which one ends there.
    """
    if frequency == EVERY_TRIGGER or not runs:
        return list(runs)
    first = runs[0]
    taken = tx.slot_holders(
        first.environment,
        first.workflow,
        slot_of(frequency, first.tenant),
        [run.recipient for run in runs],
    )
    return [run for run in runs if run.recipient not in taken]
