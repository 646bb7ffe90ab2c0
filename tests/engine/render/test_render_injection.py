"""Values cannot become markup, links that run, headers or markdown."""

import pytest

from engine.render.inline import InlineRenderer
from engine.render.requests import RenderRequest

RUNNING = [
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    " javascript:alert(1)",
    "java\tscript:alert(1)",
    "java\nscript:alert(1)",
    "\x01javascript:alert(1)",
    "javascript\x00:alert(1)",
    "\u200bjavascript:alert(1)",
    "vbscript:x",
    "data:text/html,<script>alert(1)</script>",
]
HARMLESS = [
    "https://x.io/?q=javascript:1",
    "/path?next=data:1",
    "myapp://open",
    "mailto:a@x.io",
    "tel:+1",
    "",
    "#top",
]


def render(kind, template, scope, **options):
    return InlineRenderer().render([RenderRequest(kind, template, scope, **options)])[0]


def html_of(block, scope, **options):
    template = {"subject": "s", "visual_blocks": [block]}
    result = render("email", template, scope, **options)
    assert result.ok, result.errors
    return result.output["html_body"].split('<div class="page">')[1]


def markdown(source, scope, **options):
    html = html_of({"type": "markdown", "content": source}, scope, **options)
    return html.split('<div class="block-markdown">')[1].split("</div></td>")[0]


@pytest.mark.parametrize("url", RUNNING)
def test_an_action_that_could_run_a_script_becomes_a_hash_with_a_warning(url):
    buttons = [{"label": "x", "action": "{{ u }}"}]
    feed = {"markdown_body": "x", "action_url": "{{ u }}", "action_buttons": buttons}
    result = render("in_app_feed", feed, {"u": url})
    assert result.output["blocks"][1]["rendered"] == "#"
    assert result.output["blocks"][2]["buttons"][0]["action"] == "#"
    assert len(result.warnings) == 2

    html = html_of({"type": "button_set", "buttons": buttons}, {"u": url})
    assert 'href="#"' in html
    image = {"type": "image", "url": "https://x.io/i.png", "action": "{{ u }}"}
    assert '<a href="#">' in html_of(image, {"u": url})


@pytest.mark.parametrize("url", HARMLESS)
def test_other_links_pass_unchanged(url):
    feed = {"markdown_body": "x", "action_url": "{{ u }}"}
    result = render("in_app_feed", feed, {"u": url})
    assert result.output["blocks"][1]["rendered"] == url
    assert result.warnings == ()


@pytest.mark.parametrize("url", RUNNING)
@pytest.mark.parametrize(
    "source",
    [
        "[x]({{ u }})",
        '<a href="{{ u }}">x</a>',
        "<a href='{{ u }}'>x</a>",
        '<a HREF = "{{ u }}">x</a>',
        '<a href="{{ head }}{{ tail }}">x</a>',
        '<a href="java{{ tail }}">x</a>',
    ],
)
def test_a_value_cannot_make_an_authored_link_run(source, url):
    scope = {"u": url, "head": "java", "tail": "script:alert(1)"}
    out = markdown(source, scope)
    assert "script:" not in out.lower()
    assert "data:" not in out
    assert 'href="#"' in out or 'HREF = "#"' in out


@pytest.mark.parametrize(
    "value", ["a\r\nBcc: x@y.z", "a\nb", "a\rb", "a\u2028b", "a\x0bb", "a\x85b"]
)
def test_line_breaks_in_a_subject_become_spaces(value):
    template = {"subject": "Hi {{ v }}\n!", "text_body": "x"}
    subject = render("email", template, {"v": value}).output["subject"]
    assert len(subject.splitlines()) == 1
    assert subject.startswith("Hi a")


@pytest.mark.parametrize(
    "value",
    [
        "*bold* _em_ `code` ~~s~~",
        "# head",
        "- item",
        "> quote",
        "[x](http://evil)",
        "![x](http://evil)",
        "http://auto.link",
        "<http://auto.link>",
        "| a | b |",
        "    code",
        "\\*",
        "&amp; &lt;",
        "a\n\nb",
        "<script>alert(1)</script>",
        "lq0x0q",
    ],
)
def test_markdown_in_a_value_stays_literal_in_email(value):
    escaped = value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert markdown("**A** {{ v }} z", {"v": value}) == f"<p><strong>A</strong> {escaped} z</p>"
    assert markdown("{{ v }}", {"v": value}) == f"<p>{escaped}</p>"
    assert markdown("- {{ v }}\n- b", {"v": value}) == (
        f"<ul>\n<li>{escaped}</li>\n<li>b</li>\n</ul>"
    )


