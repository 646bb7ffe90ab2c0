"""The page of the condition operators."""

from __future__ import annotations

from typing import Final

from docs.generate.markdown import code, first_line, sections, table
from engine.conditions.operators import OPERATORS, Arity, Kind, Operator

_INTRODUCTION: Final = """
# Conditions

A condition compares a variable with an argument. Groups join conditions: `all` means and, `any`
means or, and groups may be nested. A workflow, a step, an arm of a branch and a channel can have
conditions.

```json
{
  "all": [
    {"variable": "recipient.plan", "operator": "equal_to", "argument": "pro"},
    {"variable": "data.total", "operator": "greater_than", "argument": "100"}
  ]
}
```

A variable is a path into the [scope](../concepts.md#scope): `data.…`, `recipient.…`, `actor.…`,
`tenant.…`, `vars.…`, `workflow.…`, `run.…`, or `refs.<step ref>.delivery_status` and
`refs.<step ref>.engagement_status` for the messages of an earlier step. A variable that leads
nowhere counts as the empty text; no operator ever fails, whatever the data. An argument is a JSON
value, a path, or a text with Liquid in it. For statuses it is written `$message.seen`,
`$message.delivered` and so on.

The timeline of a run shows each condition with the value it found and whether it held.
"""
_ARGUMENTS: Final = {
    Kind.ANY: "any value",
    Kind.NUMBER: "a number, or a text to compare by code point",
    Kind.TIMESTAMP: "a timestamp",
    Kind.LIST: "a value or a list",
    Kind.AUDIENCE: "the key of an audience",
}


def page() -> str:
    """Write the page."""
    rows = [
        (
            code(operator.name),
            operator.title,
            _argument(operator),
            first_line(operator.test),
            "yes" if operator.for_status else "",
        )
        for operator in OPERATORS.values()
    ]
    aliases = [
        f"`{alias}` is another name of `{operator.name}`."
        for operator in OPERATORS.values()
        for alias in operator.aliases
    ]
    return sections(
        _INTRODUCTION,
        table(("Operator", "Shown as", "Argument", "Meaning", "For statuses"), rows),
        " ".join(aliases),
    )


def _argument(operator: Operator) -> str:
    if operator.argument is Arity.NONE:
        return "none"
    kind = _ARGUMENTS[operator.kind]
    return f"a list of two: {kind}" if operator.argument is Arity.TWO else kind
