"""Draw the pages that work without any script: sign in, set up, and their refusals."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Final

from designer.theme import FONT_SHEET, LOGIN_SHEETS, Theme, asset, sheet, version_of

STYLE: Final = "/login/style.css"
LOGO: Final = "/login/logo.svg"
BELL: Final = "/login/bell.svg"

_PAGE: Final = """<!doctype html>
<html lang="en" data-theme="{theme}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{title} · Tocsin</title>
<link rel="icon" href="{logo}" type="image/svg+xml">
<link rel="stylesheet" href="{fonts}">
<link rel="stylesheet" href="{style}?v={version}">
</head>
<body>
<div class="form-side">
<header class="brand"><img src="{logo}" alt=""><span>Tocsin</span></header>
<main>
<h1>{title}</h1>
{body}
</main>
<footer>Self-hosted notifications. Nothing leaves this server unasked.</footer>
</div>
<div class="bell-side" aria-hidden="true">
<svg class="rings" viewBox="0 0 800 800" preserveAspectRatio="xMidYMid slice">
<g fill="none" stroke="#ffe2b0" stroke-width="1.5"><circle cx="400" cy="400" r="190"
stroke-opacity=".30"/><circle cx="400" cy="400" r="260" stroke-opacity=".22"/><circle cx="400"
cy="400" r="335" stroke-opacity=".15"/><circle cx="400" cy="400" r="415"
stroke-opacity=".10"/><circle cx="400" cy="400" r="500" stroke-opacity=".06"/></g></svg>
<img class="bell" src="{bell}" alt="">
</div>
</body>
</html>
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """What a person typed before, and what is wrong with it."""

    email: str = ""
    name: str = ""
    error: str | None = None
    note: str | None = None
    field: str | None = None


def _page(title: str, body: str, theme: Theme) -> str:
    return _PAGE.format(
        title=escape(title),
        body=body,
        theme=theme,
        logo=LOGO,
        bell=BELL,
        style=STYLE,
        fonts=FONT_SHEET,
        version=version_of(sheet(LOGIN_SHEETS)),
    )


def style_sheet() -> str:
    """Give the one style sheet of these pages."""
    return sheet(LOGIN_SHEETS)


def picture(name: str) -> str:
    """Give one of the drawings: `logo.svg` or `bell.svg`."""
    return asset(name)


def _alerts(filled: Filled) -> str:
    if filled.error:
        return f'<p class="alert" role="alert" id="problem">{escape(filled.error)}</p>'
    if filled.note:
        return f'<p class="alert note" role="status">{escape(filled.note)}</p>'
    return ""


def _field(
    name: str, label: str, kind: str, autocomplete: str, filled: Filled, *,
    value: str = "", rule: str = "", first: bool = False, required: bool = True,
) -> str:  # fmt: skip
    wrong = filled.field == name
    notes = [*(["problem"] if wrong else []), *([f"{name}-rule"] if rule else [])]
    # Focus goes to the wrong field, else to the first one.
    focus = " autofocus" if (wrong or (first and filled.field is None)) else ""
    invalid = ' aria-invalid="true"' if wrong else ""
    described = f' aria-describedby="{" ".join(notes)}"' if notes else ""
    hint = f'<span class="rule" id="{name}-rule">{escape(rule)}</span>' if rule else ""
    return (
        f'<div class="field"><label for="{name}">{escape(label)}</label>'
        f'<input id="{name}" name="{name}" type="{kind}" autocomplete="{autocomplete}"'
        f' value="{escape(value)}"{" required" if required else ""}{focus}{described}'
        f"{invalid}>{hint}</div>"
    )


def login_page(filled: Filled, *, csrf: str, target: str, theme: Theme) -> str:
    """Draw the sign-in form; `target` is where a right password leads."""
    return _page(
        "Sign in",
        f"""<p class="lead">Welcome back. Use the address you were invited with.</p>
{_alerts(filled)}<form method="post" action="/login">
<input type="hidden" name="csrf" value="{escape(csrf)}">
<input type="hidden" name="next" value="{escape(target)}">
{_field("email", "Email", "email", "username", filled, value=filled.email, first=not filled.email)}
{_field("password", "Password", "password", "current-password", filled, first=bool(filled.email))}
<button type="submit">Sign in</button></form>""",
        theme,
    )


def setup_page(filled: Filled, *, csrf: str, token: str, theme: Theme) -> str:
    """Draw the form that creates the owner."""
    return _page(
        "Create the owner account",
        f"""<p class="lead">This server is new. The owner can invite everyone else.</p>
{_alerts(filled)}<form method="post" action="/setup/{escape(token)}">
<input type="hidden" name="csrf" value="{escape(csrf)}">
{_field("name", "Your name", "text", "name", filled, value=filled.name, first=True, required=False)}
{_field("email", "Email", "email", "username", filled, value=filled.email)}
{
            _field(
                "password",
                "Password",
                "password",
                "new-password",
                filled,
                rule="At least 12 characters. A few unrelated words are easy to remember.",
            )
        }
{_field("again", "Password, once more", "password", "new-password", filled)}
<button type="submit">Create account</button></form>""",
        theme,
    )


def refusal_page(title: str, sentence: str, theme: Theme) -> str:
    """Draw a page that says what went wrong and leads to the sign-in form."""
    return _page(
        title,
        f'<p class="lead">{escape(sentence)}</p><a class="button" href="/login">Go to sign-in</a>',
        theme,
    )
