"""All workflows of an environment: searchable, with state, version and what they consist of."""

from __future__ import annotations

import asyncio

from nicegui import ui

from designer.catalog import WorkflowRow
from designer.elements import Moment, Tag, badge, copyable, div, icon, link, para, span, tag
from designer.frame import frame
from designer.states import workflow_badge
from designer.trigger_calls import import_command
from designer.visit import Visit
from designer.wording import plural

_COLUMNS = (("Workflow", ""), ("State", ""), ("Version", ""), ("Last triggered", "end"))


async def build(visit: Visit) -> None:
    """Draw the list; typing in the search field narrows it at once."""
    rows = await asyncio.to_thread(
        lambda: visit.services.catalog.rows(visit.database.read(), visit.key)
    )
    wanted = visit.query("search")
    lead = "What is sent, to whom, when and through which channels"
    with frame(visit, "workflows", "Workflows", lead=lead):
        if not rows:
            _empty(visit)
            return
        field = _search(wanted)
        result = div()

        def show(text: str) -> None:
            found = matching(rows, text)
            result.clear()
            with result:
                _table(visit, found) if found else _nothing_found(text)

        def typed(text: str) -> None:
            ui.navigate.history.replace(visit.address("workflows", search=text.strip()))
            show(text)

        field.on(
            "input", lambda e: typed(str(e.args or "")), throttle=0.15,
            js_handler="(e) => emit(e.target.value)",
        )  # fmt: skip
        show(wanted)


def matching(rows: list[WorkflowRow], text: str) -> list[WorkflowRow]:
    """Keep the rows whose name, key or channels hold every word of the text."""
    words = text.casefold().split()
    return [
        row
        for row in rows
        if all(word in f"{row.name} {row.key} {row.short}".casefold() for word in words)
    ]


def _search(wanted: str) -> Tag:
    with div("toolbar"), div("search", role="search"):
        icon("search")
        return tag(
            "input", None, type_="search", value=wanted, placeholder="Search workflows",
            aria_label="Search workflows", autocomplete="off", spellcheck="false",
        )  # fmt: skip


def _table(visit: Visit, rows: list[WorkflowRow]) -> None:
    with tag("table", None, "card table-card"):
        tag("caption", plural(len(rows), "workflow"), "visually-hidden")
        with tag("thead"), tag("tr"):
            for title, cls in _COLUMNS:
                tag("th", title, cls, scope="col")
        with tag("tbody"):
            for row in rows:
                _row(visit, row)


def _row(visit: Visit, row: WorkflowRow) -> None:
    head = row.head
    with tag("tr", None, "item-row"):
        with tag("td", None, "wide"), div("name-cell"):
            with div("tile small"):
                icon("workflows")
            with div("row-text"):
                link(row.name, visit.address(f"workflows/{row.key}"), "row-link clip")
                with tag("span", None, "row-note clip"):
                    span(row.key, "mono")
                    span(f" · {row.short}")
        with tag("td"):
            workflow_badge(head.status)
        with tag("td"), div("state-cell"):
            if head.version is None:
                span("Not committed", "muted")
            else:
                span(f"v{head.version}", "number")
                if head.has_changes:
                    badge("Draft differs", "wait")
        with tag("td", None, "end"):
            if head.last_triggered is None:
                span("Never", "moment")
            else:
                Moment(head.last_triggered, visit.now, visit.zone)


def _nothing_found(text: str) -> None:
    with div("card empty"):
        tag("h2", "No workflow matches")
        para(f"Nothing is called “{text.strip()}”. Names, keys and channels are searched.")


def _empty(visit: Visit) -> None:
    with div("card empty"):
        with div("tile"):
            icon("workflows")
        tag("h2", f"No workflows in {visit.environment.name.lower()} yet")
        para(
            "A workflow says what is sent when something happens. Import a folder with workflows"
            " in the format of the command line; they can be triggered at once."
        )
        copyable(
            import_command(visit.key),
            "Shell",
            name="Import workflows",
        )
