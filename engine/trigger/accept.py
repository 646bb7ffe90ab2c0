"""Accept triggers: one durable transaction for a group of requests (R-1).

Idempotency record, inline identifications, the pinned workflow version, the
trigger and (for few recipients) its runs are written together, before any
caller hears a 200. A command that is wrong writes nothing and disturbs no
neighbour.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any, Final

import orjson

from engine.errors import IdempotencyMismatch, InvalidInput, NotFound, Problem
from engine.recipients.identify import identify
from engine.recipients.references import Identity, Reference
from engine.trigger.fan_out import FAN_OUT_PRIORITY, first_pending
from engine.trigger.frequency import without_slot_holders
from engine.trigger.schema import Schemas
from engine.trigger.seed import seed_run
from storage import definitions
from storage.definitions import CurrentVersion
from storage.faults import crash_point
from storage.ids import Ids
from storage.records import (
    JsonObject,
    RecipientRef,
    Run,
    Trigger,
    WorkflowStatus,
)
from storage.tx import Tx

ENDPOINT: Final = "trigger"
KEY_LIFETIME: Final = timedelta(hours=24)
INLINE_RUNS: Final = 100
NORMAL_PRIORITY: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerCommand:
    """A checked trigger request; `body` is its parsed JSON, for comparing repeats."""

    environment: str
    workflow: str
    recipients: tuple[Reference, ...]
    actor: Reference | None = None
    tenant: Reference | None = None
    data: JsonObject = field(default_factory=dict)
    cancellation_key: str | None = None
    settings: JsonObject = field(default_factory=dict)
    idempotency_key: str | None = None
    body: Any = None
    request_id: str = ""
    source_type: str = "api"
    fans_out: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The answer; `replayed_from` is the first request's id when nothing ran anew."""

    workflow_run_id: str
    replayed_from: str | None = None


class Acceptor:
    """Accept groups of commands; compiled schemas are kept between groups."""

    def __init__(self, ids: Ids) -> None:
        """Use `ids` for workflow run ids."""
        self._ids = ids
        self._schemas = Schemas()

    def accept(self, tx: Tx, command: TriggerCommand, now: datetime) -> Accepted:
        """Write one acceptance into the open transaction.

        Raises:
            NotFound, InvalidInput, IdempotencyMismatch: undo this command's
                part of the transaction; its neighbours are not concerned.
        """
        digest = b""
        if command.idempotency_key is not None:
            digest = _digest(command)
            kept = tx.stored_answer(command.environment, ENDPOINT, command.idempotency_key, now)
            if kept is not None:
                if kept.body_hash != digest:
                    raise IdempotencyMismatch(
                        "This idempotency key was used before with other parameters; "
                        "send a new key for a new trigger."
                    )
                return Accepted(
                    workflow_run_id=kept.response["workflow_run_id"], replayed_from=kept.request_id
                )
        version = current(tx, command.environment, command.workflow)
        trigger, listed = self._prepare(tx, command, version, now)
        tx.insert_triggers([trigger])
        if trigger.pending is None:
            frequency = self._schemas.frequency(tx, command, version)
            tx.insert_runs(without_slot_holders(tx, frequency, _runs(trigger, listed, now)))
        if command.idempotency_key is not None:
            answer = {"workflow_run_id": trigger.id}
            tx.keep_answers(
                [
                    (
                        command.environment, ENDPOINT, command.idempotency_key, digest, answer,
                        command.request_id, now + KEY_LIFETIME,
                    )
                ]
            )  # fmt: skip
        crash_point("after_accept_before_commit")
        return Accepted(workflow_run_id=trigger.id)

    def _prepare(
        self, tx: Tx, command: TriggerCommand, version: CurrentVersion, now: datetime
    ) -> tuple[Trigger, list[tuple[RecipientRef, JsonObject | None]]]:
        listed = _listed(command.recipients)
        self._schemas.check(tx, command, version, [own for _, own in listed])
        identify(tx, command.environment, _identities(command), now)
        has_objects = command.fans_out and any(not ref.is_user for ref, _ in listed)
        is_large = len(listed) > INLINE_RUNS or has_objects
        pending = None
        if is_large:
            frequency = self._schemas.frequency(tx, command, version)
            pending = first_pending(listed, fans_out=command.fans_out, frequency=frequency)
        trigger = Trigger(
            id=self._ids.uuid(),
            environment=command.environment,
            workflow=command.workflow,
            version=version.number,
            version_id=version.id,
            source_type=command.source_type,
            data=command.data,
            actor=command.actor.ref if command.actor else None,
            tenant=command.tenant.ref.id if command.tenant else None,
            cancellation_key=command.cancellation_key,
            settings=command.settings,
            pending=pending,
            priority=FAN_OUT_PRIORITY if is_large else NORMAL_PRIORITY,
            inserted_at=now,
        )
        return trigger, listed


def current(tx: Tx, environment: str, workflow: str) -> CurrentVersion:
    """Return the committed version that triggers use now (engine E-7, E-8).

    Raises:
        NotFound: unknown, uncommitted or archived. InvalidInput: inactive.
    """
    version = definitions.current_number(tx, environment, workflow)
    if version is None or version.status is WorkflowStatus.ARCHIVED:
        raise NotFound(
            f"There is no committed workflow {workflow!r} in the environment {environment!r}.",
            code="workflow_missing",
        )
    if version.status is not WorkflowStatus.ACTIVE:
        raise InvalidInput(
            f"The workflow {workflow!r} is inactive in the environment {environment!r}.",
            [Problem(message="the workflow is inactive", path="key", rule="workflow_inactive")],
            code="workflow_inactive",
        )
    return version


def _digest(command: TriggerCommand) -> bytes:
    text = orjson.dumps([command.workflow, command.body], option=orjson.OPT_SORT_KEYS)
    return blake2b(text, digest_size=16).digest()


def _listed(references: Sequence[Reference]) -> list[tuple[RecipientRef, JsonObject | None]]:
    """List each recipient once, in order; repeats merge, later values winning (E-14)."""
    found: dict[RecipientRef, JsonObject | None] = {}
    for reference in references:
        own = found.get(reference.ref)
        if reference.trigger_data:
            own = {**(own or {}), **reference.trigger_data}
        found[reference.ref] = own
    return list(found.items())


def _identities(command: TriggerCommand) -> list[Identity]:
    found = (*command.recipients, command.actor, command.tenant)
    return [r.identity for r in found if r is not None and r.identity is not None]


def _runs(
    trigger: Trigger, listed: Sequence[tuple[RecipientRef, JsonObject | None]], now: datetime
) -> list[Run]:
    return [seed_run(trigger, ref, now, own_data=own) for ref, own in listed]
