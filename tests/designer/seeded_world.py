"""A day in the life of an imaginary company, written straight into the tables."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from storage.db import Database
from storage.ids import SeededIds, run_id
from storage.members import Role, put_member
from storage.migrations import migrate
from storage.parked import mark_parked
from storage.records import (
    DeliveryStatus,
    Message,
    MessageEvent,
    NewMessage,
    RecipientRef,
    Run,
    RunPhase,
    RunStatus,
    Trigger,
)
from storage.sql import dumps, to_micros
from storage.tx import Tx
from tests.designer.seeded_contents import CHANNELS, content_of
from tests.designer.seeded_definitions import DEFINITIONS

NOW = datetime(2026, 6, 3, 14, 20, tzinfo=UTC)
PASSWORD = "a violet kettle hums"
# Argon2id of PASSWORD with the cheapest parameters: seeding must not cost a second.
PASSWORD_HASH = (
    "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$/y3oUe/YvDA0OL0lEdSMd0tj0DgoxoWIqkIZUWG/bcg"
)
_NAMES = (
    "Ann Archer, Ben Okafor, Carla Núñez, Dmitri Volkov, Emi Tanaka, Farid Rahimi, Grace Mwangi,"
    " Hugo Lindqvist, Ines Carvalho, Jonas Weber, Keiko Mori, Lea Fontaine, Marco Bianchi,"
    " Nadia El-Sayed, Oskar Nowak, Priya Raman"
)
PEOPLE = tuple((name.split()[0].lower(), name) for name in _NAMES.split(", "))
_ENDINGS = ("completed",) * 12 + ("paused", "paused", "failed", "cancelled", "skipped")


@dataclass
class World:
    """What was seeded, by name."""

    database: Database
    now: datetime
    run_ids: dict[str, str]
    message_ids: dict[str, str]


def empty_world(path: Path, now: datetime = NOW) -> World:
    """Create a data file with an account, two environments and an owner, nothing else."""
    migrate(path)
    database = Database(path)
    with database.transaction() as tx:
        at = to_micros(now - timedelta(days=30))
        tx.run(
            "INSERT INTO account (id, name, timezone, inserted_at)"
            " VALUES (1, 'Acme', 'Europe/Berlin', ?)",
            (at,),
        )
        for position, key in enumerate(("development", "production")):
            tx.run(
                "INSERT INTO environments (key, name, position, inserted_at) VALUES (?,?,?,?)",
                (key, key.title(), position, at),
            )
        put_member(
            tx, email="olga@example.com", name="Olga Owner", role=Role.OWNER,
            password_hash=PASSWORD_HASH, now=now,
        )  # fmt: skip
        put_member(
            tx, email="sam@example.com", name="Sam Support", role=Role.SUPPORT,
            password_hash=PASSWORD_HASH, now=now,
        )  # fmt: skip
    return World(database, now, {}, {})


def seeded_world(path: Path, now: datetime = NOW, triggers: int = 160) -> World:
    """Create the data file of a company in the middle of its day."""
    world = empty_world(path, now)
    chance, ids = random.Random(7), SeededIds(7)
    with world.database.transaction() as tx:
        _definitions(tx, now)
        _people(tx, now)
        keys = list(DEFINITIONS)
        for number in range(triggers):
            # Denser in the recent past, as a working day is.
            age = timedelta(minutes=1300 * (number / triggers) ** 1.6 + chance.random() * 4)
            key = keys[0] if number % 3 == 0 else chance.choice(keys[:-1])
            _trigger(tx, world, chance, ids, key, now - age, number)
    return world


def _definitions(tx: Tx, now: datetime) -> None:
    for number, (key, definition) in enumerate(DEFINITIONS.items()):
        at = to_micros(now - timedelta(days=9 - number))
        status = "inactive" if key == "invoice-overdue" else "active"
        versions = 3 if number == 0 else 1
        draft = dumps({**definition, "description": "Edited"}) if number == 1 else None
        for environment in ("development", "production")[: 2 if number < 2 else 1]:
            tx.run(
                "INSERT INTO workflows VALUES (?,?,?,?,?,?,?,?,?)",
                (
                    environment, key, status, versions, draft, "draft" if draft else None,
                    at if draft else None, at, at,
                ),
            )  # fmt: skip
            for version in range(1, versions + 1):
                said = ("First version", "Wait ten minutes, not five", "Mail only what is unread")
                tx.run(
                    "INSERT INTO workflow_versions VALUES (?,?,?,?,?,?,?,?,?)",
                    (
                        environment, key, version, f"{environment}-{key}-{version}",
                        dumps(definition), f"hash-{key}-{version}", "olga@example.com",
                        said[version - 1], at + version * 3_600_000_000,
                    ),
                )  # fmt: skip


def _people(tx: Tx, now: datetime) -> None:
    at = to_micros(now - timedelta(days=20))
    for id_, name in PEOPLE:
        properties = {"name": name, "email": f"{id_}@example.com", "plan": "pro"}
        tx.run(
            "INSERT INTO recipients VALUES (?,?,?,?,?,?)",
            ("development", "$users", id_, dumps(properties), at, at),
        )


def _trigger(
    tx: Tx, world: World, chance: random.Random, ids: SeededIds, key: str, at: datetime, number: int
) -> None:
    trigger_id = ids.uuid()
    data: dict[str, Any] = {
        "page_id": f"p{number % 7}",
        "page": "Launch plan",
        "severity": "critical",
    }
    tx.insert_triggers(
        [
            Trigger(
                id=trigger_id, environment="development", workflow=key, version=1,
                version_id=f"development-{key}-1", data=data, inserted_at=at,
                actor=RecipientRef("$users", "ben"), tenant="acme" if number % 4 else None,
            )
        ]
    )  # fmt: skip
    for person, _ in chance.sample(PEOPLE, k=1 + number % 2):
        ending = _ENDINGS[(number * 5 + len(person)) % len(_ENDINGS)] if number > 2 else "running"
        if ending == "failed" and number % 2:
            ending = "parked"
        _run(tx, world, ids, key, trigger_id, person, at, ending)


def _run(
    tx: Tx, world: World, ids: SeededIds, key: str, trigger_id: str, person: str, at: datetime,
    ending: str,
) -> None:  # fmt: skip
    ref = RecipientRef("$users", person)
    id_ = run_id(trigger_id, *ref)
    status, phase = {
        "running": (RunStatus.PROCESSING, RunPhase.LEASED),
        "paused": (RunStatus.PAUSED, RunPhase.TIMER),
        "cancelled": (RunStatus.CANCELLED, RunPhase.DONE),
    }.get(ending, (RunStatus.COMPLETED, RunPhase.DONE))
    tx.insert_runs(
        [
            Run(
                id=id_, environment="development", trigger_id=trigger_id, workflow=key, version=1,
                recipient=ref, tenant="acme", status=status, phase=phase, state={}, inserted_at=at,
                updated_at=at + timedelta(seconds=3),
            )
        ]
    )  # fmt: skip
    if ending == "parked":
        mark_parked(tx, [id_])
    wake = to_micros(world.now + timedelta(minutes=37)) if ending == "paused" else None
    tx.run(
        "UPDATE runs SET wake_at = ?, error_count = ? WHERE id = ?",
        (wake, 1 if ending in ("failed", "parked") else 0, id_),
    )
    if wake is not None:
        tx.run(
            "INSERT INTO timers (due_at, kind, subject, generation, environment)"
            " VALUES (?, 'run', ?, 0, 'development')",
            (wake, id_),
        )
    message_id = None
    if ending in ("completed", "paused"):
        message_id = _message(tx, world, ids, key, id_, trigger_id, ref, at)
    tx.log_timeline([("development", id_, _story(key, at, ending, message_id))], at)
    world.run_ids.setdefault(ending, id_)


def _message(
    tx: Tx, world: World, ids: SeededIds, key: str, run: str, trigger: str, ref: RecipientRef,
    at: datetime,
) -> str:  # fmt: skip
    number = len(world.message_ids) + int(run[:6], 16)
    kind = CHANNELS[key][number % len(CHANNELS[key])]
    name = dict(PEOPLE)[ref.id]
    is_real = number % 11 == 0
    status = ("delivery_attempted", "undelivered", "bounced")[number % 3] if is_real else "sent"
    if kind == "in_app_feed":
        status, is_real = "delivered", False
    message_id = ids.ksuid(at)
    tx.insert_messages(
        [
            NewMessage(
                message=Message(
                    id=message_id, environment="development", run_id=run, trigger_id=trigger,
                    workflow=key, version_id=f"development-{key}-1", step_ref=f"{kind}_1",
                    iteration=0, categories=(), channel_id=f"channel-{kind}", channel_type=kind,
                    provider="in_app_feed" if kind == "in_app_feed" else
                    ("smtp" if is_real else "catch_all"),
                    recipient=ref, tenant="acme", address=f"{ref.id}@example.com"
                    if kind == "email" else "", actors=(), status=DeliveryStatus(status),
                    data={"page": "Launch plan", "n": 3}, filter_data={}, metadata={}, attempts=1,
                    inserted_at=at, updated_at=at,
                ),
                content=content_of(key, kind, name, ref.id), overrides={}, snapshot={}, send=False,
            )
        ]
    )  # fmt: skip
    events = [("message.created", {}), ("message.queued", {}), (f"message.{status}", {})]
    if status in ("undelivered", "delivery_attempted"):
        events[-1] = (
            events[-1][0],
            {"attempt": 3, "max_attempts": 8, "reason": "421 try again later"},
        )
    tx.log_message_events(
        [
            MessageEvent(
                id=ids.ksuid(at), environment="development", message_id=message_id, event=event,
                data=data, inserted_at=at + timedelta(milliseconds=140 * n),
            )
            for n, (event, data) in enumerate(events)
        ],
        at,
    )  # fmt: skip
    world.message_ids.setdefault(kind, message_id)
    world.message_ids.setdefault(status, message_id)
    return message_id


def _story(key: str, at: datetime, ending: str, message_id: str | None) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = []

    def log(event: str, ref: str | None = None, kind: str | None = None, **data: Any) -> None:
        moment = at + timedelta(milliseconds=220 * len(entries))
        entries.append(
            {
                "event": event, "status": "error" if event.endswith("_failed") else "ok",
                "step_ref": ref, "step_type": kind, "attempt": 1, "data": data,
                "inserted_at": moment.isoformat(),
            }
        )  # fmt: skip

    log("run_started")
    if key == "comment-digest":
        log("batch_opened", "batch_1", "batch", closes=(at + timedelta(minutes=10)).isoformat())
        log("batch_closed", "batch_1", "batch", total_activities=3)
    if ending == "paused":
        log("step_paused", "delay_1", "delay", until=(NOW + timedelta(minutes=37)).isoformat())
    if ending == "skipped":
        log(
            "conditions_evaluated", "email_1", "channel:email", of="step", passed=False,
            clauses=[
                {"variable": "recipient.plan", "operator": "equal_to", "argument": "enterprise",
                 "result": False, "actual": "pro", "expected": "enterprise", "is_missing": False},
                {"variable": "recipient.seats", "operator": "greater_than", "argument": 5,
                 "result": None},
            ],
        )  # fmt: skip
        log("step_skipped", "email_1", "channel:email", reason="conditions_not_met", of="step")
        log("step_skipped", "sms_1", "channel:sms", reason="missing_recipient_data",
            missing="phone_number")  # fmt: skip
        log("step_skipped", "push_1", "channel:push", reason="preference_opt_out",
            decided_by="recipient.channel_types.push")  # fmt: skip
    if message_id:
        log("message_enqueued", "email_1", "channel:email", message_id=message_id, channel="email",
            channel_type="email")  # fmt: skip
    if ending == "failed":
        log("step_failed", "email_1", "channel:email",
            message="Line 3: “recipient.nmae” is not defined")  # fmt: skip
        log("run_completed", reason="step_failed")
    elif ending == "parked":
        log("run_failed", message="Executing this run failed 3 times: ValueError: no such zone")
    elif ending == "cancelled":
        log("run_cancelled", reason="workflow_inactive")
    elif ending in ("completed", "skipped"):
        log("run_completed")
    return entries
