"""Draw the frame around a page: side bar, environment switch, account menu, phone bars."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from typing import Final

from nicegui import ui

from designer.elements import Moment, Tag, div, icon, link, para, span, tag
from designer.guard import login_address
from designer.theme import ASSET_ROUTE, DESIGNER_SHEETS, Theme, asset, sheet, version_of
from designer.visit import Visit
from storage.members import Role

MOMENTS_EVERY: Final = 10.0
_SCHEMES: Final = {"system": "light dark", "light": "light", "dark": "dark"}
_THEMES: Final = (
    ("system", "System", "system"),
    ("light", "Light", "sun"),
    ("dark", "Dark", "moon"),
)
ROLES: Final = {
    Role.OWNER: "Owner",
    Role.ADMIN: "Admin",
    Role.MEMBER: "Member",
    Role.PRODUCTION_MEMBER: "Production member",
    Role.SUPPORT: "Support",
    Role.BILLING: "Billing",
}


@dataclass(frozen=True, slots=True)
class Section:
    """An entry of the navigation; its path is also its address."""

    path: str
    title: str
    icon: str


SECTIONS: Final = (
    Section("overview", "Overview", "overview"),
    Section("workflows", "Workflows", "workflows"),
    Section("runs", "Runs", "runs"),
    Section("messages", "Messages", "messages"),
    Section("inbox", "Inbox", "inbox"),
)


@dataclass(frozen=True, slots=True)
class Head:
    """The parts of a page's head that the page fills."""

    actions: Tag


def head_html(theme: Theme) -> str:
    """Give the head of every page: the sheet, the script, the scheme before first paint."""
    css = f"{ASSET_ROUTE}/designer.css?v={version_of(sheet(DESIGNER_SHEETS))}"
    script = f"{ASSET_ROUTE}/shell.js?v={version_of(asset('shell.js'))}"
    return (
        f"<style>html:root {{ color-scheme: {_SCHEMES[theme]} }}</style>"
        f'<link rel="stylesheet" href="{escape(css)}">'
        f'<script src="{escape(script)}" defer></script>'
        '<meta name="robots" content="noindex">'
    )


def prepare_page(theme: Theme) -> None:
    """Add the head, and make a plain block of the library's own <main>: a page has one."""
    ui.add_head_html(head_html(theme))
    around = ui.context.client.content.parent_slot
    if around is not None:
        around.parent.tag = "div"


@contextmanager
def frame(
    visit: Visit, section: str, title: str, *, lead: str = "", crumb: tuple[str, str] | None = None,
    is_full: bool = False,
) -> Iterator[Head]:  # fmt: skip
    """Draw the frame and put what follows into its main part.

    `crumb` is (title, address) of the page above. `is_full` leaves the whole
    width and the heading to the page.
    """
    prepare_page(visit.theme)
    ui.page_title(f"{title} · {visit.environment.name} · Tocsin")
    ui.dark_mode({"system": None, "light": False, "dark": True}[visit.theme])
    link("Skip to the content", "#main", "skip-link")
    tag("div", "", "visually-hidden", id="announcer", role="status", aria_live="polite")
    is_production = visit.key == "production"
    with div("frame is-production" if is_production else "frame"):
        _side(visit, section)
        with div("main-side"):
            _top(visit, section)
            _banner(visit)
            with tag("main", None, "full" if is_full else "", id="main", tabindex="-1"):
                if is_full:
                    yield Head(div("visually-hidden"))
                else:
                    yield _head(title, lead, crumb)
        _bottom_bar(visit, section)
    _watch(visit)


def _head(title: str, lead: str, crumb: tuple[str, str] | None) -> Head:
    if crumb is not None:
        with link(None, crumb[1], "crumb"):
            icon("left")
            span(crumb[0])
    with tag("header", None, "page-head"):
        with div("grow"):
            tag("h1", title)
            if lead:
                para(lead, "lead")
        return Head(div("actions"))


def _brand(visit: Visit) -> None:
    with link(None, visit.address("overview"), "brand", aria_label="Tocsin, overview"):
        tag("img", None, src=f"{ASSET_ROUTE}/logo.svg", alt="", width="28", height="28")
        span("Tocsin")


