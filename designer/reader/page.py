"""List messages on the left and read one on the right; on a phone, one after the other."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial

from nicegui import ui

from designer.elements import Tag, div, icon, link, para, span, tag
from designer.frame import frame
from designer.live import Live, Rows
from designer.paging import decode_cursor, encode_cursor
from designer.reader.message import Opened, draw_message, open_message
from designer.rows import message_item
from designer.states import MESSAGES
from designer.visit import Visit
from designer.wording import channel_icon, channel_title
from storage.dashboard import SCAN, Cursor, Page
from storage.message_pages import CHANNEL_TYPES, MessageFilter, MessageRow, latest_messages

_SIZE = 30
# A click on a wide screen is answered in place; with a key held, or on a phone, by the link.
_OPEN_HERE = """(event) => {
  if (event.metaKey || event.ctrlKey || event.shiftKey || window.innerWidth < 900) return;
  event.preventDefault();
  emit();
}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """What tells the inbox and the list of all messages apart."""

    path: str
    title: str
    is_caught: bool
    empty_title: str
    empty_text: str
    empty_elsewhere: str


class _Page:
    """One opened reader: the filter, the list, the chosen message."""

    def __init__(self, visit: Visit, reader: Reader) -> None:
        self.visit = visit
        self.reader = reader
        wanted = visit.query("type")
        status = visit.query("status")
        self.channel_type = wanted if wanted in CHANNEL_TYPES else ""
        self.status = status if status in MESSAGES else ""
        self.search = visit.query("search")
        self.chosen = str(visit.request.path_params.get("message_id", ""))
        self.after = decode_cursor(visit.query("after"), 1)
        self.rows: Rows[MessageRow]
        self.pane: Tag
        self._links: dict[str, Tag] = {}
        self._turn = 0

    def address(self, message_id: str = "", **changes: str) -> str:
        """Give an address with the filters of this page."""
        filters = {"type": self.channel_type, "status": self.status, "search": self.search}
        path = f"{self.reader.path}/{message_id}" if message_id else self.reader.path
        return self.visit.address(path, **{**filters, **changes})

    async def load(self, after: Cursor | None = None) -> Page[MessageRow]:
        """Read a page of the list off the loop."""
        wanted = MessageFilter(
            is_caught=self.reader.is_caught,
            channel_type=self.channel_type or None,
            status=self.status or None,
            search=self.search,
        )
        sql, key = self.visit.database, self.visit.key
        return await asyncio.to_thread(
            lambda: latest_messages(sql.read(), key, wanted, after, _SIZE)
        )

    def draw_row(self, message: MessageRow) -> None:
        """Draw one row of the list; a click opens it beside the list."""
        message_item(
            self.visit, message, self.address(message.id), with_state=not self.reader.is_caught
        )
        row = ui.context.slot.parent
        anchor = next(e for e in row.descendants() if isinstance(e, Tag) and e.tag == "a")
        anchor.on("click", partial(self.choose, message.id), js_handler=_OPEN_HERE)
        self._links[message.id] = anchor
        self._mark()

    async def choose(self, message_id: str) -> None:
        """Show another message beside the list."""
        self.chosen = message_id
        self._mark()
        opened = await asyncio.to_thread(open_message, self.visit, message_id)
        if self.chosen == message_id:
            ui.navigate.history.replace(self.address(message_id))
            self.show(opened)

    def show(self, opened: Opened | None) -> None:
        """Draw the message pane."""
        self.pane.clear()
        with self.pane:
            if opened is not None:
                draw_message(self.visit, opened, back=self.address())
            elif self.chosen:
                _gone()

    def _mark(self) -> None:
        for id_, anchor in self._links.items():
            wanted = "true" if id_ == self.chosen else None
            if anchor.props.get("aria-current") != wanted and not anchor.is_deleted:
                anchor.set(aria_current=wanted)

    async def look_for(self, text: str) -> Page[MessageRow] | None:
        """Search; None if something else was typed meanwhile."""
        self.search, self.after = text.strip(), None
        self._turn += 1
        turn = self._turn
        page = await self.load()
        if turn != self._turn:
            return None
        ui.navigate.history.replace(self.address(self.chosen))
        return page


