"""The overview: how the environment is doing right now, and where to go next."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any

from designer.catalog import WorkflowRow
from designer.elements import Moment, Tag, copyable, div, icon, link, para, span, tag
from designer.frame import frame
from designer.live import Live, Rows
from designer.pulse import Overview, overview_of
from designer.rows import message_item, run_item
from designer.states import MESSAGES, workflow_badge
from designer.times import clock_time, count
from designer.trigger_calls import import_command, sample_data, trigger_calls
from designer.visit import Visit
from designer.wording import plural
from storage.dashboard import Pulse, definition_of, some_user
from storage.message_pages import MessageRow
from storage.run_pages import RunRow

# Today's messages by state, in the order of the bar.
_STATES = ("sent", "queued", "delivery_attempted", "not_sent", "bounced", "undelivered")


async def build(visit: Visit) -> None:
    """Draw the overview and keep it fresh."""
    first = await overview_of(visit)
    lead = f"{visit.account}: what {visit.environment.name.lower()} is doing right now"
    with frame(visit, "overview", "Overview", lead=lead):
        live = Live(partial(overview_of, visit), first)
        live.part(div("stats"), lambda o: (o.pulse, o.hours), partial(_stats, visit))
        _next_step(visit, first)
        with div("halves"):
            with div("stack"):
                _runs_card(visit, live)
                _caught_card(visit, live)
            _workflows_card(visit, live)
        live.run(visit)


# ------------------------------------------------------------------ numbers


def _stats(visit: Visit, shown: tuple[Pulse, tuple[tuple[datetime, int], ...]]) -> None:
    pulse, hours = shown
    with div("card stat wide"):
        _figure("Messages today", pulse.total)
        _states_bar(pulse)
        _hours_chart(visit, hours)
    with div("stat-grid"):
        with div("card stat"):
            _figure("Triggers today", pulse.triggers)
            para("Accepted since midnight", "stat-note")
        with div("card stat"):
            _figure("Runs in progress", pulse.in_progress)
            with tag("p", None, "stat-note"):
                span(f"{count(pulse.paused)} waiting")
                if pulse.next_wake is not None and pulse.paused:
                    span(", next ")
                    Moment(pulse.next_wake, visit.now, visit.zone, "")
        with div("card stat bad" if pulse.failing else "card stat"):
            _figure("Deliveries failing", pulse.failing)
            para(_failing_note(pulse), "stat-note")
        with div("card stat"):
            _figure("Queue", pulse.outbox)
            with tag("p", None, "stat-note"):
                if pulse.oldest_due is None:
                    span("Nothing is overdue")
                else:
                    span("Oldest due ")
                    Moment(pulse.oldest_due, visit.now, visit.zone, "")


def _figure(title: str, number: int) -> None:
    tag("h2", title, "stat-title")
    tag("p", count(number), "stat-number number")


def _failing_note(pulse: Pulse) -> str:
    if not pulse.failing:
        return "Nothing has failed today"
    retried = pulse.messages.get("delivery_attempted", 0)
    lost = pulse.failing - retried
    parts = [f"{count(retried)} tried again"] if retried else []
    return ", ".join([*parts, *([f"{count(lost)} given up"] if lost else [])])


def _states_bar(pulse: Pulse) -> None:
    shown = [(state, pulse.messages[state]) for state in _STATES if pulse.messages.get(state)]
    if not shown:
        para("None yet. The bars show the last 24 hours.", "stat-note first-note")
        return
    with div("bar", aria_hidden="true"):
        for state, number in shown:
            div(f"bar-part {state}").style(f"flex-grow: {number}")
    with tag("ul", None, "legend"):
        for state, number in shown:
            with tag("li"):
                tag("i", None, f"key {state}", aria_hidden="true")
                span(MESSAGES[state][0])
                tag("b", count(number), "number")


def _hours_chart(visit: Visit, hours: tuple[tuple[datetime, int], ...]) -> None:
    most = max((number for _, number in hours), default=0)
    total = plural(sum(number for _, number in hours), "message")
    label = f"Messages per hour: {total} in the last {len(hours)} hours, at most {most} in one hour"
    with div("chart", role="img", aria_label=label):
        for start, number in hours:
            height = max(round(100 * number / most), 3) if number else 0
            clock = clock_time(start, visit.zone)[:5]
            div(
                "chart-bar" if number else "chart-bar none",
                title=f"{clock}: {plural(number, 'message')}",
            ).style(f"height: {height}%")
    if hours:
        with div("chart-feet", aria_hidden="true"):
            for start in (hours[0][0], hours[len(hours) // 2][0], hours[-1][0]):
                span(clock_time(start, visit.zone)[:5])


# ------------------------------------------------------------------ first steps


def _next_step(visit: Visit, overview: Overview) -> None:
    if not overview.workflows:
        with div("card empty first"):
            with div("tile"):
                icon("workflows")
            tag("h2", "Bring your first workflow")
            para(
                "Put a folder with workflows, in the format of the command line, beside this"
                " server and import it. It can be triggered at once."
            )
            copyable(
                import_command(visit.key),
                "Shell",
                name="Import workflows",
            )
    elif not overview.pulse.triggers and not overview.runs:
        ready = next((w for w in overview.workflows if w.head.version), overview.workflows[0])
        sql = visit.database.read()
        definition = definition_of(sql, visit.key, ready.key)
        recipient = some_user(sql, visit.key) or "ann"
        with div("card first"):
            with div("card-head"):
                tag("h2", f"Send the first message: trigger “{ready.name}”")
            with div("card-body"):
                trigger_calls(
                    visit.base_url, visit.key, ready.key, recipient, sample_data(definition)
                )


# ------------------------------------------------------------------ lists


def _card(title: str, more: tuple[str, str]) -> Tag:
    card = tag("section", None, "card")
    with card, div("card-head"):
        tag("h2", title)
        with link(None, more[1], "more"):
            span(more[0])
            icon("right")
    return card


def _runs_card(visit: Visit, live: Live[Overview]) -> None:
    names: dict[str, str] = {}
    with _card("Latest runs", ("All runs", visit.address("runs"))):
        body = tag("ul", None, "rows")
        rows: Rows[RunRow] = Rows(
            body, lambda r: r.id, lambda r: run_item(visit, r, names), partial(tag, "li")
        )
        empty = div("empty")

    def show(found: tuple[Any, Any]) -> None:
        names.update(found[1])
        rows.show(found[0])
        empty.set_visibility(not found[0])

    with empty:
        tag("h3", "No runs yet")
        para("Each recipient of a trigger gets a run. It appears here the moment it starts.")
    live.follow(lambda o: (o.runs, o.names), show)


def _caught_card(visit: Visit, live: Live[Overview]) -> None:
    with _card("Inbox", ("Open the inbox", visit.address("inbox"))):
        body = tag("ul", None, "rows")
        rows: Rows[MessageRow] = Rows(
            body,
            lambda m: m.id,
            lambda m: message_item(visit, m, visit.address(f"inbox/{m.id}"), with_state=False),
            partial(tag, "li"),
        )
        empty = div("empty")

    def show(found: tuple[Any, ...]) -> None:
        rows.show(found)
        empty.set_visibility(not found)

    with empty:
        tag("h3", "No messages caught")
        para(
            "Messages of channels without a provider land here instead of leaving the server,"
            " and everything shown in feeds."
        )
    live.follow(lambda o: o.caught, show)


def _workflows_card(visit: Visit, live: Live[Overview]) -> None:
    def draw(row: WorkflowRow) -> None:
        with div("row-text"):
            link(row.name, visit.address(f"workflows/{row.key}"), "row-link clip")
            span(row.short, "row-note clip")
            with tag("span", None, "row-note"):
                if row.head.last_triggered is None:
                    span("Never triggered")
                else:
                    span("Triggered ")
                    Moment(row.head.last_triggered, visit.now, visit.zone, "")
        workflow_badge(row.head.status)

    with _card("Workflows", ("All workflows", visit.address("workflows"))):
        rows: Rows[WorkflowRow] = Rows(
            tag("ul", None, "rows"), lambda w: w.key, draw, partial(tag, "li")
        )
        empty = div("empty")

    def show(found: tuple[Any, ...]) -> None:
        rows.show(found)
        empty.set_visibility(not found)

    with empty:
        tag("h3", "No workflows")
        para("Workflows that you import or create show up here.")
    live.follow(lambda o: o.workflows, show)
