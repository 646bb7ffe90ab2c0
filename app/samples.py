"""Bring the sample people into an environment, and send them their first messages."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any, Final

import orjson

from engine.recipients.identify import identify
from engine.recipients.references import Reference, parse_reference, parse_tenant
from engine.trigger.accept import Acceptor, TriggerCommand
from storage.definitions import current_number
from storage.ids import RandomIds
from storage.subscriptions import upsert_many
from storage.tx import Tx

# Ships beside the packages: it holds no Python.
SAMPLES: Final = Path(__file__).resolve().parent.parent / "sample_workflows"
# One that ends at once, one with two device tokens, one that is still collecting.
FIRST: Final = ("project-update", "incident-alert", "new-comment")


def put_people(tx: Tx, environment: str, now: datetime) -> None:
    """Store the sample users, objects, tenants and who follows what."""
    people = _read("people.json")
    references = [_reference(item) for item in (*people["users"], *people["objects"])]
    references += [_tenant(item) for item in people["tenants"]]
    identities = [r.identity for r in references if r.identity is not None]
    identify(tx, environment, identities, now)
    for item in people["subscriptions"]:
        followers = [_reference(follower).ref for follower in item["recipients"]]
        upsert_many(
            tx, environment, _reference(item["object"]).ref, followers, item["properties"], now
        )


def send_first(tx: Tx, environment: str, now: datetime) -> None:
    """Trigger a few samples, so that the first look finds something."""
    acceptor = Acceptor(RandomIds())
    for key in FIRST:
        if current_number(tx, environment, key) is None:
            continue
        body = _read(f"payloads/{key}.json")
        command = TriggerCommand(
            environment=environment,
            workflow=key,
            recipients=tuple(_reference(item) for item in body["recipients"]),
            actor=_reference(body["actor"]) if "actor" in body else None,
            tenant=_tenant(body["tenant"]) if "tenant" in body else None,
            data=body.get("data", {}),
        )
        acceptor.accept(tx, command, now)


def _read(name: str) -> Any:
    return orjson.loads((SAMPLES / name).read_bytes())


def _reference(json: Any) -> Reference:
    return _checked(parse_reference(json, "sample"))


def _tenant(json: Any) -> Reference:
    return _checked(parse_tenant(json, "sample"))


def _checked(found: Any) -> Reference:
    if not isinstance(found, Reference):
        raise TypeError(f"a sample is faulty: {found}")
    return found