async def show(visit: Visit, reader: Reader) -> None:
    """Draw the reader; the newest page of the list stays fresh."""
    page = _Page(visit, reader)
    found = await page.load(page.after)
    is_addressed = bool(page.chosen)
    if not is_addressed and found.rows:
        page.chosen = found.rows[0].id
    opened = None
    if page.chosen:
        opened = await asyncio.to_thread(open_message, visit, page.chosen)
    if is_addressed and opened is None:
        ui.context.client.status_code = 404
    with (
        frame(visit, reader.path, reader.title, is_full=True),
        div("reader is-reading" if is_addressed else "reader"),
    ):
        with tag("section", None, "reader-list", aria_label="Messages"):
            _list(page, found)
        page.pane = div("reader-pane")
        page.show(opened)


def _list(page: _Page, found: Page[MessageRow]) -> None:
    with div("reader-head"):
        tag("h1", page.reader.title, "title")
        field = _search(page)
        _filters(page)
    scroller = div("reader-scroll")
    with scroller:
        page.rows = Rows(
            tag("ul", None, "rows reader-rows"), lambda m: m.id, page.draw_row, partial(tag, "li")
        )
        rest = div("reader-rest")

    def fill(result: Page[MessageRow]) -> None:
        page.rows.show(result.rows)
        rest.clear()
        with rest:
            _rest(page, result)

    live = Live(page.load, found)
    live.follow(lambda p: p, fill)

    async def typed(text: str) -> None:
        result = await page.look_for(text)
        if result is not None:
            live.value = result
            fill(result)

    field.on(
        "input", lambda e: typed(str(e.args or "")), throttle=0.25, leading_events=False,
        js_handler="(e) => emit(e.target.value)",
    )  # fmt: skip
    if page.after is None:
        live.run(page.visit)


def _search(page: _Page) -> Tag:
    with div("reader-search"):
        with div("search", role="search"):
            icon("search")
            field = tag(
                "input", None, type_="search", value=page.search, autocomplete="off",
                placeholder="Search messages", spellcheck="false",
                aria_label="Search messages",
            )  # fmt: skip
        if not page.reader.is_caught:
            _state_choice(page)
    return field


def _state_choice(page: _Page) -> None:
    with div("choice"):
        with tag("select", None, aria_label="State") as choice:
            for status in ("", *MESSAGES):
                title = MESSAGES[status][0] if status else "Any state"
                tag("option", title, value=status, selected=status == page.status)
        icon("down")
    choice.on(
        "change", lambda e: ui.navigate.to(page.address(status=str(e.args or ""))),
        js_handler="(e) => emit(e.target.value)",
    )  # fmt: skip


def _filters(page: _Page) -> None:
    with tag("nav", None, "chips", aria_label="Channel"):
        for kind in ("", *CHANNEL_TYPES):
            here = "page" if kind == page.channel_type else None
            with link(None, page.address(type=kind), "chip", aria_current=here):
                if kind:
                    icon(channel_icon(kind))
                span(channel_title(kind) if kind else "All")


def _rest(page: _Page, result: Page[MessageRow]) -> None:
    if not result.rows and result.next is None:
        has_filter = page.search or page.channel_type or page.status
        with div("empty"):
            with div("tile idle" if has_filter else "tile"):
                icon("search" if has_filter else "inbox")
            if has_filter:
                tag("h2", "No message matches")
                para("Try another word, channel or state.")
            else:
                tag("h2", page.reader.empty_title)
                is_development = page.visit.key == "development"
                para(page.reader.empty_text if is_development else page.reader.empty_elsewhere)
                with div("actions"):
                    link("See the workflows", page.visit.address("workflows"), "button")
        return
    if result.looked_at >= SCAN and result.next is not None:
        para(f"Looked through the newest {result.looked_at:,} messages.", "reader-note")
    with div("reader-more"):
        if page.after is not None:
            link("Newest", page.address(), "button quiet")
        if result.next is not None:
            after = encode_cursor(result.next) or ""
            link("Older messages", page.address(after=after), "button quiet")


def _gone() -> None:
    with div("empty"):
        with div("tile idle"):
            icon("search")
        tag("h2", "This message is gone")
        para("It was deleted when its time was up, or belongs to another environment.")
