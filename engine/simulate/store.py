"""The data of a simulated world: one data file, builders that fill it, looks into it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

from engine.errors import InvalidInput, Problem
from engine.recipients.identify import identify
from engine.recipients.preference_sets import read_set
from engine.recipients.preferences import set_preferences
from engine.recipients.references import Reference, parse_reference, parse_tenant
from engine.timing.clock import ManualClock
from engine.workflow.hashing import content_hash
from storage import definitions, preferences, subscriptions
from storage.channels import put_channel, put_settings
from storage.db import Database
from storage.environments import put_account, put_environment, put_variable
from storage.ids import SeededIds
from storage.logs import run_timeline
from storage.messages import COLUMNS as MESSAGE_COLUMNS
from storage.messages import get_content, message_from_row
from storage.migrations import migrate
from storage.records import Message, Run, WorkflowStatus, WorkflowVersion
from storage.runs import COLUMNS, run_from_row
from storage.secrets import SealBroken, Sealer

CHANNEL_TYPES: Final = ("email", "in_app_feed", "sms", "push", "chat", "http")
_RUNS: Final = f"SELECT {COLUMNS} FROM runs ORDER BY rowid"  # noqa: S608 - constants only
_MESSAGES: Final = f"SELECT {MESSAGE_COLUMNS} FROM messages ORDER BY rowid"  # noqa: S608 - as above


@cache
def empty_database() -> bytes:
    """Migrate once per process; every world starts from a copy."""
    with tempfile.TemporaryDirectory(prefix="tocsin-simulate-") as folder:
        path = Path(folder) / "empty.db"
        migrate(path)
        return path.read_bytes()


class SimulatedStore:
    """One environment on a data file of its own, with builders for what is in it."""

    def __init__(
        self, folder: Path, now: datetime, environment: str, *, timezone: str, seed: int
    ) -> None:
        """Make the data file in `folder`."""
        self.env = environment
        self.clock = ManualClock(now)
        self.started = now
        path = folder / "tocsin.db"
        path.write_bytes(empty_database())
        self.db = Database(path, checkpoints=True)
        self.ids = SeededIds(seed)
        self.sealer = Sealer("the master key of a simulated world")
        with self.db.transaction() as tx:
            put_account(tx, name="Acme", timezone=timezone, now=now)
            put_environment(tx, environment, now=now)

    def unseal(self, sealed: bytes, row: str) -> Any:
        """Open what opens; what is only declared sealed counts as empty."""
        try:
            return self.sealer.unseal(sealed, row)
        except SealBroken:
            return {}

    def channel(self, key: str, type_: str, provider: str | None = None, **more: Any) -> str:
        """Configure a channel; the catch-all inbox unless a provider is named."""
        id_ = more.pop("id", None) or self.ids.uuid()
        with self.db.transaction() as tx:
            put_channel(tx, id=id_, key=key, type=type_, now=self.clock.now())
            put_settings(
                tx,
                id_,
                self.env,
                more.pop("settings", {}),
                self.clock.now(),
                secret_names=(),
                seal=self.sealer.seal,
                provider=provider,
                **more,
            )
        return id_

    def channels(self, provider: str | None = None) -> dict[str, str]:
        """Configure one channel per type, keyed by its type; give their ids."""
        return {
            t: self.channel(t, t, None if t == "in_app_feed" else provider) for t in CHANNEL_TYPES
        }

    def user(self, id_: str, **properties: Any) -> None:
        """Store a user."""
        self.identify({"id": id_, **properties})

    def identify(self, inline: dict[str, Any]) -> None:
        """Store an inline user or object."""
        self._store(read(parse_reference, inline, "recipient"))

    def tenant(self, inline: Any) -> None:
        """Store an inline tenant."""
        self._store(read(parse_tenant, inline, "tenant"))

    def _store(self, reference: Any) -> None:
        with self.db.transaction() as tx:
            identify(tx, self.env, [reference.identity], self.clock.now())

    def default_preferences(self, content: dict[str, Any]) -> None:
        """Set the environment's default preference set."""
        with self.db.transaction() as tx:
            preferences.set_environment_defaults(tx, self.env, content)

    def set_preferences(self, recipient: Any, set_id: str, json: dict[str, Any]) -> None:
        """Write a preference set of a recipient, as its endpoint does."""
        ref = read(parse_reference, recipient, "recipient").ref
        problems: list[Problem] = []
        change = read_set(json, "preferences", problems)
        if problems:
            raise InvalidInput(problems=problems)
        with self.db.transaction() as tx:
            set_preferences(tx, self.env, ref, set_id, change, self.clock.now())

    def subscribe(self, object_: dict[str, Any], *recipients: Any, **properties: Any) -> None:
        """Let recipients follow an object."""
        parent = read(parse_reference, object_, "object").ref
        refs = [read(parse_reference, r, "recipient").ref for r in recipients]
        with self.db.transaction() as tx:
            subscriptions.upsert_many(tx, self.env, parent, refs, properties, self.clock.now())

    def unsubscribe(self, object_: dict[str, Any], *recipients: Any) -> None:
        """Let recipients follow an object no more."""
        parent = read(parse_reference, object_, "object").ref
        refs = [read(parse_reference, r, "recipient").ref for r in recipients]
        with self.db.transaction() as tx:
            subscriptions.delete_many(tx, self.env, parent, refs)

    def variable(self, key: str, value: str, *, is_secret: bool = False) -> None:
        """Set a variable of the environment."""
        seal = self.sealer.seal if is_secret else None
        with self.db.transaction() as tx:
            put_variable(tx, self.env, key, value, self.clock.now(), seal=seal)

    def workflow(self, key: str, steps: list[dict[str, Any]], **more: Any) -> int:
        """Commit a workflow; committing it again makes the next version."""
        definition = {"name": key.title(), "steps": steps, **more}
        digest, now = content_hash(definition), self.clock.now()
        with self.db.transaction() as tx:
            number = max(definitions.versions(tx, self.env, key), default=0) + 1
            definitions.save_draft(tx, self.env, key, definition, digest, now=now)
            definitions.add_version(
                tx,
                WorkflowVersion(
                    id=self.ids.uuid(),
                    environment=self.env,
                    key=key,
                    number=number,
                    definition=definition,
                    content_hash=digest,
                    status=WorkflowStatus.ACTIVE,
                    author="scenario",
                    message="",
                    inserted_at=now,
                ),
            )
        return number

    def set_status(self, key: str, status: WorkflowStatus) -> None:
        """Activate or deactivate a workflow."""
        with self.db.transaction() as tx:
            definitions.set_status(tx, self.env, key, status)

    def sql(self) -> Any:
        """Read the data file."""
        return self.db.read()

    def runs(self) -> list[Run]:
        """Give all runs, in the order they were made."""
        return [run_from_row(r) for r in self.sql().rows(_RUNS)]

    def messages(self, step: str | None = None) -> list[Message]:
        """Give all messages, in the order they were made."""
        rows = self.sql().rows(_MESSAGES)
        found = [message_from_row(row) for row in rows]
        return [m for m in found if step is None or m.step_ref == step]

    def content(self, message: Message) -> dict[str, Any]:
        """Give what a message was rendered to."""
        return get_content(self.sql(), self.env, message.id) or {}

    def timeline(self, run: Run) -> list[dict[str, Any]]:
        """Give what happened in a run, in order."""
        return run_timeline(self.sql(), self.env, run.id)


def read(parse: Callable[[Any, str], Reference | Problem], json: Any, path: str) -> Reference:
    """Read a reference.

    Raises:
        InvalidInput: it cannot be read.
    """
    found = parse(json, path)
    if isinstance(found, Problem):
        raise InvalidInput(problems=[found])
    return found
