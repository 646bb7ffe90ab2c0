"""Read the two sides of a condition once, so that deciding it only resolves them.

An argument is stored as text. It is, in this order: Liquid, a message status,
a path (`data.plan`), JSON (`5`, `"5"`, `["a"]`), or else the text itself.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Literal

import orjson

from engine.conditions.operators import Arity, Kind, Operator
from engine.conditions.scope import Evaluation
from engine.conditions.statuses import (
    PREFIX,
    Status,
    as_status,
    deciding,
    engagement_list,
    highest,
)
from engine.conditions.timestamps import parse_relative, shifted
from engine.conditions.values import MISSING

NAMESPACES: Final = (
    "data",
    "recipient",
    "actor",
    "tenant",
    "vars",
    "workflow",
    "run",
    "refs",
    "event",
)

STATUS_FIELDS: Final = ("delivery_status", "engagement_status", "status")

# Longer texts are texts, not paths.
_MAX_PATH: Final = 1_000


class _Unknown:
    """The type of `UNKNOWN`: a status that cannot be told; every clause on it is false."""

    __slots__ = ()


UNKNOWN: Final = _Unknown()


class Operand(ABC):
    """One side of a condition, ready to be resolved."""

    __slots__ = ()

    @abstractmethod
    def resolve(self, at: Evaluation) -> Any:
        """Give the value in this evaluation."""

    def liquid(self) -> tuple[str, ...]:
        """List the texts that must be rendered before."""
        return ()

    def paths(self) -> tuple[tuple[str, ...], ...]:
        """List the paths that are looked up."""
        return ()


@dataclass(frozen=True, slots=True)
class Constant(Operand):
    """A value that stands in the condition itself; `raw` is its text, if stored as one."""

    value: Any
    raw: str | None = None

    def resolve(self, at: Evaluation) -> Any:
        """Give the value."""
        at.raw = self.raw
        return self.value


@dataclass(frozen=True, slots=True)
class Path(Operand):
    """A path into the namespaces."""

    parts: tuple[str, ...]

    def resolve(self, at: Evaluation) -> Any:
        """Follow the path; `MISSING` where it leads nowhere."""
        node: Any = at.scope.namespaces
        for name in self.parts:
            # Plain dictionaries first: asking for `Mapping` takes ten times as long.
            if type(node) is dict or isinstance(node, Mapping):
                node = node.get(name, MISSING)
            elif isinstance(node, list | tuple) and _is_index(name) and int(name) < len(node):
                node = node[int(name)]
            else:
                return MISSING
        return node

    def paths(self) -> tuple[tuple[str, ...], ...]:
        """List this one."""
        return (self.parts,)


@dataclass(frozen=True, slots=True)
class Nowhere(Operand):
    """A variable that names no known namespace: always missing."""

    def resolve(self, at: Evaluation) -> Any:
        """Give `MISSING`."""
        return MISSING


@dataclass(frozen=True, slots=True)
class MessageStatus(Operand):
    """How far the messages of an earlier step got."""

    ref: str
    facet: Literal["delivery", "engagement", "highest"]

    def resolve(self, at: Evaluation) -> Any:
        """Give the status, or the list of engagements; `UNKNOWN` if it cannot be told."""
        if at.scope.statuses is None:
            return UNKNOWN
        states = at.scope.statuses.get(self.ref, ())
        state = deciding(states)
        if state is None:
            return [] if self.facet == "engagement" else Status("skipped")
        if state.expired or any(other.expired for other in states):
            return UNKNOWN
        if self.facet == "delivery":
            return Status(state.delivery)
        return highest(state) if self.facet == "highest" else engagement_list(state.engagement)

    def paths(self) -> tuple[tuple[str, ...], ...]:
        """List the path to the step."""
        return (("refs", self.ref),)


@dataclass(frozen=True, slots=True)
class Relative(Operand):
    """A timestamp that is counted from the moment of evaluation."""

    distance: timedelta

    def resolve(self, at: Evaluation) -> Any:
        """Give the absolute timestamp as text."""
        return shifted(at.now, self.distance)


@dataclass(frozen=True, slots=True)
class Pair(Operand):
    """A list whose items are operands themselves, such as two dynamic bounds."""

    items: tuple[Operand, ...]

    def resolve(self, at: Evaluation) -> Any:
        """Resolve every item; missing ones are empty texts."""
        values = [item.resolve(at) for item in self.items]
        return ["" if value is MISSING else value for value in values]

    def liquid(self) -> tuple[str, ...]:
        """List the texts of all items."""
        return tuple(text for item in self.items for text in item.liquid())

    def paths(self) -> tuple[tuple[str, ...], ...]:
        """List the paths of all items."""
        return tuple(path for item in self.items for path in item.paths())


@dataclass(frozen=True, slots=True)
class Liquid(Operand):
    """A template; the caller renders it, the result is decoded but never taken as a path.

    What it renders to may come from a stranger, who must not be able to name
    a secret variable.
    """

    text: str
    spec: Operator

    def resolve(self, at: Evaluation) -> Any:
        """Decode the rendered text; missing if it was not rendered."""
        rendered = at.scope.rendered.get(self.text)
        if rendered is None:
            return MISSING
        return decode(rendered, self.spec, dynamic=False).resolve(at)

    def liquid(self) -> tuple[str, ...]:
        """List this one."""
        return (self.text,)


@dataclass(frozen=True, slots=True)
class AsStatus(Operand):
    """An argument that is compared with a message status."""

    inner: Operand

    def resolve(self, at: Evaluation) -> Any:
        """Resolve the argument and read it as statuses."""
        return as_status(self.inner.resolve(at))

    def liquid(self) -> tuple[str, ...]:
        """List the texts of the argument."""
        return self.inner.liquid()

    def paths(self) -> tuple[tuple[str, ...], ...]:
        """List the paths of the argument."""
        return self.inner.paths()


def read_variable(text: str, spec: Operator) -> Operand:
    """Read the left side: a path or a message status."""
    parts = tuple(text.split(".")) if len(text) <= _MAX_PATH else ()
    if not parts or parts[0] not in NAMESPACES or not all(parts):
        return Nowhere()
    if parts[0] == "refs" and len(parts) == 3 and parts[2] in STATUS_FIELDS:
        if parts[2] == "delivery_status":
            return MessageStatus(parts[1], "delivery")
        if parts[2] == "engagement_status" or spec.kind is Kind.LIST:
            return MessageStatus(parts[1], "engagement")
        return MessageStatus(parts[1], "highest")
    return Path(parts)


def read_argument(argument: Any, spec: Operator, *, is_status: bool) -> Operand:
    """Read the right side; a native JSON value is taken as it is."""
    if isinstance(argument, str):
        operand = decode(argument, spec, dynamic=True)
    else:
        operand = _known(argument, spec, raw=None, dynamic=True)
    if not is_status:
        return operand
    if isinstance(operand, Constant):
        return Constant(as_status(operand.value), operand.raw)
    return AsStatus(operand)


def decode(text: str, spec: Operator, *, dynamic: bool) -> Operand:
    """Read an argument's text; only with `dynamic` it may be Liquid or a path."""
    if dynamic and ("{{" in text or "{%" in text):
        return Liquid(text, spec)
    if text.startswith(PREFIX):
        return Constant(text, text)
    if dynamic and is_path(text):
        return Path(tuple(text.split(".")))
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        value = text
    if spec.kind is Kind.AUDIENCE and not isinstance(value, str):
        value = text  # a key such as 2024 is a key, not a number
    return _known(value, spec, raw=text, dynamic=dynamic)


