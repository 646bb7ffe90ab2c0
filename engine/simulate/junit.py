"""Write results as JUnit XML: one suite, one case per scenario file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from engine.simulate.text import difference
from storage.records import JsonObject

_SUITE: Final = "tocsin simulate"
# What XML 1.0 cannot hold, however it is escaped.
_ILLEGAL: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def as_junit(outcomes: Sequence[tuple[str, JsonObject | str]]) -> str:
    """Write file names with their results; a text stands for what is wrong with a file.

    No times are written: the same files give the same bytes.
    """
    failed = sum(isinstance(o, dict) and not o["ok"] for _, o in outcomes)
    wrong = sum(isinstance(o, str) for _, o in outcomes)
    counts = f'tests="{len(outcomes)}" failures="{failed}" errors="{wrong}" time="0"'
    cases = "".join(_case(file, outcome) for file, outcome in outcomes)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<testsuites name={_attribute(_SUITE)} {counts}>\n"
        f"  <testsuite name={_attribute(_SUITE)} {counts}>\n{cases}  </testsuite>\n</testsuites>\n"
    )


def _case(file: str, outcome: JsonObject | str) -> str:
    name = file if isinstance(outcome, str) else outcome["name"] or file
    head = f'    <testcase classname={_attribute(file)} name={_attribute(name)} time="0"'
    if isinstance(outcome, str):
        return _with(head, "error", "the scenario is wrong", [outcome])
    if outcome["ok"]:
        return f"{head}/>\n"
    lines = [difference(failure) for failure in outcome["failures"]]
    return _with(head, "failure", lines[0], lines)


def _with(head: str, tag: str, message: str, lines: Sequence[str]) -> str:
    text = escape(_legal("\n".join(lines)))
    return (
        f'{head}>\n      <{tag} type="{tag}" message={_attribute(message)}>{text}</{tag}>\n'
        "    </testcase>\n"
    )


def _attribute(text: str) -> str:
    return quoteattr(_legal(text))


def _legal(text: str) -> str:
    return _ILLEGAL.sub("\ufffd", text)
