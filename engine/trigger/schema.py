"""Know what a version says about its triggers: data schema (E-10) and frequency (E-22)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from engine.errors import InvalidInput, Problem
from engine.trigger.frequency import EVERY_TRIGGER
from storage import definitions
from storage.definitions import CurrentVersion
from storage.records import JsonObject
from storage.tx import Tx

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import ValidationError

    from engine.trigger.accept import TriggerCommand

_KEPT: Final = 500
_MOST_PROBLEMS: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rules:
    validator: Draft202012Validator | None
    frequency: str


class Schemas:
    """The trigger rules of workflow versions, compiled once; a version never changes."""

    def __init__(self) -> None:
        """Start with none."""
        self._rules: OrderedDict[str, _Rules] = OrderedDict()

    def check(
        self,
        tx: Tx,
        command: TriggerCommand,
        version: CurrentVersion,
        own: Sequence[JsonObject | None],
    ) -> None:
        """Validate `data`, and the merged data of each recipient that brings its own.

        Raises:
            InvalidInput: one problem per fault, with its path.
        """
        validator = self._rules_of(tx, command, version).validator
        if validator is None:
            return
        problems = _problems(validator, command.data, "data")
        for index, extra in enumerate(own):
            if extra:
                path = f"recipients[{index}].$trigger_data"
                problems += _problems(validator, {**command.data, **extra}, path)
        if problems:
            raise InvalidInput(problems=problems[:_MOST_PROBLEMS])

    def frequency(self, tx: Tx, command: TriggerCommand, version: CurrentVersion) -> str:
        """Return how often the version runs per recipient; a rehearsal runs always."""
        if command.source_type == "rehearsal":
            return EVERY_TRIGGER
        return self._rules_of(tx, command, version).frequency

    def _rules_of(self, tx: Tx, command: TriggerCommand, version: CurrentVersion) -> _Rules:
        if version.id in self._rules:
            return self._rules[version.id]
        stored = definitions.get_version(tx, command.environment, command.workflow, version.number)
        definition = stored.definition if stored else {}
        schema: Any = definition.get("trigger_data_json_schema")
        validator = None
        if isinstance(schema, dict) and schema:
            # Imported with the first schema: most workflows have none, and a start is faster.
            from jsonschema import Draft202012Validator
            from referencing import Registry

            # An empty registry: a `$ref` to another host must never be fetched.
            validator = Draft202012Validator(schema, registry=Registry())
        frequency = str(definition.get("trigger_frequency") or EVERY_TRIGGER)
        rules = self._rules[version.id] = _Rules(validator=validator, frequency=frequency)
        while len(self._rules) > _KEPT:
            self._rules.popitem(last=False)
        return rules


def _problems(validator: Draft202012Validator, data: JsonObject, path: str) -> list[Problem]:
    found: list[Problem] = []
    for error in _errors(validator, data):
        where = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in error.absolute_path)
        found.append(
            Problem(message=error.message[:500], path=path + where, rule=str(error.validator))
        )
        if len(found) >= _MOST_PROBLEMS:
            break
    return found


def _errors(validator: Draft202012Validator, data: JsonObject) -> Iterator[ValidationError]:
    from referencing.exceptions import Unresolvable

    try:
        yield from validator.iter_errors(data)
    except Unresolvable as error:
        raise InvalidInput(
            f"The workflow's data schema refers to {error.ref!r}, which it does not contain."
        ) from None
