"""Email shown in the dashboard cannot act (R-37)."""

from __future__ import annotations

import re

import pytest

from designer.pages.mail_frame import clean_mail, document, has_remote_images

pytestmark = pytest.mark.req("R-37")

CORPUS = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<a href='javascript:alert(1)'>x</a>",
    "<a href='JaVaScRiPt&colon;alert(1)'>x</a>",
    "<a href='data:text/html,<script>alert(1)</script>'>x</a>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<object data='x.swf'></object><embed src='x'>",
    "<form action='/logout' method=post><input type=submit></form>",
    "<meta http-equiv=refresh content='0;url=https://evil.test'>",
    "<base href='https://evil.test'>",
    "<link rel=stylesheet href='https://evil.test/x.css'>",
    "<body onload=alert(1) bgcolor=red>x</body>",
    "<math><mi//xlink:href='data:x,<script>alert(1)</script>'>",
    "<style>@import 'https://evil.test/x.css'</style><p style='x:expression(alert(1))'>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'></noscript>",
    "<template><img src=x onerror=alert(1)></template>",
    "<details open ontoggle=alert(1)>x</details>",
    "<input autofocus onfocus=alert(1)>",
)
ACTS = re.compile(
    r"<(?:script|iframe|object|embed|form|input|meta|base|link|svg|math|template|noscript)\b"
    r"|\son\w+\s*=|javascript:",
    re.IGNORECASE,
)


@pytest.mark.parametrize("html", CORPUS)
def test_nothing_that_acts_survives_cleaning(html: str) -> None:
    assert ACTS.search(clean_mail(html)) is None


def test_looks_survive_cleaning() -> None:
    mail = clean_mail(
        "<html><head><style>.a{color:red}</style></head><body bgcolor='#eee' style='margin:0'>"
        "<table width=600 cellpadding=0><tr><td align=center style='padding:4px' class=a>"
        "<a href='https://x.test'>x</a><img src='https://x.test/y.png' alt=y width=4></td></tr>"
    )

    for kept in ('bgcolor="#eee"', ".a{color:red}", 'align="center"', 'style="padding:4px"',
                 'href="https://x.test"', 'rel="noopener noreferrer"', 'alt="y"'):  # fmt: skip
        assert kept in mail


def test_images_from_elsewhere_are_noticed_in_every_spelling() -> None:
    for html in ("<img src='https://x.test/a.png'>", "<td background=//x.test/a.png>",
                 "<p style='background:url(http://x.test/a.png)'>"):  # fmt: skip
        assert has_remote_images(html)
    assert not has_remote_images("<img src='data:image/png;base64,xx'><a href='https://x.test'>")


def test_links_of_a_mail_open_beside_it() -> None:
    assert '<base target="_blank">' in document("x")
