"""Draw the rows that several pages share: a run, a message, a workflow."""

from __future__ import annotations

from collections.abc import Mapping

from designer.elements import Moment, div, icon, link, span, tag
from designer.states import message_badge, run_badge
from designer.visit import Visit
from designer.wording import channel_icon, channel_title, plain, recipient_title
from storage.message_pages import MessageRow
from storage.run_pages import RunRow


def run_item(visit: Visit, run: RunRow, names: Mapping[str, str]) -> None:
    """Draw a run inside a list item: recipient, workflow, state, age."""
    with div("row-text"):
        title = recipient_title(run.recipient, run.recipient_name)
        link(title, visit.address(f"runs/{run.id}"), "row-link clip")
        span(names.get(run.workflow, run.workflow), "row-note clip")
    run_badge(run.status, run.errors, is_parked=run.is_parked)
    Moment(run.inserted_at, visit.now, visit.zone, "moment row-age")


def message_item(visit: Visit, message: MessageRow, address: str, *, with_state: bool) -> None:
    """Draw a message inside a list item: channel, recipient, what it says, age."""
    with div("tile small"):
        icon(channel_icon(message.channel_type))
    with div("row-text"):
        with div("message-top"):
            name = recipient_title(message.recipient, message.recipient_name)
            link(name, address, "row-link clip").set(
                aria_label=f"{channel_title(message.channel_type)} to {name}: {subject(message)}"
            )
            Moment(message.inserted_at, visit.now, visit.zone, "moment")
        span(subject(message), "row-subject clip")
        preview = plain(message.preview, 110)
        if preview and not with_state:
            span(preview, "row-note clip")
        if with_state:
            with tag("span", None, "row-state"):
                message_badge(message.status)


def subject(message: MessageRow) -> str:
    """Give the line a message is known by, without markup."""
    return plain(message.title, 140) or "(empty)"
