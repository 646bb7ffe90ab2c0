"""The text form of HTML e-mails."""

import pytest

from engine.render.text_part import text_of

WRITTEN = [
    ("<p>a</p><p>b</p>", "a\n\nb"),
    ("<p>a <b>b</b>\n  c</p>", "a b c"),
    ("a<br>b<br/>c", "a\nb\nc"),
    ("<h1>T</h1>x", "T\n\nx"),
    ('<a href="https://x.io">Go</a>', "Go (https://x.io)"),
    ('<a href="https://x.io">https://x.io</a>', "https://x.io"),
    ('<a href="mailto:a@x.io">a@x.io</a> <a href="#">n</a>', "a@x.io n"),
    ('<a href="/x"><img src="i" alt="Logo"></a>', "Logo (/x)"),
    ("<ul><li>a</li><li>b</li></ul>x", "- a\n- b\n\nx"),
    ("<ol><li>a</li><li>b</li></ol>", "1. a\n2. b"),
    ("<ul><li>a<ul><li>b</li></ul></li><li>c</li></ul>", "- a\n  - b\n- c"),
    ("<ul><li><p>a</p></li><li><p>b</p></li></ul>", "- a\n- b"),
    ("<p>x</p><blockquote><p>a</p><p>b</p></blockquote><p>c</p>", "x\n\n> a\n>\n> b\n\nc"),
    ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc"),
    ("<style>p{}</style><script>x</script><title>t</title><p>a</p>", "a"),
    ("<head><style>x</style></head><body>b</body>", "b"),
    ("a &amp; b &lt;c&gt; &eacute;", "a & b <c> é"),
    ("<pre>a\n  b</pre>", "a\n  b"),
    ("a<hr>b", "a\n\n---\n\nb"),
    ("<!-- c -->x</p></a></ul></li></div>", "x"),
    ("", ""),
]


@pytest.mark.parametrize(("html", "expected"), WRITTEN)
def test_html_is_written_as_text(html, expected):
    assert text_of(html) == expected
