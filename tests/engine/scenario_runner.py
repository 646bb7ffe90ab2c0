"""Play a scenario on the engine's own verbs and an injected clock; nothing sleeps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.errors import RequestError
from engine.messages.engage import Action
from engine.workflow.validate import workflow_problems
from storage.invariants import violations
from storage.recipients import delete_user
from storage.records import Message, WorkflowStatus
from tests.engine.scenario_expect import failures
from tests.engine.scenario_file import (
    LONGEST,
    JsonObject,
    ScenarioError,
    check_names,
    instant,
    load,
    start_of,
)
from tests.engine.scenario_result import Report, name_of
from tests.engine.scripted import ScriptedProvider
from tests.engine.world import CHANNEL_TYPES, World

_TRIGGER = frozenset(
    {
        "workflow", "recipients", "actor", "tenant", "data", "cancellation_key",
        "idempotency_key", "settings",
    }
)  # fmt: skip
_MATCH = frozenset({"workflow", "step", "recipient", "tenant", "address", "at", "nth", "channel"})


class Play:
    """One scenario on a world of its own."""

    def __init__(self, scenario: JsonObject, folder: Path) -> None:
        self.scenario = scenario
        self.now = start_of(scenario)
        around = scenario.get("environment", {})
        self.world = World(
            folder,
            self.now,
            timezone=around.get("timezone", "Etc/UTC"),
            seed=scenario.get("seed", 1),
        )
        self.rejected: list[JsonObject] = []
        self.replayed: list[str] = []
        self.channels: dict[str, str] = {}
        try:
            self._build(around)
        except BaseException:
            self.world.close()
            raise

    def _build(self, around: JsonObject) -> None:
        world, scenario = self.world, self.scenario
        every = [{"key": type_, "type": type_} for type_ in CHANNEL_TYPES]
        for channel in around.get("channels", every):
            provider = None if channel["type"] == "in_app_feed" else ScriptedProvider.id
            self.channels[channel["key"]] = world.channel(
                channel["key"],
                channel["type"],
                provider,
                id=channel.get("id"),
                is_sandbox=channel.get("sandbox", False),
                conditions=channel.get("conditions"),
                settings=channel.get("settings", {}),
            )
        for key, value in around.get("variables", {}).items():
            world.variable(key, value)
        for key, definition in scenario.get("workflows", {}).items():
            self._commit({"workflow": key, "definition": definition})
        for inline in (*scenario.get("users", ()), *scenario.get("objects", ())):
            world.identify(inline)
        for tenant in scenario.get("tenants", ()):
            world.tenant(tenant)
        for subscription in scenario.get("subscriptions", ()):
            self._subscribe(subscription)

    def run(self) -> JsonObject:
        """Play the script, then wait until nothing is pending; give the result."""
        script = [
            (instant(entry["at"], self.now), number, entry)
            for number, entry in enumerate(self.scenario.get("script", ()))
        ]
        for at, number, entry in sorted(script, key=lambda item: item[:2]):
            self.world.before(at)
            kinds = [name for name in entry if name != "at"]
            if len(kinds) != 1 or kinds[0] not in self._entries():
                raise ScenarioError(f"script[{number}]: cannot be played: {kinds}")
            self._entries()[kinds[0]](entry[kinds[0]])
        self._rest()
        result = Report(self.world, self.now).document(self.scenario, self.rejected)
        unanswered = [
            {"path": "script.http", "expected": "an answer", "actual": asked}
            for asked in self.world.transport.unanswered
        ]
        expected = self.scenario.get("expect", {})
        result["failures"] = unanswered + failures(expected, result, self.now)
        return {**result, "ok": not result["failures"]}

    def _rest(self) -> None:
        until = self.scenario.get("until")
        limit = instant(until, self.now) if until else self.now + LONGEST
        while (due := self.world.next_due()) is not None and due <= limit:
            self.world.until(due)
        if until:
            self.world.until(limit)

    def _entries(self) -> dict[str, Callable[[Any], None]]:
        return {
            "trigger": self._trigger,
            "cancel": self._cancel,
            "message": self._message,
            "identify": self.world.identify,
            "set_status": self._set_status,
            "commit": self._commit,
            "provider": self._provider,
            "http": self._http,
            "subscribe": self._subscribe,
            "unsubscribe": self._unsubscribe,
            "upsert": self._upsert,
            "delete_user": self._delete_user,
            "downtime": self._downtime,
        }

    # ------------------------------------------------------------ entries

    def _trigger(self, entry: JsonObject) -> None:
        check_names(entry, _TRIGGER, "trigger")
        body = {k: v for k, v in entry.items() if k not in ("workflow", "recipients")}
        try:
            accepted = self.world.trigger(entry["workflow"], *entry["recipients"], **body)
        except RequestError as error:
            at = Report(self.world, self.now).at(self.world.clock.now())
            self.rejected.append({"at": at, "workflow": entry["workflow"], "code": error.code})
            return
        if accepted.replayed_from is not None:
            self.replayed.append(accepted.workflow_run_id)

    def _cancel(self, entry: JsonObject) -> None:
        self.world.cancel(entry["workflow"], entry["cancellation_key"], entry.get("recipients"))

    def _message(self, entry: JsonObject) -> None:
        message, mark = self._one(entry["match"]), entry["mark"]
        if mark in list(Action):
            self.world.engage(message, mark)
        else:
            self.world.report(message, mark)

    def _one(self, match: JsonObject) -> Message:
        check_names(match, _MATCH, "match")
        found = [m for m in self.world.messages() if self._hits(m, match)]
        if "nth" in match:
            found = found[match["nth"] - 1 : match["nth"]]
        if len(found) != 1:
            raise ScenarioError(f"match {match}: expected one message, found {len(found)}")
        return found[0]

    def _hits(self, m: Message, match: JsonObject) -> bool:
        shown = {
            "workflow": m.workflow,
            "step": m.step_ref,
            "recipient": name_of(m.recipient),
            "tenant": m.tenant,
            "address": m.address or None,
        }
        if "at" in match and instant(match["at"], self.now) != m.inserted_at:
            return False
        if "channel" in match and self.channels[match["channel"]] != m.channel_id:
            return False
        return all(shown[name] == match[name] for name in shown if name in match)

    def _set_status(self, entry: JsonObject) -> None:
        status = WorkflowStatus.ACTIVE if entry["active"] else WorkflowStatus.INACTIVE
        self.world.set_status(entry["workflow"], status)

    def _commit(self, entry: JsonObject) -> None:
        key, definition = entry["workflow"], entry["definition"]
        problems = workflow_problems(key, definition)
        if problems:
            raise ScenarioError(f"workflow {key}: {problems}")
        more = {k: v for k, v in definition.items() if k != "steps"}
        self.world.workflow(key, definition["steps"], **more)

    def _provider(self, entry: JsonObject) -> None:
        outcomes = [response["outcome"] for response in entry["responses"]]
        self.world.transport.provide(self.channels[entry["channel"]], outcomes)

    def _http(self, entry: JsonObject) -> None:
        self.world.transport.answer(entry["match"], entry["responses"])

    def _subscribe(self, entry: JsonObject) -> None:
        properties = entry.get("properties", {})
        self.world.subscribe(entry["object"], *entry["recipients"], **properties)

    def _unsubscribe(self, entry: JsonObject) -> None:
        self.world.unsubscribe(entry["object"], *entry["recipients"])

    def _upsert(self, entry: JsonObject) -> None:
        store = self.world.tenant if entry.get("collection") == "$tenants" else self.world.identify
        store(entry)

    def _delete_user(self, id_: str) -> None:
        with self.world.db.transaction() as tx:
            delete_user(tx, self.world.env, id_, self.world.clock.now())
        self.world.work()

    def _downtime(self, entry: JsonObject) -> None:
        self.world.stand_still(instant(entry["until"], self.now))


def play(path: Path, folder: Path) -> tuple[JsonObject, Play]:
    """Play a file and check the stored invariants; the caller closes the world."""
    played = Play(load(path), folder)
    try:
        result = played.run()
        broken = violations(played.world.sql())
        if broken:
            raise AssertionError(f"runs break the phase rule: {broken}")
    except BaseException:
        played.world.close()
        raise
    return result, played
