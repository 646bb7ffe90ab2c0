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

from engine.errors import IdempotencyMismatch, InvalidInput, NotFound, Problem, RequestError
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
    Guard,
    JsonObject,
    RecipientRef,
    Run,
    Trigger,
    WorkflowStatus,
)
from storage.triggers import Kept
from storage.tx import Tx

KEY_LIFETIME: Final = timedelta(hours=24)
INLINE_RUNS: Final = 100
NORMAL_PRIORITY: Final = 5
_Listed = list[tuple[RecipientRef, JsonObject | None]]


@dataclass(slots=True, kw_only=True)  # not frozen: that doubles what making one costs
class TriggerCommand:
    """A checked trigger request; `body` is its parsed JSON, for comparing repeats.

    `id` is given where the trigger's id follows from what caused it.
    """

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
    id: str | None = None

    @property
    def references(self) -> tuple[Reference | None, ...]:
        """Give everybody that the command names."""
        return (*self.recipients, self.actor, self.tenant)


@dataclass(slots=True, kw_only=True)  # not frozen: that doubles what making one costs
class Accepted:
    """The answer; `replayed_from` is the first request's id when nothing ran anew."""

    workflow_run_id: str
    replayed_from: str | None = None


Outcome = Accepted | RequestError


@dataclass(slots=True)
class _Group:
    """What the commands of one transaction share, and what they come to."""

    now: datetime
    kept: dict[tuple[str, str], Kept]
    versions: dict[tuple[str, str], CurrentVersion] = field(default_factory=dict)
    triggers: list[Trigger] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)


class Acceptor:
    """Accept groups of commands; compiled schemas are kept between groups."""

    def __init__(self, ids: Ids) -> None:
        """Use `ids` for workflow run ids."""
        self._ids = ids
        self._schemas = Schemas()

    def accept(self, tx: Tx, command: TriggerCommand, now: datetime) -> Accepted:
        """Write one acceptance into the open transaction.

        Raises:
            NotFound, InvalidInput, IdempotencyMismatch: nothing was written.
        """
        (outcome,) = self.accept_all(tx, [command], now)
        if isinstance(outcome, RequestError):
            raise outcome
        return outcome

    def accept_all(
        self, tx: Tx, commands: Sequence[TriggerCommand], now: datetime
    ) -> list[Outcome]:
        """Write acceptances into the open transaction; answer each command in order.

        A command that is wrong is answered with its error; it has written
        nothing and its neighbours are not concerned.
        """
        group = _Group(now, _kept(tx, commands, now))
        outcomes: list[Outcome] = []
        for command in commands:
            try:
                outcomes.append(self._take(tx, command, group))
            except RequestError as error:
                outcomes.append(error)
        tx.insert_triggers(group.triggers)
        tx.insert_runs(group.runs)
        crash_point("after_accept_before_commit")
        return outcomes

    def _take(self, tx: Tx, command: TriggerCommand, group: _Group) -> Accepted:
        guard = _guard(command)
        kept = None if guard is None else group.kept.get((command.environment, guard.key))
        if guard is not None and kept is not None:
            if kept.body_hash != guard.body_hash:
                raise IdempotencyMismatch(
                    "This idempotency key was used before with other parameters; "
                    "send a new key for a new trigger."
                )
            return Accepted(workflow_run_id=kept.trigger_id, replayed_from=kept.request_id)
        version = _version_in(tx, command, group)
        listed = _listed(command.recipients)
        self._schemas.check(tx, command, version, [own for _, own in listed])
        identities = _identities(command)
        if identities:
            with tx.savepoint():
                identify(tx, command.environment, identities, group.now)
        trigger = self._trigger(tx, command, version, listed, guard, group.now)
        if trigger.pending is None:
            frequency = self._schemas.frequency(tx, command, version)
            runs = [seed_run(trigger, ref, group.now, own_data=own) for ref, own in listed]
            group.runs += without_slot_holders(tx, frequency, runs)
        group.triggers.append(trigger)
        if guard is not None:
            group.kept[command.environment, guard.key] = Kept(
                trigger.id, guard.body_hash, guard.request_id
            )
        return Accepted(workflow_run_id=trigger.id)

    def _trigger(
        self,
        tx: Tx,
        command: TriggerCommand,
        version: CurrentVersion,
        listed: _Listed,
        guard: Guard | None,
        now: datetime,
    ) -> Trigger:
        has_objects = command.fans_out and any(not ref.is_user for ref, _ in listed)
        is_large = len(listed) > INLINE_RUNS or has_objects
        pending = None
        if is_large:
            frequency = self._schemas.frequency(tx, command, version)
            pending = first_pending(listed, fans_out=command.fans_out, frequency=frequency)
        return Trigger(
            id=command.id or self._ids.ordered_uuid(now),
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
            guard=guard,
            inserted_at=now,
        )


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


def _version_in(tx: Tx, command: TriggerCommand, group: _Group) -> CurrentVersion:
    key = (command.environment, command.workflow)
    version = group.versions.get(key)
    if version is None:
        version = group.versions[key] = current(tx, *key)
    return version


def _kept(tx: Tx, commands: Sequence[TriggerCommand], now: datetime) -> dict[tuple[str, str], Kept]:
    keys: dict[str, list[str]] = {}
    for command in commands:
        if command.idempotency_key is not None:
            keys.setdefault(command.environment, []).append(command.idempotency_key)
    since = now - KEY_LIFETIME
    return {
        (environment, key): kept
        for environment, names in keys.items()
        for key, kept in tx.guarded(environment, names, since).items()
    }


def _guard(command: TriggerCommand) -> Guard | None:
    if command.idempotency_key is None:
        return None
    text = orjson.dumps([command.workflow, command.body], option=orjson.OPT_SORT_KEYS)
    digest = blake2b(text, digest_size=16).digest()
    return Guard(command.idempotency_key, digest, command.request_id)


def _listed(references: Sequence[Reference]) -> _Listed:
    """List each recipient once, in order; repeats merge, later values winning (E-14)."""
    found: dict[RecipientRef, JsonObject | None] = {}
    for reference in references:
        own = found.get(reference.ref)
        if reference.trigger_data:
            own = {**(own or {}), **reference.trigger_data}
        found[reference.ref] = own
    return list(found.items())


def _identities(command: TriggerCommand) -> list[Identity]:
    return [r.identity for r in command.references if r is not None and r.identity is not None]
