"""Gather what came of a scenario: the result document."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from engine.simulate.offsets import offset
from engine.simulate.preferences import sets_of
from engine.simulate.world import World
from engine.timing.instants import format_instant, parse_instant
from engine.workflow.definition import steps_of, walk
from storage import definitions, recipients
from storage.channels import channels_for
from storage.logs import message_events
from storage.records import Engagement, JsonObject, Message, RecipientRef, Run

# Instants in the details of a timeline that read better as offsets.
_INSTANTS: Final = ("closes", "until", "next_attempt_at")
_REACHED: Final = ("message.sent", "message.delivered")


def name_of(ref: RecipientRef) -> str:
    """Name a user by id, anything else as `collection/id`."""
    return ref.id if ref.is_user else f"{ref.collection}/{ref.id}"


class Report:
    """Read a world that has come to rest."""

    def __init__(self, world: World, now: datetime) -> None:
        """Look up the names that ids stand for."""
        self.world, self.now = world, now
        self.keys = {
            c.id: c.key for c in channels_for(world.sql(), world.env, lambda s, r: {}).values()
        }
        self.versions: dict[str, int] = {}
        self.types: dict[tuple[str, str], str] = {}
        for workflow in {run.workflow for run in world.runs()}:
            for number in definitions.versions(world.sql(), world.env, workflow):
                self._note(workflow, number)

    def _note(self, workflow: str, number: int) -> None:
        version = definitions.get_version(self.world.sql(), self.world.env, workflow, number)
        if version is None:
            return
        self.versions[version.id] = number
        for place in walk(steps_of(version.definition)):
            type_ = place.step.get("channel_type") or place.step.get("type", "")
            self.types[workflow, place.ref or ""] = type_

    def at(self, instant: datetime | None) -> str | None:
        """Write an instant as an offset from the start."""
        return offset(instant, self.now)

    def message(self, m: Message) -> JsonObject:
        """Show one message."""
        world = self.world
        events = message_events(world.sql(), world.env, m.id)
        sent = next((e.inserted_at for e in events if e.event in _REACHED), None)
        tried = [a for a in world.transport.attempted if a.message_id == m.id]
        return {
            "at": self.at(m.inserted_at),
            "instant": format_instant(m.inserted_at),
            "id": m.id,
            "recipient": name_of(m.recipient),
            "tenant": m.tenant,
            "workflow": m.workflow,
            "workflow_version": self.versions[m.version_id],
            "step": m.step_ref,
            "channel": self.keys[m.channel_id],
            "channel_type": m.channel_type,
            "address": m.address or None,
            "status": m.status.value,
            "engagement": [e.value for e in Engagement if getattr(m, f"{e.value}_at")],
            "attempts": m.attempts,
            "scheduled_at": self.at(m.scheduled_at),
            "sent_at": self.at(sent),
            "attachments": [],
            "deliveries": [{"at": self.at(a.at), "outcome": a.outcome} for a in tried],
            "content": world.content(m),
            "data": m.data,
        }

    def run(self, run: Run) -> JsonObject:
        """Show one run with its timeline."""
        timeline = [self._entry(run, entry) for entry in self.world.timeline(run)]
        ended = run.status.value in ("completed", "cancelled")
        return {
            "id": run.id,
            "workflow": run.workflow,
            "recipient": name_of(run.recipient),
            "tenant": run.tenant,
            "status": run.status.value,
            "error_count": run.error_count,
            "started": self.at(run.inserted_at),
            "ended": timeline[-1]["at"] if ended and timeline else None,
            "timeline": timeline,
        }

    def _entry(self, run: Run, entry: JsonObject) -> JsonObject:
        detail = dict(entry["data"])
        for name in _INSTANTS:
            instant = parse_instant(detail.get(name))
            if instant is not None:
                detail[name] = self.at(instant)
        shown = {
            "at": self.at(parse_instant(entry["inserted_at"])),
            "step": entry["step_ref"],
            "type": self.types.get((run.workflow, entry["step_ref"]), entry["step_type"]),
            "event": entry["event"],
        }
        if "reason" in detail:
            shown["reason"] = detail.pop("reason")
        return {**shown, "detail": detail}

    def requests(self) -> list[JsonObject]:
        """List what steps asked of other servers."""
        return [
            {
                "at": self.at(asked.at),
                "method": asked.request.method,
                "url": asked.request.url,
                "status": asked.status,
            }
            for asked in self.world.transport.asked
        ]

    def state(self, wanted: JsonObject) -> JsonObject:
        """Look up the records that are asked for."""
        kinds = {"users": "$users", "tenants": "$tenants", "objects": None}
        found: JsonObject = {}
        for kind, names in wanted.items():
            if kind == "preferences":
                sql, env = self.world.sql(), self.world.env
                found[kind] = {name: sets_of(sql, env, name, self.keys) for name in names}
                continue
            collection = kinds[kind]
            refs = {
                name: RecipientRef(collection, name)
                if collection
                else RecipientRef(*name.split("/", 1))
                for name in names
            }
            stored = recipients.get_many(self.world.sql(), self.world.env, refs.values())
            found[kind] = {n: stored[ref].properties for n, ref in refs.items() if ref in stored}
        return found

    def document(self, scenario: JsonObject, rejected: list[JsonObject]) -> JsonObject:
        """Gather the result document."""
        return {
            "name": scenario.get("name", ""),
            "ended_at": format_instant(self.world.clock.now()),
            "messages": [self.message(m) for m in self.world.messages()],
            "runs": [self.run(run) for run in self.world.runs()],
            "rejected": rejected,
            "requests": self.requests(),
            "state": self.state(scenario.get("expect", {}).get("state", {})),
        }
