"""Faults found without rendering, each with its place."""

import pytest

from engine.liquid.syntax import syntax_problems, variables

FAULTS = [
    ("{{ foo | }}", "syntax", 1, 4),
    ("a\n  {{ foo | }}", "syntax", 2, 6),
    ("text\n{% if a %}\nx", "syntax", 2, 1),
    ("{% for x in l %}{% if a %}{% endif %}", "syntax", 1, 1),
    ("{% if a %}\n{% for x in l %}\n{% endif %}", "syntax", 3, 4),
    ("a {{ b", "syntax", 1, 3),
    ("a\n{% if b", "syntax", 2, 1),
    ("{% nope %}", "syntax", 1, 4),
    ("x\n{{ a | nope }}", "unknown_filter", 2, 8),
    ("{% if a %}\n{% assign b = a | nope: 1 %}{% endif %}", "unknown_filter", 2, 19),
    ("{{ a b }}", "syntax", 1, 6),
    ("{{ a == }}", "syntax", 1, 6),
    ("{% if a = b %}{% endif %}", "syntax", 1, 9),
    ("{% raw %}x", "syntax", 1, 1),
    ("{% comment %}{% if %}", "syntax", 1, 4),
]


@pytest.mark.parametrize(("source", "kind", "line", "column"), FAULTS)
def test_a_fault_has_its_kind_and_place(source, kind, line, column):
    problems = syntax_problems(source)
    assert [p.kind for p in problems] == [kind]
    assert (problems[0].line, problems[0].column) == (line, column)


def test_all_unknown_filters_are_listed_in_order():
    problems = syntax_problems("{{ a | b }}\n{{ c | upcase | d }}\n{% assign e = f | b %}")
    assert [(p.line, p.kind) for p in problems] == [
        (1, "unknown_filter"),
        (2, "unknown_filter"),
        (3, "unknown_filter"),
    ]


@pytest.mark.parametrize(
    "source",
    [
        "",
        "plain { text } with %} and }}",
        "{{ a }}{% if b %}{% elsif c %}{% else %}{% endif %}",
        "{% comment %}{% if %}{% endcomment %}",
        "{% raw %}{{ {% if %}{% endraw %}",
        "{%- liquid\n assign x = 1\n-%}",
        "{% # a note %}",
        "{% doc %}about{% enddoc %}",
    ],
)
def test_a_valid_template_has_no_problems(source):
    assert syntax_problems(source) == []


def test_variables_lists_the_paths_a_template_reads():
    source = (
        "{{ data.order.id }}{% for i in data.items %}{{ i.name }}{{ forloop.index }}{% endfor %}"
        "{% assign who = recipient.name | default: actor.name %}{{ who }}{{ data['odd key'] }}"
        "{% if vars.flag %}{{ list[0].x }}{% endif %}"
    )
    assert variables(source) == [
        "actor.name",
        "data.items",
        "data.order.id",
        "data['odd key']",
        "list[0].x",
        "recipient.name",
        "vars.flag",
    ]
