"""Write what steps want beside their run: updated recipients, workflows they start.

The answer is stored with the run and resumes the step, so each pass that goes
on has read what was written. Whatever is refused leaves nothing behind.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from engine.errors import InvalidInput
from engine.recipients.identify import identify
from engine.recipients.references import Identity, parse_identity
from engine.runs.effects import Effects
from engine.steps.recipient_update import faults_of
from engine.workflow.kinds import Update
from storage import preferences, recipients
from storage.records import JsonObject, RunPhase
from storage.runs import RunChange
from storage.tx import Tx


def write_beside(tx: Tx, wanted: Sequence[Effects], now: datetime) -> list[RunChange]:
    """Write for each of these passes, in order; return their changes with the answers."""
    answers: list[JsonObject] = []
    for effects in wanted:
        write = effects.write
        assert isinstance(write, Update)  # noqa: S101 - the caller has looked
        answers.append(_update(tx, effects.change.run.environment, write, now))
    return [
        effects.change._replace(phase=RunPhase.READY, resume=answer)
        for effects, answer in zip(wanted, answers, strict=True)
    ]


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
    """Give what an update touches, as it is stored; nothing else of the recipient."""
    ref = identity.ref
    stored = recipients.get_many(tx, environment, [ref]).get(ref)
    properties = {} if stored is None else stored.properties
    touched = [*identity.properties, *(["settings"] if identity.tenant_preferences else [])]
    shown = {name: properties[name] for name in touched if name in properties}
    if identity.preferences:
        sets = preferences.get_many(tx, environment, [ref]).get(ref, {})
        shown["preferences"] = {id_: sets[id_] for id_ in identity.preferences if id_ in sets}
    return shown
