"""Hostile templates: they end quickly, with a limit, and reach nothing."""

import time

import pytest

from engine.errors import TemplateError
from engine.liquid.rendering import render_text


def grown(piece, times):
    """Return Liquid that doubles `x` a number of times, starting with `piece`."""
    double = "{% assign x = x | append: x %}"
    return f"{{% assign x = '{piece}' %}}" + double * times


LIMITED = {
    "range handed to join": "{{ (1..100000000) | join: ',' }}",
    "range handed to sort": "{{ (1..9999999999) | sort | reverse }}",
    "range reversed in a loop": "{% for i in (1..100000000) reversed %}{% endfor %}",
    "infinite range": "{% for i in (1.." + "9" * 400 + ".0) %}{% endfor %}",
    "chained replacements": "{{ 'aaaaaaaaaa'" + " | replace: 'a','aaaaaaaaaa'" * 12 + " | size }}",
    "doubling text": grown("aaaaaaaa", 100) + "{{ x | size }}",
    "doubling text in a filter chain": grown("a", 19) + "{{ x | append: x | append: x | escape"
    " | append: x | append: x | append: x }}",
    "doubling a list": "{% assign x = 'a,b' | split: ',' %}{% for i in (1..60) %}"
    "{% assign x = x | concat: x %}{% endfor %}",
    "doubling captures": "{% assign x = 'ab' %}{% for i in (1..60) %}"
    "{% capture x %}{{ x }}{{ x }}{% endcapture %}{% endfor %}",
    "huge products": "{% assign x = 9 %}{% for i in (1..40) %}{% assign x = x | times: x %}"
    "{% endfor %}",
    "huge literal": "{{ " + "9" * 5000 + " }}",
    "nested loops": "{% for i in (1..1000) %}{% for j in (1..1000) %}{% for k in (1..1000) %}x"
    "{% endfor %}{% endfor %}{% endfor %}",
    "loops in sequence": "{% for i in (1..9000) %}{% endfor %}" * 2,
    "table rows": "{% tablerow i in (1..200) %}{% tablerow j in (1..200) %}{% endtablerow %}"
    "{% endtablerow %}",
    "output": "{% for i in (1..9000) %}" + "x" * 1000 + "{% endfor %}",
    "many parentheses": "{{ " + "(" * 50_000 + " }}",
    "many brackets": "{{ a" + "[a" * 50_000 + "]" * 50_000 + " }}",
    "spaces that make the tokeniser quadratic": "{{" + " " * 100_000 + "}}",
    "long source": "x" * 600_000,
}


@pytest.mark.parametrize("source", LIMITED.values(), ids=LIMITED.keys())
def test_a_hostile_template_meets_a_limit_before_it_costs_anything(source):
    started = time.perf_counter()
    with pytest.raises(TemplateError) as caught:
        render_text(source, {"a": "x"})
    assert caught.value.kind == "limit"
    assert time.perf_counter() - started < 5


NESTED = {
    "blocks": "{% if a %}" * 1000,
    "captures": "{% capture a %}" * 40 + "{% endcapture %}" * 40,
    "logical operators": "{% if a" + " and a" * 9000 + " %}x{% endif %}",
}


@pytest.mark.parametrize("source", NESTED.values(), ids=NESTED.keys())
def test_deep_nesting_is_refused(source):
    with pytest.raises(TemplateError) as caught:
        render_text(source, {"a": "x"})
    assert caught.value.kind == "nesting"


UNCLOSED = {
    "outputs": "{{" + " " * 100_000,
    "tag names": "{% " + "a" * 200_000,
    "raw blocks": "{% raw %}" * 50_000,
    "doc blocks": "{% doc %}" * 50_000,
    "comments": "{% comment %}" * 5_000,
}


@pytest.mark.parametrize("source", UNCLOSED.values(), ids=UNCLOSED.keys())
def test_unclosed_tags_fail_in_linear_time(source):
    started = time.perf_counter()
    with pytest.raises(TemplateError) as caught:
        render_text(source, {})
    assert caught.value.kind == "syntax"
    assert time.perf_counter() - started < 2


def test_only_loop_turns_that_are_taken_count():
    source = "{% for i in (1..9000) %}{% break %}{% endfor %}" * 20 + "done"
    assert render_text(source, {}) == "done"


@pytest.mark.parametrize("value", ["text", 5, 1.5, True, None, [1], {"a": 1}])
@pytest.mark.parametrize(
    "path",
    [
        "__class__",
        "__class__.__mro__[1].__subclasses__",
        "__init__.__globals__",
        "__dict__",
        "__doc__",
        "format",
        "keys",
        "append",
        "real",
        "encode",
        "items",
        "pop",
    ],
)
def test_no_python_attribute_can_be_reached(value, path):
    scope = {"v": value}
    bracketed = "{{ v['" + path.split(".")[0] + "'] }}"
    assert render_text("{{ v." + path + " }}" + bracketed, scope) == ""
    assert render_text("{{ v | map: '" + path + "' | first }}", scope) == ""


@pytest.mark.parametrize(
    "source",
    [
        "{{ forloop.__class__ }}{% for x in (1..1) %}{{ forloop.__class__ }}{{ forloop.it }}"
        "{{ forloop.step }}{{ forloop.item }}{% endfor %}",
        "{{ now.__class__ }}{{ today.year }}{{ now.tzinfo }}",
        "{{ empty }}{{ blank }}{{ nil }}",
        "{{ context.env }}{{ environment }}{{ self }}{{ template }}{{ globals }}{{ env.filters }}",
    ],
)
def test_the_engines_own_objects_show_nothing(source):
    assert render_text(source, {}) == ""


def test_objects_that_are_not_data_are_neither_printed_nor_read():
    class Secret:
        token = "canary"

        def __str__(self):
            return "canary"

        def __getitem__(self, key):
            return "canary"

    out = render_text("{{ s }}{{ s.token }}{{ s['token'] }}{{ s | json }}", {"s": Secret()})
    assert "canary" not in out


@pytest.mark.parametrize("tag", ["include 'x'", "extends 'x'", "macro a", "with a: 1", "call a"])
def test_tags_that_leak_scope_or_read_files_do_not_exist(tag):
    with pytest.raises(TemplateError) as caught:
        render_text("{% " + tag + " %}", {})
    assert caught.value.kind == "syntax"


def test_a_partial_that_nobody_has_published_is_named_in_the_error():
    with pytest.raises(TemplateError) as caught:
        render_text("{% render 'footer' %}", {})
    assert caught.value.kind == "partial_not_found"
    assert "footer" in str(caught.value)
