"""Wrap an e-mail's fragment in a document every mail reader shows well."""

from __future__ import annotations

import re
from typing import Final

_WHOLE: Final = re.compile(r"\s*(?:<!--.*?-->\s*)*(?:<!doctype|<html|<\?xml)", re.I | re.S)
_LOCALE: Final = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8})*")

BASE_CSS: Final = """\
body{margin:0;padding:0;background:#ffffff;color:#1c2024;\
font-family:-apple-system,BlinkMacSystemFont,"Segoe UI",Roboto,Helvetica,Arial,sans-serif;\
font-size:16px;line-height:24px;-webkit-text-size-adjust:100%}
a{color:inherit}
img{max-width:100%}
blockquote{margin:0 0 16px;padding-left:12px;border-left:3px solid #dddee1}
pre{overflow-x:auto}
.page{max-width:600px;margin:0 auto;padding:24px 16px}
.block-row--markdown-v1 .block-markdown > :first-child{margin-top:0}
.block-row--markdown-v1 .block-markdown > :last-child{margin-bottom:0}
.block-row--divider-v1 .block-divider{border-bottom:1px solid #dddee1}
.block-row.block-row--button_set-v1 .block-button{text-decoration:none;text-align:center;\
font-weight:500;box-sizing:border-box}
@media (prefers-color-scheme:dark){body{background:#111113!important;color:#edeef0!important}}
"""


def is_whole(html: str) -> bool:
    """Say whether the HTML is a document of its own and not a fragment."""
    return _WHOLE.match(html) is not None


def document(fragment: str, locale: object = None) -> str:
    """Return a fragment as a responsive document; a whole document stays as it is."""
    if is_whole(fragment):
        return fragment
    known = isinstance(locale, str) and _LOCALE.fullmatch(locale)
    language = f' lang="{str(locale).replace("_", "-")}"' if known else ""
    return (
        f'<!DOCTYPE html>\n<html{language}>\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width,initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        '<meta name="supported-color-schemes" content="light dark">\n'
        f"<style>\n{BASE_CSS}</style>\n</head>\n<body>\n"
        f'<div class="page">\n{fragment}\n</div>\n</body>\n</html>\n'
    )
