"""One run: what happened, step by step, and in plain words why something was not sent."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

import orjson

from designer.elements import Moment, copyable, div, icon, link, para, span, tag, visually_hidden
from designer.frame import frame
from designer.live import Live
from designer.outline import step_names
from designer.pages.missing import missing_thing
from designer.reasons import Told, tell
from designer.retrying import retry_run_button
from designer.states import message_badge, run_badge
from designer.times import clock_time, day_name, exact
from designer.times import span as time_span
from designer.visit import Visit
from designer.wording import channel_icon, channel_title, recipient_title
from storage.definitions import get_version
from storage.logs import run_timeline
from storage.records import JsonObject, RecipientRef, RunStatus
from storage.run_pages import RunDetail, run_detail

# Entries that say nothing an author wants to read first; the raw log has them.
_QUIET = frozenset({"step_started", "step_completed", "run_resumed"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Story:
    detail: RunDetail
    told: tuple[Told, ...]
    log: tuple[JsonObject, ...]
    workflow: str


def _load(visit: Visit, run_id: str) -> _Story | None:
    sql = visit.database.read()
    detail = run_detail(sql, visit.key, run_id)
    if detail is None:
        return None
    run = detail.run
    version = get_version(sql, visit.key, run.workflow, run.version)
    definition: JsonObject = version.definition if version else {}
    names = step_names(definition)
    entries = run_timeline(sql, visit.key, run_id)
    return _Story(
        detail=detail,
        told=tuple(
            tell(entry, names, visit.zone) for entry in entries if entry.get("event") not in _QUIET
        ),
        log=tuple(entries),
        workflow=str(definition.get("name") or run.workflow),
    )


async def build(visit: Visit) -> None:
    """Draw the run and follow it until it has ended."""
    run_id = visit.param("run_id")
    story = await asyncio.to_thread(_load, visit, run_id)
    crumb = ("Runs", visit.address("runs"))
    if story is None:
        with frame(visit, "runs", "Run not found", crumb=crumb):
            missing_thing(
                "There is no such run here",
                "Runs vanish when their time is up. It may also belong to another environment.",
                ("All runs", crumb[1]),
            )
        return
    title = recipient_title(story.detail.run.recipient, _name(story.detail))
    with frame(visit, "runs", story.workflow, lead=f"For {title}", crumb=crumb) as head:
        live: Live[_Story | None] = Live(lambda: asyncio.to_thread(_load, visit, run_id), story)
        live.part(head.actions, _state, lambda s: _head(visit, run_id, s, live))
        with div("halves"):
            timeline = div("stack")
            with div("stack"):
                facts = div()
                messages = div()
                _data_card(story.detail)
        live.part(
            timeline,
            lambda s: (s.told, s.log) if s else ((), ()),
            lambda shown: _timeline(visit, *shown),
        )
        live.part(facts, lambda s: s, lambda s: _facts(visit, s))
        live.part(messages, lambda s: s.detail.messages if s else (), lambda m: _messages(visit, m))
        is_over = story.detail.run.status in (RunStatus.COMPLETED, RunStatus.CANCELLED)
        if not is_over or story.detail.is_parked:
            live.run(visit)


def _state(story: _Story | None) -> tuple[str, int, bool]:
    if story is None:
        return "", 0, False
    run = story.detail.run
    return run.status.value, run.error_count, story.detail.is_parked


def _head(
    visit: Visit, run_id: str, state: tuple[str, int, bool], live: Live[_Story | None]
) -> None:
    status, errors, is_parked = state
    run_badge(status, errors, is_parked=is_parked)
    if is_parked:
        retry_run_button(visit, run_id, live.refresh)


def _name(detail: RunDetail) -> str | None:
    found = (detail.properties or {}).get("name")
    return str(found) if found else None


# ------------------------------------------------------------------ timeline


def _timeline(visit: Visit, told: Sequence[Told], log: Sequence[JsonObject]) -> None:
    with tag("section", None, "card", aria_labelledby="timeline-title"):
        with div("card-head"):
            tag("h2", "Timeline", id="timeline-title")
        if not told:
            para("Nothing has happened yet. This page shows it the moment it does.", "card-body")
            return
        dated = groupby(told, lambda t: day_name(t.at, visit.now, visit.zone) if t.at else "")
        for day, entries in dated:
            tag("h3", day, "timeline-day")
            with tag("ol", None, "timeline"):
                for entry in entries:
                    _entry(visit, entry)
        if log:
            with tag("details", None, "raw full-log"):
                tag("summary", "Full log")
                copyable(_pretty(list(log)), "JSON", name="Full log")


def _entry(visit: Visit, told: Told) -> None:
    with tag("li", None, f"timeline-entry {told.tone}".strip()):
        with div("timeline-mark"):
            icon(told.icon)
        with div("timeline-text"):
            with div("timeline-top"):
                span(told.title, "timeline-title")
                if told.at is not None:
                    tag(
                        "time", clock_time(told.at, visit.zone), "moment number",
                        datetime=told.at.isoformat(), title=exact(told.at, visit.zone),
                    )  # fmt: skip
            if told.sentence:
                para(told.sentence, "timeline-sentence")
            if told.clauses:
                with tag("ul", None, "clauses"):
                    for result, text in told.clauses:
                        _clause(result, text)
            if told.message_id:
                link("Look at the message", visit.address(f"messages/{told.message_id}"))


_RESULTS: Final[dict[bool | None, tuple[str, str, str]]] = {
    True: ("ok", "check", "Holds: "),
    False: ("bad", "close", "Does not hold: "),
    None: ("idle", "skip", ""),
}


def _clause(result: bool | None, text: str) -> None:
    tone, symbol, word = _RESULTS[result]
    with tag("li", None, f"clause {tone}"):
        icon(symbol)
        if word:
            visually_hidden(word)
        span(text)


# ------------------------------------------------------------------ beside it


def _facts(visit: Visit, story: _Story | None) -> None:
    if story is None:
        return
    run, trigger = story.detail.run, story.detail.trigger
    with tag("section", None, "card", aria_labelledby="facts-title"):
        with div("card-head"):
            tag("h2", "Facts", id="facts-title")
        with tag("dl", None, "facts card-body"):
            tag("dt", "Recipient")
            with tag("dd"):
                span(recipient_title(run.recipient, _name(story.detail)))
                if _name(story.detail):
                    span(f" {run.recipient.id}", "mono muted")
            tag("dt", "Workflow")
            with tag("dd"):
                link(story.workflow, visit.address(f"workflows/{run.workflow}"))
                span(f" version {run.version}", "muted")
            tag("dt", "Started")
            with tag("dd"):
                Moment(run.inserted_at, visit.now, visit.zone, "")
            if run.status is RunStatus.PAUSED and run.wake_at is not None:
                tag("dt", "Goes on")
                with tag("dd"):
                    Moment(run.wake_at, visit.now, visit.zone, "")
            elif run.status in (RunStatus.COMPLETED, RunStatus.CANCELLED):
                tag("dt", "Took")
                tag("dd", time_span(run.updated_at - run.inserted_at))
            if run.tenant:
                tag("dt", "Tenant")
                tag("dd", run.tenant)
            if trigger is not None and trigger.actor is not None:
                tag("dt", "Actor")
                tag("dd", _ref(trigger.actor))
            if trigger is not None and trigger.source_type != "api":
                tag("dt", "Source")
                tag("dd", trigger.source_type.replace("_", " ").capitalize())
            _copyable_fact("Run id", run.id)
            _copyable_fact("Trigger id", run.trigger_id)


def _ref(ref: RecipientRef) -> str:
    return recipient_title(ref, None)


def _copyable_fact(title: str, value: str) -> None:
    tag("dt", title)
    with tag("dd"), tag("span", None, "with-copy"):
        span(value, "mono clip")
        with tag("button", None, "copy", type_="button", data_copy=value):
            icon("copy")
            visually_hidden(f"Copy the {title.lower()}")


def _messages(visit: Visit, messages: Sequence[tuple[str, str, str, str, str]]) -> None:
    with tag("section", None, "card", aria_labelledby="messages-title"):
        with div("card-head"):
            tag("h2", "Messages", id="messages-title")
        if not messages:
            para("This run has sent nothing. The timeline says why.", "card-body muted")
            return
        with tag("ul", None, "rows"):
            for id_, _, channel_type, status, address in messages:
                with tag("li"):
                    with div("tile small"):
                        icon(channel_icon(channel_type))
                    with div("row-text"):
                        link(
                            channel_title(channel_type), visit.address(f"messages/{id_}"),
                            "row-link clip",
                        )  # fmt: skip
                        if address:
                            span(address, "row-note clip")
                    message_badge(status)


def _data_card(detail: RunDetail) -> None:
    trigger = detail.trigger
    with tag("section", None, "card", aria_labelledby="data-title"):
        with div("card-head"):
            tag("h2", "Data of the trigger", id="data-title")
        with div("card-body"):
            if trigger is not None and trigger.data:
                copyable(_pretty(trigger.data), "JSON", name="The data as JSON")
            else:
                para("The trigger came without data.", "muted")


def _pretty(data: Any) -> str:
    return orjson.dumps(data, option=orjson.OPT_INDENT_2).decode()
