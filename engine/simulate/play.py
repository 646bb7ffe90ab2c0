"""Play the script of a scenario on a world of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from engine.errors import InvalidInput, RequestError
from engine.messages.engage import Action
from engine.recipients.preferences import DEFAULT
from engine.simulate.compare import failures
from engine.simulate.faults import ScenarioError
from engine.simulate.offsets import LONGEST, instant
from engine.simulate.outside import ScriptedProvider
from engine.simulate.preferences import renamed, with_ids
from engine.simulate.reading import start_of
from engine.simulate.result import Report, name_of
from engine.simulate.store import CHANNEL_TYPES
from engine.simulate.world import World
from storage.recipients import delete_user
from storage.records import JsonObject, Message, WorkflowStatus

# Days: nothing is past retention in a scenario.
_FOR_EVER: Final = 36_500


class Play:
    """One checked scenario on a world in `folder`; close the world when done with it."""

    def __init__(self, scenario: JsonObject, folder: Path, make: type[World] = World) -> None:
        """Build the world.

        Raises:
            ScenarioError: something in it could not be stored.
        """
        self.scenario = scenario
        self.now = start_of(scenario)
        around = scenario.get("environment", {})
        self.world = make(
            folder,
            self.now,
            timezone=around.get("timezone", "Etc/UTC"),
            seed=scenario.get("seed", 1),
            retention_days=_FOR_EVER,
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
        given = around.get("channels")
        for channel in every if given is None else given:
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
        if around.get("preferences"):
            world.default_preferences(renamed(around["preferences"], self.channels))
        for key, definition in scenario.get("workflows", {}).items():
            self._commit({"workflow": key, "definition": definition})
        for name, store in (
            ("users", self._identify),
            ("objects", self._identify),
            ("tenants", self._tenant),
            ("subscriptions", self._subscribe),
        ):
            for index, inline in enumerate(scenario.get(name, ())):
                with _at(f"{name}[{index}]"):
                    store(inline)

    def run(self) -> JsonObject:
        """Play the script, then wait until nothing is pending; give the result.

        Raises:
            ScenarioError: an entry could not be played.
        """
        script = [
            (instant(entry["at"], self.now), number, entry)
            for number, entry in enumerate(self.scenario.get("script", ()))
        ]
        for at, number, entry in sorted(script, key=lambda item: item[:2]):
            (kind,) = (name for name in entry if name != "at")
            if at < self.world.clock.now():
                raise ScenarioError(f"script[{number}].at", f"{entry['at']} is before `now`")
            self.world.before(at)
            with _at(f"script[{number}].{kind}"):
                self._entries()[kind](entry[kind])
        self._rest()
        return self._result()

    def _result(self) -> JsonObject:
        result = Report(self.world, self.now).document(self.scenario, self.rejected)
        unanswered = [
            {"path": "script.http", "expected": "an answer", "actual": asked}
            for asked in self.world.transport.unanswered
        ]
        expected = self.scenario.get("expect", {})
        failed = unanswered + failures(expected, result, self.now)
        return {"name": result.pop("name"), "ok": not failed, **result, "failures": failed}

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
            "identify": self._identify,
            "set_preferences": self._set_preferences,
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
        body = {k: v for k, v in entry.items() if k not in ("workflow", "recipients")}
        body |= {k: with_ids(body[k], self.channels) for k in ("actor", "tenant") if k in body}
        recipients = [with_ids(recipient, self.channels) for recipient in entry["recipients"]]
        try:
            accepted = self.world.trigger(entry["workflow"], *recipients, **body)
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
        found = [m for m in self.world.messages() if self._hits(m, match)]
        if match.get("nth") is not None:
            found = found[match["nth"] - 1 : match["nth"]]
        if len(found) != 1:
            raise ScenarioError("match", f"expected one message, found {len(found)}: {match}")
        return found[0]

    def _hits(self, m: Message, match: JsonObject) -> bool:
        shown = {
            "workflow": m.workflow,
            "step": m.step_ref,
            "recipient": name_of(m.recipient),
            "tenant": m.tenant,
            "address": m.address or None,
        }
        if match.get("at") is not None and instant(match["at"], self.now) != m.inserted_at:
            return False
        if match.get("channel") is not None and self.channels[match["channel"]] != m.channel_id:
            return False
        return all(shown[name] == match[name] for name in shown if name in match)

    def _set_status(self, entry: JsonObject) -> None:
        status = WorkflowStatus.ACTIVE if entry["active"] else WorkflowStatus.INACTIVE
        self.world.set_status(entry["workflow"], status)

    def _commit(self, entry: JsonObject) -> None:
        definition = entry["definition"]
        more = {k: v for k, v in definition.items() if k != "steps"}
        self.world.workflow(entry["workflow"], definition["steps"], **more)

    def _provider(self, entry: JsonObject) -> None:
        outcomes = [response["outcome"] for response in entry["responses"]]
        self.world.transport.provide(self.channels[entry["channel"]], outcomes)

    def _http(self, entry: JsonObject) -> None:
        self.world.transport.answer(entry.get("match", {}), entry["responses"])

    def _subscribe(self, entry: JsonObject) -> None:
        properties = entry.get("properties", {})
        self.world.subscribe(entry["object"], *entry["recipients"], **properties)

    def _unsubscribe(self, entry: JsonObject) -> None:
        self.world.unsubscribe(entry["object"], *entry["recipients"])

    def _upsert(self, entry: JsonObject) -> None:
        (self._tenant if entry.get("collection") == "$tenants" else self._identify)(entry)

    def _identify(self, inline: Any) -> None:
        self.world.identify(with_ids(inline, self.channels))

    def _tenant(self, inline: Any) -> None:
        self.world.tenant(with_ids(inline, self.channels))

    def _set_preferences(self, entry: JsonObject) -> None:
        content = renamed(entry["preferences"], self.channels)
        self.world.set_preferences(entry["recipient"], entry.get("set", DEFAULT), content)

    def _delete_user(self, id_: str) -> None:
        with self.world.db.transaction() as tx:
            delete_user(tx, self.world.env, id_, self.world.clock.now())
        self.world.work()

    def _downtime(self, entry: JsonObject) -> None:
        self.world.stand_still(instant(entry["until"], self.now))


@contextmanager
def _at(path: str) -> Iterator[None]:
    """Tell where in the file stands what the engine refuses."""
    try:
        yield
    except InvalidInput as error:
        problem = error.problems[0] if error.problems else None
        place = f" ({problem.path})" if problem and problem.path else ""
        reason = problem.message if problem else error.message
        raise ScenarioError(path, f"{reason}{place}") from None
    except RequestError as error:
        raise ScenarioError(path, error.message) from None
    except ScenarioError as error:
        raise ScenarioError(f"{path}.{error.path}".rstrip("."), error.reason) from None
