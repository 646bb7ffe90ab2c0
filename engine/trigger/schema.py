"""Check trigger data against a workflow's JSON Schema (engine E-10)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from referencing import Registry
from referencing.exceptions import Unresolvable

from engine.errors import InvalidInput, Problem
from storage import definitions
from storage.definitions import CurrentVersion
from storage.records import JsonObject
from storage.tx import Tx

if TYPE_CHECKING:
    from engine.trigger.accept import TriggerCommand

_KEPT: Final = 500
_MOST_PROBLEMS: Final = 50


class Schemas:
    """Validators of workflow versions, compiled once; a version never changes."""

    def __init__(self) -> None:
        """Start with none."""
        self._validators: OrderedDict[str, Draft202012Validator | None] = OrderedDict()

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
        validator = self._validator(tx, command, version)
        if validator is None:
            return
        problems = _problems(validator, command.data, "data")
        for index, extra in enumerate(own):
            if extra:
                path = f"recipients[{index}].$trigger_data"
                problems += _problems(validator, {**command.data, **extra}, path)
        if problems:
            raise InvalidInput(problems=problems[:_MOST_PROBLEMS])

    def _validator(
        self, tx: Tx, command: TriggerCommand, version: CurrentVersion
    ) -> Draft202012Validator | None:
        if version.id in self._validators:
            return self._validators[version.id]
        stored = definitions.get_version(tx, command.environment, command.workflow, version.number)
        schema: Any = stored.definition.get("trigger_data_json_schema") if stored else None
        validator = None
        if isinstance(schema, dict) and schema:
            # An empty registry: a `$ref` to another host must never be fetched.
            validator = Draft202012Validator(schema, registry=Registry())
        self._validators[version.id] = validator
        while len(self._validators) > _KEPT:
            self._validators.popitem(last=False)
        return validator


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
    try:
        yield from validator.iter_errors(data)
    except Unresolvable as error:
        raise InvalidInput(
            f"The workflow's data schema refers to {error.ref!r}, which it does not contain."
        ) from None
