"""The page of run statuses, timeline events and reasons."""

from __future__ import annotations

from typing import Final

from docs.generate.markdown import code, sections, table
from docs.generate.sources import reasons, timeline_events
from docs.generate.wording import EVENTS, REASONS, RUNS
from storage.records import RunStatus

_INTRODUCTION: Final = """
# Run statuses, timeline and reasons

Every run keeps a timeline: what happened, at which step, when, and why. The dashboard shows it in
sentences, `tocsin runs <id>` and the API show it as it is stored. Whatever was *not* sent has an
entry with a reason.
"""


def page() -> str:
    """Write the page."""
    return sections(
        _INTRODUCTION,
        "## Run statuses",
        table(("Status", "Meaning"), [(code(s.value), RUNS[s.value]) for s in RunStatus]),
        "## Timeline events",
        _listed(timeline_events(), EVENTS, "Event", "What happened"),
        "## Reasons",
        "Why a step was skipped, or why a run ended before its last step.",
        table(
            ("Reason", "Stands in", "Meaning"),
            [(code(name), code(REASONS[name][0]), REASONS[name][1]) for name in sorted(reasons())],
        ),
    )


def _listed(found: set[str], words: dict[str, str], *headers: str) -> str:
    return table(headers, [(code(name), words[name]) for name in words if name in found])