EMAIL_MARKDOWN = [
    ("{% if m %}\n  > {{ m }}\n{% endif %}", {"m": "hey"},
     "<blockquote>\n<p>hey</p>\n</blockquote>"),
    ("{% if m %}\n  > {{ m }}\n{% endif %}", {}, ""),
    ("a {% if m %}*b{% endif %}*", {"m": 1}, "<p>a <em>b</em></p>"),
    ('{{ n | split: " " | first }} & "x"', {"n": "Ann B"}, '<p>Ann &amp; &quot;x&quot;</p>'),
    ("[{{ u }}]({{ u }})", {"u": "/?a&b"}, '<p><a href="/?a&amp;b">/?a&amp;b</a></p>'),
    ("![{{ n }}]({{ u }})", {"n": "N", "u": "/i"}, '<p><img src="/i" alt="N" /></p>'),
    ("{{ c | from_markdown }}", {"c": "# H\n\n*x*"}, "<h1>H</h1>\n<p><em>x</em></p>"),
    ("a {{ c | safe }}", {"c": "<u>x</u>"}, "<p>a <u>x</u></p>"),
    ("{% capture c %}**{{ v }}**{% endcapture %}{{ c }}", {"v": "*x*"},
     "<p><strong>*x*</strong></p>"),
    ("{% capture c %}**{{ v }}**{% endcapture %}{{ c | upcase }}", {"v": "x"}, "<p>**X**</p>"),
    ("{% capture c %}{{ v }}{% endcapture %}{% if c == 'x' %}same{% endif %}", {"v": "x"},
     "<p>same</p>"),
    ("{% for i in l %}{% ifchanged %}{{ i }}{% endifchanged %}{% endfor %}", {"l": [1, 1]},
     "<p>1</p>"),
    ("{% cycle v, w %}", {"v": "*a*", "w": 1}, "<p>*a*</p>"),
    ("| a |\n|---|\n| {{ v }} |", {"v": "x|y"},
     "<table>\n<thead>\n<tr>\n<th>a</th>\n</tr>\n</thead>\n<tbody>\n<tr>\n<td>x|y</td>\n</tr>\n"
     "</tbody>\n</table>"),
    ("x{{ v }}{{ v }}5", {"v": 1}, "<p>x115</p>"),
]  # fmt: skip


@pytest.mark.parametrize(("source", "scope", "expected"), EMAIL_MARKDOWN)
def test_email_markdown_is_compiled_around_the_values(source, scope, expected):
    assert markdown(source, scope) == expected


def test_without_autoescape_values_are_raw_but_still_not_markdown():
    assert markdown("{{ v }}", {"v": "<b>*x*</b>"}, autoescape=False) == "<p><b>*x*</b></p>"


def test_html_bodies_escape_values_in_text_and_attributes():
    template = {"subject": "s", "html_body": '<p title="{{ v }}">{{ v }}</p>'}
    html = render("email", template, {"v": '"><script>'}).output["html_body"]
    assert '<p title="&#34;&gt;&lt;script&gt;">&#34;&gt;&lt;script&gt;</p>' in html


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("<script>alert(1)</script>x", "x"),
        ("<img src=x onerror=alert(1)>", '<img src="x">'),
        ("<a href='javascript:alert(1)'>x</a>", "<p><a>x</a></p>"),
        ("<a href='java&#115;cript:alert(1)'>x</a>", "<p><a>x</a></p>"),
        ("[x](javascript:alert(1))", "<p>[x](javascript:alert(1))</p>"),
        ("<a href='myapp://open' onclick=x>x</a>", '<p><a href="myapp://open">x</a></p>'),
        ("<iframe src=//evil></iframe>", ""),
        ("<svg onload=alert(1)>", ""),
        ("<style>*{}</style>x", "x"),
        ("<b>x</b>", "<p>x</p>"),
        ("<form action=/><input>", ""),
        ("<!-- x -->y", "y"),
        ("~~x~~ **y**", "<p><del>x</del> <strong>y</strong></p>"),
    ],
)
def test_feed_html_is_cleaned(value, expected):
    result = render("in_app_feed", {"markdown_body": "{{ v }}"}, {"v": value})
    assert result.output["blocks"][0]["rendered"].strip() == expected
