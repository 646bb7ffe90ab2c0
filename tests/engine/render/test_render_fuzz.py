"""Any template and any data give a well-formed result, quickly."""

import time

import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.liquid.syntax import syntax_problems
from engine.render.inline import InlineRenderer
from engine.render.requests import RenderRequest
from engine.render.text_part import text_of

PIECES = [
    *("{{", "}}", "{%", "%}", "{%-", "-%}", "{{-", "-}}", "|", ":", ",", ".", "..", "(", ")"),
    *("[", "]", "'", '"', "==", "<", ">", "!=", "and", "or", "contains", "blank", "nil", "true"),
    *(" if ", " else ", " elsif ", " endif ", " for x in l ", " endfor ", " case a ", " when 1 "),
    *(" endcase ", " assign b = ", " capture c ", " endcapture ", " raw ", " endraw ", " comment "),
    *(" endcomment ", " liquid ", " echo ", " cycle ", " break ", " tablerow x in l ", " render "),
    *("a", "l", "d.k", "s", "n", "forloop.index", "x", "1", "-2.5", "(1..3)", "limit:", "reversed"),
    *("upcase", "date", "json", "split", "join", "times", "where", "sort", "default", "slice"),
    *("currency", "timezone", "from_markdown", "replace", "truncate", "map", "round", "safe"),
    *("\n", "  ", "# ", "> ", "- ", "*", "_", "`", "~~", "![", "](", "<b>", "<a href='", "</", "&"),
]
PAIRS = [
    *("{{ a }}", "{{ l }}", "{{ d | json }}", "{{ s | upcase }}", "{{ n | plus: n }}"),
    *("{% if a %}", "{% endif %}", "{% for x in l %}{{ x }}{% endfor %}", "{% assign b = s %}"),
    *("{% capture c %}", "{% endcapture %}", "{{ c | downcase }}", "{% cycle a, s %}"),
]
TEMPLATES = st.lists(
    st.one_of(st.sampled_from(PIECES), st.sampled_from(PAIRS), st.text(max_size=5)), max_size=30
).map("".join)
VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=8),
        st.sampled_from(["javascript:x", "*a*", "<b>", "2024-01-01", "1e5", "\ud800", "]("]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=8,
)
SCOPES = st.fixed_dictionaries(dict.fromkeys(("a", "l", "d", "s", "n"), VALUES))
FUZZ = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)


@FUZZ
@given(source=TEMPLATES, scope=SCOPES)
def test_any_template_gives_a_result_that_can_be_sent(source, scope):
    button = {"label": source, "action": source}
    requests = [
        RenderRequest("text", source, scope),
        RenderRequest("text", source, scope, strict=True),
        RenderRequest("json", source, scope),
        RenderRequest("in_app_feed", {"markdown_body": source, "action_url": source}, scope),
        RenderRequest(
            "email",
            {
                "subject": source,
                "visual_blocks": [
                    {"type": "markdown", "content": source},
                    {"type": "html", "content": source},
                    {"type": "button_set", "buttons": [button]},
                ],
            },
            scope,
        ),
    ]
    started = time.perf_counter()
    results = InlineRenderer().render(requests)
    assert time.perf_counter() - started < 2
    for result in results:
        assert result.ok != bool(result.errors)
        orjson.dumps(result.output)
    email = results[-1]
    if email.ok:
        assert "\n" not in email.output["subject"]
        assert "\r" not in email.output["subject"]


@FUZZ
@given(source=TEMPLATES)
def test_problems_of_any_source_have_a_kind_and_a_place_in_it(source):
    lines = source.count("\n") + 1
    for problem in syntax_problems(source):
        assert problem.kind in ("syntax", "unknown_filter", "nesting", "limit", "argument")
        assert problem.line is None or 1 <= problem.line <= lines


HTML = """
<p> </p> <ul> </ul> <ol> <li> </li> <a\u00a0href='x'> </a> <blockquote> </blockquote> <pre> </pre>
<br> <style> </style> <td> <!-- <![CDATA[ <div> </div> <img\u00a0alt=x> <hr>
"""
TAGS = [tag.replace("\u00a0", " ") for tag in HTML.split(" ")]


@FUZZ
@given(
    html=st.lists(st.one_of(st.text(max_size=6), st.sampled_from(TAGS)), max_size=25).map("".join)
)
def test_any_html_can_be_written_as_text(html):
    assert isinstance(text_of(html), str)
