"""Expand a trigger's recipients into runs, page by page (engine E-12 … E-17)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from engine.trigger.cancel import by_key
from engine.trigger.frequency import EVERY_TRIGGER, without_slot_holders
from engine.trigger.seed import seed_run
from storage.faults import crash_point
from storage.records import JsonObject, RecipientRef, Run, RunStatus, Trigger
from storage.tx import Tx

PAGE: Final = 500
INLINE: Final = 100
# Below a direct trigger, so that a password reset never waits behind 100,000 recipients.
FAN_OUT_PRIORITY: Final = 7
_DEPTH: Final = 1


def first_pending(
    recipients: Sequence[tuple[RecipientRef, JsonObject | None]],
    *,
    fans_out: bool,
    frequency: str = EVERY_TRIGGER,
) -> JsonObject:
    """Return the cursor of an expansion that has not begun."""
    objects = [[r.collection, r.id, 0] for r, _ in recipients if fans_out and not r.is_user]
    return {
        "recipients": [[r.collection, r.id, own] for r, own in recipients],
        "position": 0,
        "objects": objects,
        "object": 0,
        "after": 0,
        "cancelled": None,
        "frequency": frequency,
    }


def fan_out(tx: Tx, trigger: Trigger, now: datetime, limit: int = PAGE) -> Trigger | None:
    """Make the next page of runs; return the trigger with its moved cursor, None when done.

    Listed recipients come first and win over subscribed ones, then objects in
    breadth-first order; a run that exists is left alone (unique per trigger
    and recipient), so a page that is repeated after a crash makes nothing twice.
    """
    pending = dict(trigger.pending or {})
    pending["objects"] = list(pending["objects"])
    runs = _listed(trigger, pending, now, limit)
    known = {(o[0], o[1]) for o in pending["objects"]}
    looked = 0
    # Bounded by objects too: one that nobody follows makes no run, but costs a look.
    while len(runs) < limit and looked < limit and pending["object"] < len(pending["objects"]):
        runs.extend(_subscribed(tx, trigger, pending, known, now, limit - len(runs)))
        looked += 1
    runs = without_slot_holders(tx, pending.get("frequency", EVERY_TRIGGER), runs)
    if pending.get("cancelled"):
        _log_cancelled(tx, trigger, runs, now)
    tx.insert_runs(runs)
    crash_point("between_fan_out_pages")
    is_done = pending["position"] >= len(pending["recipients"]) and pending["object"] >= len(
        pending["objects"]
    )
    tx.save_pending(trigger.id, None if is_done else pending)
    return None if is_done else replace(trigger, pending=pending)


def _listed(trigger: Trigger, pending: JsonObject, now: datetime, limit: int) -> list[Run]:
    start = int(pending["position"])
    page = pending["recipients"][start : start + limit]
    pending["position"] = start + len(page)
    if pending["position"] >= len(pending["recipients"]):
        # The cursor is written with every page: what is done with must not be in it.
        pending["recipients"], pending["position"] = [], 0
    return [
        seed_run(
            trigger, RecipientRef(c, i), now, own_data=own,
            is_cancelled=_is_cancelled(pending, c, i),
        )
        for c, i, own in page
    ]  # fmt: skip


def _subscribed(
    tx: Tx,
    trigger: Trigger,
    pending: JsonObject,
    known: set[tuple[str, str]],
    now: datetime,
    limit: int,
) -> list[Run]:
    collection, id_, depth = pending["objects"][pending["object"]]
    parent = RecipientRef(collection, id_)
    rows = tx.subscribers_after(trigger.environment, parent, int(pending["after"]), limit)
    runs: list[Run] = []
    for seq, recipient, properties in rows:
        pending["after"] = seq
        if not recipient.is_user and depth < _DEPTH and recipient not in known:
            known.add(recipient)
            pending["objects"].append([*recipient, depth + 1])
        if recipient == trigger.actor:
            continue
        own: dict[str, Any] = {"object": list(parent), "properties": properties}
        cancelled = _is_cancelled(pending, *recipient)
        runs.append(seed_run(trigger, recipient, now, subscription=own, is_cancelled=cancelled))
    if len(rows) < limit:
        pending["object"] += 1
        pending["after"] = 0
    return runs


def _log_cancelled(tx: Tx, trigger: Trigger, runs: Sequence[Run], now: datetime) -> None:
    """Tell the runs that are born cancelled why; those that exist already are not."""
    entries = [by_key("run_cancelled", trigger.cancellation_key, now)]
    born = {r.id for r in runs if r.status is RunStatus.CANCELLED}
    born -= tx.runs_by_id(list(born)).keys()
    tx.log_timeline([(trigger.environment, id_, entries) for id_ in sorted(born)], now)


def _is_cancelled(pending: JsonObject, collection: str, id_: str) -> bool:
    cancelled = pending.get("cancelled")
    return cancelled == "all" or (isinstance(cancelled, list) and [collection, id_] in cancelled)