def _side(visit: Visit, section: str) -> None:
    with tag("aside", None, "side", aria_label="Sections"):
        _brand(visit)
        _environment_menu(visit, section)
        with tag("nav", None, "side-nav", aria_label="Main"), tag("ul"):
            for entry in SECTIONS:
                with tag("li"):
                    _nav_link(visit, entry, section)
        _account_menu(visit, "up", "side")


def _nav_link(visit: Visit, entry: Section, current: str) -> None:
    here = "page" if entry.path == current else None
    with link(None, visit.address(entry.path), "nav-link", aria_current=here):
        icon(entry.icon)
        span(entry.title)


def _top(visit: Visit, section: str) -> None:
    with tag("header", None, "top"):
        _brand(visit)
        _environment_menu(visit, section)
        _account_menu(visit, "drop end", "top")


def _bottom_bar(visit: Visit, section: str) -> None:
    with tag("nav", None, "bottom-bar", aria_label="Main, bottom"):
        for entry in SECTIONS:
            here = "page" if entry.path == section else None
            with link(None, visit.address(entry.path), aria_current=here):
                icon(entry.icon)
                span(entry.title)


def _environment_menu(visit: Visit, section: str) -> None:
    with tag("details", None, "menu drop environment-menu"):
        name = visit.environment.name
        with tag("summary", None, "environment-button", aria_label=f"{name}: switch environment"):
            _environment_dot(visit.key)
            span(name, "clip")
            icon("updown")
        with tag("ul", None, "panel"):
            for environment in visit.environments:
                is_here = environment.key == visit.key
                with (
                    tag("li"),
                    link(
                        None, f"/{environment.key}/{section}", "menu-item",
                        aria_current="true" if is_here else None,
                    ),
                ):  # fmt: skip
                    _environment_dot(environment.key)
                    span(environment.name)
                    if is_here:
                        icon("check", "tick")


def _environment_dot(key: str) -> None:
    kind = " production" if key == "production" else ""
    tag("i", None, f"environment-dot{kind}", aria_hidden="true")


def initials(name: str) -> str:
    """Give one or two letters that stand for a person."""
    words = [word for word in name.replace(".", " ").split() if word[0].isalnum()]
    return "".join(word[0] for word in (words[:1] + words[1:][-1:])).upper() or "?"


def _account_menu(visit: Visit, direction: str, place: str) -> None:
    name = visit.member.name or visit.member.email.partition("@")[0]
    with tag("details", None, f"menu {direction} account-menu"):
        with tag("summary", None, "account-button", aria_label=f"{name}: your account"):
            tag("span", initials(name), "avatar", aria_hidden="true")
            with div("who grow"):
                span(name, "account-name clip")
                span(ROLES[visit.member.role], "account-role")
            icon("updown")
        with div("panel"):
            tag("p", visit.member.email, "menu-title clip")
            _theme_choice(visit.theme, place)
            div("menu-rule")
            with tag("form", None, method="post", action="/logout"):
                token = visit.services.csrf_token(visit.request.scope)
                tag("input", None, type_="hidden", name="csrf", value=token)
                with tag("button", None, "menu-item", type_="submit"):
                    icon("exit")
                    span("Sign out")


def _theme_choice(theme: Theme, place: str) -> None:
    with tag("fieldset", None, "theme-choice"):
        tag("legend", "Theme", "visually-hidden")
        for value, title, symbol in _THEMES:
            with tag("label"):
                tag(
                    "input", None, type_="radio", name=f"theme-{place}", value=value,
                    checked=value == theme,
                )  # fmt: skip
                icon(symbol)
                span(title)


def _banner(visit: Visit) -> None:
    rate = visit.services.clock_rate
    if rate != 1.0:
        with div("banner", role="note"):
            icon("delay")
            span(f"The clock of this server runs {rate:g} times as fast: for trying things out.")


def _watch(visit: Visit) -> None:
    """Keep times right, and leave when the session has ended."""

    def tick() -> None:
        if visit.services.session_of(visit.request.scope) is None:
            ui.navigate.to(login_address(visit.request.scope))
            return
        now = visit.now
        for element in list(ui.context.client.elements.values()):
            if isinstance(element, Moment):
                element.follow(now)

    ui.timer(MOMENTS_EVERY, tick, immediate=False)
