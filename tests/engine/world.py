"""The simulator's world, with what only tests want to look at."""

from __future__ import annotations

from typing import Any

from engine.simulate.offsets import START
from engine.simulate.store import CHANNEL_TYPES
from engine.simulate.world import World as SimulatedWorld
from storage.logs import message_events
from storage.records import Message, RecipientRef, Run

__all__ = ["CHANNEL_TYPES", "START", "World", "ref"]


class World(SimulatedWorld):
    """Builders and a clock around one executor whose parts are turned by hand."""

    def events(self, message: Message) -> list[str]:
        return [e.event for e in message_events(self.sql(), self.env, message.id)]

    def happened(self, run: Run) -> list[str]:
        return [entry["event"] for entry in self.timeline(run)]

    def reasons(self, run: Run) -> list[Any]:
        return [e["data"]["reason"] for e in self.timeline(run) if "reason" in e["data"]]


def ref(id_: str, collection: str = "$users") -> RecipientRef:
    """Name a recipient shortly."""
    return RecipientRef(collection, id_)
