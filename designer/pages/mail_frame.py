"""Serve the HTML of an email for a sandboxed frame: cleaned, no script, no own origin (R-37).

A frame with `srcdoc` would take over the designer's policy, which allows
scripts; an address of its own carries a policy that allows nothing.
"""

from __future__ import annotations

import asyncio
import re
from html import escape
from typing import Final

import nh3
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from designer.services import DesignerServices
from storage.message_pages import message_with_content

PATH: Final = "/{environment}/messages/{message_id}/body"
# What may not come in with a mail, whatever its HTML says.
_POLICY: Final = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none';"
    " style-src 'unsafe-inline'; img-src data:{remote}; font-src data:{remote};"
    " frame-ancestors 'self'; base-uri 'none'; form-action 'none'"
)
_TAGS: Final = nh3.ALLOWED_TAGS | {
    "body", "button", "center", "font", "footer", "header", "html", "main", "nav", "section",
    "style", "title", "u", "head", "big", "address", "label",
}  # fmt: skip
_STYLING: Final = {
    "align", "background", "bgcolor", "border", "cellpadding", "cellspacing", "class", "color",
    "dir", "height", "id", "lang", "role", "style", "title", "valign", "width",
}  # fmt: skip
_BODY: Final = re.compile(r"<body\b", re.IGNORECASE)
_BODY_END: Final = re.compile(r"</body\s*>", re.IGNORECASE)
_REMOTE: Final = re.compile(
    r"""(?:\bsrc|\bbackground)\s*=\s*["']?\s*(?:https?:)?//|url\(\s*["']?\s*(?:https?:)?//""",
    re.IGNORECASE,
)

_CLEANER: Final = nh3.Cleaner(
    tags=_TAGS - {"html", "head", "body", "title"},
    clean_content_tags={"script", "title", "noscript", "template", "iframe", "object"},
    attributes={
        "*": _STYLING,
        "a": {"href", "name", "target"},
        "img": {"src", "alt"},
        "ol": {"start"},
        "td": {"colspan", "rowspan"},
        "th": {"colspan", "rowspan", "scope"},
        "font": {"face", "size"},
    },
    url_schemes={"http", "https", "mailto", "tel", "data", "sms"},
    link_rel="noopener noreferrer",
)


def clean_mail(html: str) -> str:
    """Return a mail's HTML without anything that could act; looks are kept."""
    # The cleaner drops <body> with its colours: it goes on as the one cell of a table.
    start = '<table width="100%" height="100%" cellpadding="0" cellspacing="0"><tr><td valign="top"'
    body = _BODY_END.sub("</td></tr></table>", _BODY.sub(start, html))
    return _CLEANER.clean(body)


def has_remote_images(html: str) -> bool:
    """Tell whether showing this mail would fetch something from elsewhere."""
    return _REMOTE.search(html) is not None


def document(html: str) -> str:
    """Wrap cleaned HTML as a page whose links open beside it."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><title>Message</title>'
        '<base target="_blank"><style>html{background:#fff;color:#111;color-scheme:light}'
        "html,body{height:100%}"
        "body{margin:0;font:15px/1.5 Arial,sans-serif;overflow-wrap:anywhere}"
        "img{max-width:100%;height:auto}</style></head><body>"
        f"{html}</body></html>"
    )


def mail_frame_route(services: DesignerServices) -> Route:
    """Build the route; the guard before the designer has checked the session."""

    async def show(request: Request) -> Response:
        found = await asyncio.to_thread(
            lambda: message_with_content(
                services.database.read(),
                request.path_params["environment"],
                request.path_params["message_id"],
            )
        )
        content = found[1] if found else {}
        html = content.get("html_body")
        if not isinstance(html, str) or not html.strip():
            text = str(content.get("text_body") or "This message has no HTML.")
            html = (
                f"<pre style='white-space:pre-wrap;font:inherit;margin:16px'>{escape(text)}</pre>"
            )
        remote = " https: http:" if request.query_params.get("images") == "shown" else ""
        return HTMLResponse(
            document(clean_mail(html)),
            status_code=200 if found else 404,
            headers={
                "Content-Security-Policy": _POLICY.format(remote=remote),
                "Referrer-Policy": "no-referrer",
                "X-Content-Type-Options": "nosniff",
                "Cache-Control": "no-store",
            },
        )

    return Route(PATH, show, methods=["GET"])
