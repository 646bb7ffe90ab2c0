"""Write what steps want beside their run: updated recipients, workflows they start.

The answer is stored with the run and resumes the step, so each pass that goes
on has read what was written. Whatever is refused leaves nothing behind.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Any, Final

from engine.conditions.values import shortened
from engine.errors import InvalidInput, RequestError
from engine.recipients.identify import identify
from engine.recipients.references import (
    Identity,
    Reference,
    parse_identity,
    parse_reference,
    parse_references,
    parse_tenant,
)
from engine.runs.effects import Effects
from engine.steps.recipient_update import faults_of
from engine.steps.trigger_workflow import LEVEL, MOST_RECIPIENTS
from engine.trigger.accept import Accepted, Acceptor, TriggerCommand
from engine.trigger.accept import Outcome as Answer
from engine.workflow.kinds import Start, Update
from storage import preferences, recipients
from storage.ids import RandomIds, encode_uuid
from storage.records import JsonObject, RunPhase
from storage.runs import RunChange
from storage.tx import Tx

# What a call asked for that holds for the workflows which it leads to as well.
_HANDED_ON: Final = ("sandbox_mode", "skip_delay")
_UNAVAILABLE: Final = frozenset({"workflow_missing", "workflow_inactive"})


def write_beside(tx: Tx, wanted: Sequence[Effects], now: datetime) -> list[RunChange]:
    """Write for each of these passes, in order; return their changes with the answers."""
    answers: dict[str, JsonObject] = {}
    commands: dict[str, TriggerCommand] = {}
    for effects in wanted:
        run, write = effects.change.run, effects.write
        if isinstance(write, Update):
            answers[run.id] = _update(tx, run.environment, write, now)
        elif write is not None:
            commands[run.id] = _command(effects, write)
    if commands:
        # Ids are given; one acceptor for all, so that a schema is read once.
        outcomes = Acceptor(RandomIds()).accept_all(tx, list(commands.values()), now)
        for (id_, command), outcome in zip(commands.items(), outcomes, strict=True):
            answers[id_] = _started(command, outcome)
    return [
        effects.change._replace(phase=RunPhase.READY, resume=answers[effects.change.run.id])
        for effects in wanted
    ]


# ---------------------------------------------------------------- recipients


def _update(tx: Tx, environment: str, wanted: Update, now: datetime) -> JsonObject:
    """Merge into one recipient; what it was before is read in the same transaction."""
    try:
        identity = parse_identity(wanted.recipient, wanted.properties)
        before = _shown(tx, environment, identity)
        with tx.savepoint():
            identify(tx, environment, [identity], now)
    except InvalidInput as error:
        return {"kind": "refused", "message": faults_of(error)}
    after = _shown(tx, environment, identity)
    return {"kind": "updated", "detail": {**wanted.detail, "before": before, "after": after}}


def _shown(tx: Tx, environment: str, identity: Identity) -> JsonObject:
    """Give what an update touches, as it is stored, in the length of a log."""
    ref = identity.ref
    stored = recipients.get_many(tx, environment, [ref]).get(ref)
    properties = {} if stored is None else stored.properties
    touched = [*identity.properties, *(["settings"] if identity.tenant_preferences else [])]
    shown = {name: properties[name] for name in touched if name in properties}
    if identity.preferences:
        sets = preferences.get_many(tx, environment, [ref]).get(ref, {})
        shown["preferences"] = {id_: sets[id_] for id_ in identity.preferences if id_ in sets}
    short: JsonObject = shortened(shown)
    return short


# ---------------------------------------------------------------- workflows


def _command(effects: Effects, start: Start) -> TriggerCommand:
    run, call = effects.change.run, effects.bundle.trigger.settings
    # The same step of the same run always makes the same trigger: never two of them.
    source = "\x1f".join((run.id, effects.change.cursor or "", "trigger_workflow"))
    digest = blake2b(source.encode(), digest_size=10).digest()
    handed_on: JsonObject = {name: call[name] for name in _HANDED_ON if name in call}
    return TriggerCommand(
        id=encode_uuid(run.inserted_at, digest),
        environment=run.environment,
        workflow=start.workflow,
        recipients=tuple(
            parse_references(list(start.recipients), "recipients", most=MOST_RECIPIENTS)
        ),
        actor=_read(parse_reference, start.actor, "actor"),
        tenant=_read(parse_tenant, start.tenant, "tenant"),
        data=start.data,
        cancellation_key=start.cancellation_key,
        settings={**handed_on, LEVEL: start.level},
        source_type="workflow_step",
    )


def _read(parse: Any, json: Any, path: str) -> Reference | None:
    """Read what the step has checked already."""
    found = None if json is None else parse(json, path)
    return found if isinstance(found, Reference) else None


def _started(command: TriggerCommand, outcome: Answer) -> JsonObject:
    if isinstance(outcome, Accepted):
        id_ = outcome.workflow_run_id
        return {"kind": "started", "workflow": command.workflow, "workflow_run_id": id_}
    if isinstance(outcome, RequestError) and outcome.code in _UNAVAILABLE:
        return {"kind": "unavailable", "message": outcome.message}
    message = faults_of(outcome) if isinstance(outcome, InvalidInput) else outcome.message
    return {"kind": "refused", "message": message}
