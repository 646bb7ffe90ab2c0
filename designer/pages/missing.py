"""Pages for when there is nothing to show: an unknown address, a file that cannot be read."""

from __future__ import annotations

from nicegui import ui

from designer.elements import div, icon, link, para, tag
from designer.frame import prepare_page
from designer.theme import ASSET_ROUTE


def not_found() -> None:
    """Say that the address leads nowhere."""
    _alone(
        "Nothing here",
        "This address leads nowhere. What it showed may have been renamed, archived, or deleted"
        " when its time was up.",
        "search",
    )


def unavailable(sentence: str) -> None:
    """Say why the data cannot be read at the moment."""
    _alone("Not available right now", sentence, "alert")


def _alone(title: str, sentence: str, symbol: str) -> None:
    prepare_page("system")
    ui.page_title(f"{title} · Tocsin")
    with tag("main", None, "alone", id="main"):
        tag("img", None, src=f"{ASSET_ROUTE}/logo.svg", alt="Tocsin", width="36", height="36")
        with div("empty"):
            with div("tile idle"):
                icon(symbol)
            tag("h1", title)
            para(sentence)
            with div("actions"):
                link("Go to the overview", "/", "button primary")


def missing_thing(title: str, sentence: str, back: tuple[str, str]) -> None:
    """Say inside the frame that one thing does not exist; `back` is (title, address)."""
    ui.context.client.status_code = 404
    with div("card empty"):
        with div("tile idle"):
            icon("search")
        tag("h2", title)
        para(sentence)
        with div("actions"):
            link(back[0], back[1], "button")
