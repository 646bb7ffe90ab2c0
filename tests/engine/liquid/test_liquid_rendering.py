"""How templates read scope, print values and fail."""

import pytest

from engine.errors import TemplateError
from engine.liquid.rendering import Rendering, Session, render_text

PRINTED = [
    ("{{ a.b.c }}|{{ a.b[0] }}", {"a": {"b": {"c": 1}}}, "1|"),
    ("{{ a[0].n }}{{ a.first.n }}{{ a.last.n }}{{ a.size }}", {"a": [{"n": 1}, {"n": 2}]}, "1122"),
    ("{{ d.size }}{{ d.first }}", {"d": {"size": 7, "first": 8}}, "78"),
    ("{{ missing.deep.er }}|{{ nothing.x }}", {"nothing": None}, "|"),
    ("{{ d }}", {"d": {"a": [1, None], "b": "é"}}, '{"a": [1, null], "b": "é"}'),
    ("{{ l }}", {"l": [1, None, True, ["x", {"k": 1}]]}, '1truex{"k": 1}'),
    ("{{ t }}{{ f }}{{ n }}{{ x }}", {"t": True, "f": False, "n": None, "x": 1.5}, "truefalse1.5"),
    ("{% if nothing == blank %}1{% endif %}{% if f == blank %}2{% endif %}"
     "{% if zz == blank %}3{% endif %}{% if s == blank %}4{% endif %}{% if s %}5{% endif %}"
     "{% if zero == blank %}6{% endif %}",
     {"nothing": None, "f": False, "s": "", "zero": 0}, "12345"),
    ("{% case x %}{% when 1, 2 %}a{% when 'q' %}b{% else %}c{% endcase %}", {"x": "q"}, "b"),
    ("{% for i in (1..3) %}{{ i }}{% unless forloop.last %},{% endunless %}{% endfor %}",
     {}, "1,2,3"),
    ("{% for x in l limit: 2 offset: 1 reversed %}{{ x }}{% endfor %}", {"l": [1, 2, 3, 4]}, "32"),
    ("{% for x in none %}a{% else %}empty{% endfor %}", {}, "empty"),
    ("{% capture c %}<{{ x }}>{% endcapture %}{{ c | upcase }}", {"x": "a"}, "<A>"),
    ("{% cycle 'a','b' %}{% cycle 'a','b' %}{% cycle 'a','b' %}", {}, "aba"),
    ("{% increment n %}{% increment n %}{% decrement m %}", {}, "01-1"),
    ("{% for x in l %}{% ifchanged %}{{ x }}{% endifchanged %}{% endfor %}",
     {"l": [1, 1, 2]}, "12"),
    ("{% raw %}{{ x }}{% endraw %}{% comment %}{{ x }}{% endcomment %}", {"x": 1}, "{{ x }}"),
    ("{% liquid\n assign a = 2\n echo a\n%}", {}, "2"),
    ("{% tablerow x in l cols: 2 %}{{ x }}{% endtablerow %}", {"l": [1]},
     '<tr class="row1">\n<td class="col1">1</td></tr>\n'),
    ("{{ partial }}", {"partial": "a data key"}, "a data key"),
    ("a - {{- x -}} - b", {"x": 1}, "a -1- b"),
    ("{{ d[k] }}", {"d": {"x": 5}, "k": "x"}, "5"),
    ("{% if d contains 'x' %}1{% endif %}{% if l contains 2 %}2{% endif %}{% if s contains 'b' %}3"
     "{% endif %}", {"d": {"x": 0}, "l": [1, 2], "s": "abc"}, "123"),
]  # fmt: skip


@pytest.mark.parametrize(("template", "scope", "expected"), PRINTED)
def test_a_template_prints_what_liquid_prints(template, scope, expected):
    assert render_text(template, scope) == expected


def test_comparing_text_with_a_number_is_false_and_warns():
    session = Session(scope={"s": "2", "l": [1]})
    out = Rendering(session).render("{% if s > 1 or s < 1 or l > 0 %}yes{% else %}no{% endif %}")
    assert out == "no"
    assert len(session.warnings) == 3
    assert "compares" in session.warnings[0]


@pytest.mark.parametrize(
    "template",
    [
        "{% if 5 contains 'a' %}x{% endif %}",
        "{% if d contains l %}x{% endif %}",
        "{{ d[l] }}",
        "{{ l[d] }}",
        "{{ s.first }}{{ s[0] }}",
    ],
)
def test_odd_look_ups_are_empty_and_not_errors(template):
    assert render_text(template, {"d": {"a": 1}, "l": [1], "s": "abc"}) == ""


def test_what_one_template_assigns_the_next_one_sees():
    rendering = Rendering(Session(scope={}))
    rendering.render("{% assign a = 1 %}")
    assert rendering.render("{{ a }}") == "1"
    assert dict(rendering.assigned) == {"a": 1}


@pytest.mark.parametrize(
    "template",
    [
        "{{ a.b }}",
        "{{ a | upcase }}",
        "{{ 'x' | append: a }}",
        "{{ a | plus: 1 }}",
        "{{ a | json }}",
        "{% for x in a %}{% endfor %}",
        "{% assign b = a %}{{ b }}",
        "{% capture c %}{{ a }}{% endcapture %}",
    ],
)
def test_strict_rendering_refuses_to_use_a_missing_value(template):
    with pytest.raises(TemplateError) as caught:
        render_text(template, {}, strict=True)
    assert caught.value.kind == "undefined"
    assert "undefined" in str(caught.value)
    render_text(template, {})


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{ a | default: 'x' }}", "x"),
        ("{% if a %}1{% else %}2{% endif %}", "2"),
        ("{% if a == nil %}1{% endif %}", "1"),
        ("{% if a == blank %}1{% endif %}", "1"),
        ("{{ nothing }}", ""),
    ],
)
def test_strict_rendering_lets_a_template_ask_whether_a_value_is_there(template, expected):
    assert render_text(template, {"nothing": None}, strict=True) == expected


def test_values_are_escaped_in_html_unless_they_are_safe():
    rendering = Rendering(Session(scope={"x": "<b>&", "l": ["<", 1]}), html=True)
    assert rendering.render("{{ x }}<i>{{ l }}") == "&lt;b&gt;&amp;<i>&lt;1"
    assert rendering.render("{{ x | safe }}{{ '<hr>' }}") == "<b>&<hr>"
    assert rendering.render("{% capture c %}<u>{{ x }}{% endcapture %}{{ c }}") == (
        "<u>&lt;b&gt;&amp;"
    )
    assert rendering.render("{{ x | append: '<br>' }}") == "&lt;b&gt;&amp;<br>"


def test_lone_surrogates_become_replacement_characters():
    assert render_text("{{ x }}\ud800!", {"x": "a\udfff"}) == "a\ufffd\ufffd!"


def test_a_scope_is_never_changed_by_a_template():
    scope = {"data": {"l": [2, 1]}}
    render_text("{% assign data = 1 %}{% assign x = data.l | sort %}{% increment data %}", scope)
    assert scope == {"data": {"l": [2, 1]}}


def test_break_outside_of_a_loop_is_an_error_with_its_line():
    with pytest.raises(TemplateError) as caught:
        render_text("a\n{% break %}", {})
    assert (caught.value.kind, caught.value.line) == ("syntax", 2)
