"""What the browser is sent: complete, ours, and nothing fetched from elsewhere."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from designer.theme import ASSETS, DESIGNER_SHEETS, LOGIN_SHEETS, sheet, theme_of, version_of

DESIGNER = ASSETS.parent


def test_every_drawing_that_a_page_names_exists() -> None:
    drawn = set(re.findall(r"\.icon-(\w+) \{", sheet(DESIGNER_SHEETS)))
    source = "\n".join(path.read_text("utf-8") for path in DESIGNER.rglob("*.py"))
    named = set(re.findall(r'(?:\bicon|symbol=|tile.*icon)\(?"(\w+)"', source))

    assert len(drawn) > 30
    assert len(named) > 10
    assert named - drawn == set()


@pytest.mark.parametrize("sheets", [DESIGNER_SHEETS, LOGIN_SHEETS])
def test_style_sheets_fetch_nothing(sheets: tuple[str, ...]) -> None:
    css = sheet(sheets)

    assert re.findall(r"url\((?![\"']?data:)", css) == []
    assert "@import" not in css
    assert css.count("{") == css.count("}")


def test_every_colour_variable_that_is_used_is_defined() -> None:
    css = sheet(DESIGNER_SHEETS) + sheet(LOGIN_SHEETS)
    used = set(re.findall(r"var\((--[\w-]+)", css))

    assert used - set(re.findall(r"(--[\w-]+)\s*:", css)) == set()


@pytest.mark.parametrize("path", sorted(ASSETS.glob("*.svg")), ids=lambda p: p.name)
def test_drawings_are_well_formed_and_inert(path: Path) -> None:
    root = ElementTree.parse(path).getroot()

    tags = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert tags <= {"svg", "defs", "linearGradient", "radialGradient", "stop", "g", "path", "rect",
                    "circle"}  # fmt: skip


def test_the_script_sends_nothing_and_evaluates_nothing() -> None:
    script = (ASSETS / "shell.js").read_text("utf-8")

    for word in ("fetch(", "eval(", "XMLHttpRequest", "innerHTML", "://"):
        assert word not in script


def test_a_sheet_is_named_by_its_content() -> None:
    assert version_of("a") != version_of("b")
    assert version_of("a") == version_of("a")


def test_an_unknown_theme_follows_the_system() -> None:
    assert theme_of({"tocsin_theme": "dark"}) == "dark"
    assert theme_of({"tocsin_theme": "<script>"}) == "system"
    assert theme_of({}) == "system"


def test_pages_use_no_form_that_runs_text_as_code() -> None:
    banned = ("sanitize=False", "html=True", "run_javascript", "add_slot(", "ui.editor", 'props(":')
    for path in DESIGNER.rglob("*.py"):
        source = path.read_text("utf-8")
        assert [word for word in banned if word in source] == [], path.name