def is_path(text: str) -> bool:
    """Say whether a text is a known namespace with a path behind it."""
    if len(text) > _MAX_PATH or "." not in text or any(map(str.isspace, text)):
        return False
    namespace, *names = text.split(".")
    return namespace in NAMESPACES and all(names)


def _known(value: Any, spec: Operator, *, raw: str | None, dynamic: bool) -> Operand:
    if spec.kind is Kind.TIMESTAMP:
        distance = parse_relative(value)
        if distance is not None:
            return Relative(distance)
    if spec.argument is Arity.TWO and isinstance(value, list):
        return Pair(tuple(_item(item, spec, dynamic=dynamic) for item in value[:3]))
    return Constant(value, raw)


def _item(item: Any, spec: Operator, *, dynamic: bool) -> Operand:
    """Read one bound of a pair: texts may be dynamic but are not decoded twice."""
    if isinstance(item, str) and dynamic:
        if "{{" in item or "{%" in item:
            return Liquid(item, spec)
        if is_path(item):
            return Path(tuple(item.split(".")))
    distance = parse_relative(item) if spec.kind is Kind.TIMESTAMP else None
    return Constant(item) if distance is None else Relative(distance)


def _is_index(name: str) -> bool:
    return name.isascii() and name.isdigit()  # `int` refuses digits such as a superscript two
