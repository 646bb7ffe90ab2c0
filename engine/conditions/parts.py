"""The read form of conditions: immutable, every argument decoded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

from engine.conditions.operands import MessageStatus, Operand
from engine.conditions.operators import Operator


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One variable, operator and argument; `path` says where it stands in the definition.

    `operator` is the name as written, an alias perhaps. `is_hopeless` marks a
    message status compared with something else: it is false, whatever the data.
    """

    path: str
    variable: str
    operator: str
    argument: Any
    spec: Operator
    subject: Operand
    operand: Operand
    is_hopeless: bool = False

    @property
    def is_status(self) -> bool:
        """Say whether it asks for a message status."""
        return isinstance(self.subject, MessageStatus)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionGroup:
    """Conditions and groups of which any, or else all, must hold.

    `conditions` lists every condition inside, nested ones too, left to right;
    `liquid` their argument texts that must be rendered before, each once.
    """

    is_any: bool
    items: tuple[GroupItem, ...]
    conditions: tuple[Condition, ...]
    liquid: tuple[str, ...]


GroupItem: TypeAlias = Condition | ConditionGroup
