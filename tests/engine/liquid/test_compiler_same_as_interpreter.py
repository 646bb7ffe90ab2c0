"""The templates of the other tests come out of the compiler as out of the interpreter."""

import pytest
from compiled_both_ways import MODES, Tally, differences
from test_liquid_rendering import PRINTED
from test_liquid_sandbox import LIMITED, NESTED

from engine.errors import TemplateError
from engine.liquid.rendering import Rendering, Session

ODD = {"d": {"a": 1, "size": 0, "first": "f"}, "l": [1, [2, 3]], "s": "a<b>", "e": [], "z": 0,
       "t": True, "f": False, "n": None, "x": 1.5, "o": [{"k": 1, "n": "<i>"}, {"k": 2}],
       "u": "é"}  # fmt: skip


@pytest.mark.parametrize(("template", "scope", "expected"), PRINTED)
def test_what_templates_print_in_every_context(template, scope, expected):
    assert differences([template], scope) == []


@pytest.mark.parametrize("source", [*LIMITED.values(), *NESTED.values()], ids=[*LIMITED, *NESTED])
def test_limits_strike_at_the_same_place(source):
    assert differences([source, "after {{ x }}"], {"a": "x"}) == []


CONSTRUCTS = [
    "{% for i in l %}{{ forloop.index }}{{ forloop.rindex0 }}{{ forloop.first }}{{ forloop.last }}"
    "{% for j in i %}{{ forloop.parentloop.index0 }}{{ forloop.length }}{{ i }}{% endfor %}"
    "{% endfor %}{{ i }}{{ forloop }}",
    "{% for i in d %}{{ i[0] }}={{ i[1] }}{% endfor %}{% for c in s %}{{ c }}{% endfor %}",
    "{% for i in (1..9) limit: 2 %}{{ i }}{% endfor %}"
    "{% for i in (1..9) limit: 3 offset: continue %}{{ i }}{% else %}none{% endfor %}",
    "{% for i in l limit: -1 %}{{ i }}{% endfor %}",
    "{% for i in l limit: s %}{{ i }}{% endfor %}",
    "{% for i in (1..5) %}{% if i == 2 %}{% continue %}{% endif %}"
    "{% capture c %}{{ i }}{% if i == 4 %}{% break %}{% endif %}{% endcapture %}{{ c }}{% endfor %}"
    "{{ c }}",
    "{% for l in l %}{% assign l = 7 %}{{ l }}{% endfor %}{{ l }}",
    "{% assign d = o[0] %}{{ d.k }}{% assign q = d.n | append: '<u>' %}{{ q }}{{ o[0][n] }}",
    "{% case z %}{% when 0, 0, 1 %}a{% when 0 or 1 %}b{% else %}c{% endcase %}"
    "{% case zz %}{% else %}1{% when nil %}2{% else %}3{% endcase %}",
    "{% if s contains 'b' and l contains 1 or d contains zz %}y{% endif %}"
    "{% if x >= 1.5 and z <= 0 and s >= 'a' and n >= 1 %}z{% elsif t %}tt{% endif %}",
    "{% if s > 1 %}a{% elsif z contains 'q' %}b{% elsif l < 2 %}c{% else %}d{% endif %}",
    "{% unless f %}1{% elsif t %}2{% endunless %}{% unless t %}1{% elsif z %}2{% else %}3"
    "{% endunless %}",
    "{% if e == empty %}1{% endif %}{% if n == blank %}2{% endif %}{% if zz != nil %}3{% endif %}",
    "{% if t %}   {% capture c %}{{ s }}{% endcapture %}  {% assign p = 1 %}{% endif %}{{ c }}"
    "{{ p }}",
    "{% if t %}  {% ifchanged %} {% endifchanged %}{% for i in l %} {% endfor %}{% endif %}|",
    "{% capture c %} {% endcapture %}[{{ c }}]{% capture c %}**{{ s }}**{% endcapture %}{{ c }}"
    "{{ c | upcase }}",
    "{% cycle 'a': s, 'y' %}{% cycle 'a': s %}{% cycle 'a': s %}{% cycle zz, n %}{% cycle zz: 1 %}",
    "{% increment a %}{% increment d %}{{ a }}{{ d }}{% decrement a %}{% assign a = 'L' %}{{ a }}",
    "{% liquid\n assign q = l\n for i in q\n echo i\n endfor\n # note\n%}{% echo s | upcase %}",
    "{{ now | date: '%Y' }}{{ today }}{{ 'now' | date: '%H' }}{{ now }}",
    "{{ x | round: 1 | plus: z | append: '%' }}{{ 1234.5 | currency: 'EUR', 'de' }}",
    "{{ s | default: 'q', allow_false: true }}{{ f | default: 'q', allow_false: true }}",
    "{{ o | where: 'k', 1 | map: 'n' }}{{ l | join }}{{ o | sort: 'k' | json }}",
    "{{ s | truncate }}{{ s | append }}", "{{ s | plus: l }}", "{{ 1 | divided_by: 0 }}",
    "ok {{ s }}\n  {{ 'a' | timezone: 'x' }}", "{{ s | nothing }}",
    "{% if f %}{{ s | no }}{% endif %}",
    "{{ l[-1] }}{{ l[0] }}{{ d['a'] }}{{ d[s] }}{{ ['s'] }}{{ [s] }}{{ o.last.k }}{{ s.size }}",
    "{{ -0.0 }}{{ 0.0 }}{{ 1 }}{{ 1.0 }}{{ true }}{{ 99999999999999999999 }}{{ 1e3 }}",
    "{% break %}", "x{% if t %}{% continue %}{% endif %}",
    "{% for forloop in l %}{{ forloop }}{% endfor %}",
    "{% for i in l %}{{ forloop }}{{ forloop.nothing }}{{ forloop.parentloop.index }}{% endfor %}",
    "{% tablerow i in l %}{{ i }}{% endtablerow %}", "{% render 'x' %}",
    "{{ s | safe }}{{ s | escape }}{{ '<b>' | append: s }}{{ s | date: '%Y' }}{{ s | json }}",
    "{% assign a = zz %}{% if a %}1{% endif %}{{ a }}", "{{ zz.yy }}", "{{ zz | upcase }}",
    "{% for i in zz %}a{% else %}b{% endfor %}", "{% assign b = (1..zz) %}{{ b }}{{ (1..3) }}",
    "{% raw %}{{ s }}{% endraw %}{% comment %}{{ s }}{% endcomment %}{% doc %}d{% enddoc %}",
    "  {%- if t -%}  a  {%- endif -%}  b {{- s -}} c",
    "{{ x | date: context: 1 }}", "{{ s | slice: 0, 1 }}{{ s | replace: 'a', zz }}",
]  # fmt: skip


@pytest.mark.parametrize("operator", ["==", "!=", "<>", "<", ">", "<=", ">=", "contains"])
def test_every_comparison_of_every_two_kinds(operator):
    values = ["1", "2", "1.5", "'a'", "'b'", *ODD, "zz", "nil", "blank", "empty", "true", "(1..2)"]
    tally = Tally()
    for left in values:
        tests = (f"{{% if {left} {operator} {v} %}}1{{% else %}}0{{% endif %}}" for v in values)
        assert differences(["".join(tests)], ODD, tally, MODES[:5:4]) == []
    assert tally.compiled == 2 * len(values)


@pytest.mark.parametrize("source", CONSTRUCTS)
def test_every_construct_in_every_context(source):
    assert differences([source], ODD) == []


def test_templates_that_follow_each_other_share_what_they_bind():
    sources = [
        "{% assign a = 1 %}{% increment c %}{% cycle 1, 2 %}{{ s }}",
        "{{ a }}{{ c }}{% increment c %}{% cycle 1, 2 %}{% assign a = 2 %}{{ l | plus: l }}{{ s }}",
        "{{ a }}{{ c }}{% increment c %}{% cycle 1, 2 %}",
        "{% for i in (1..9) limit: 2 %}{{ i }}{% endfor %}",
        "{% for i in (1..9) limit: 2 offset: continue %}{{ i }}{% endfor %}",
    ]
    assert differences(sources, ODD) == []


def test_what_a_failed_run_did_is_undone_before_the_interpreter_starts():
    tally = Tally()
    source = (
        "{{ s }}{% assign a = 1 %}{% capture b %}{{ s }}{% endcapture %}{% increment c %}"
        "{% cycle 1, 2 %}{% ifchanged %}x{% endifchanged %}{% if s > 1 %}{% endif %}"
        "{% for i in l %}{{ i }}{% endfor %}{{ 1 | divided_by: 0 }}"
    )
    assert differences([source, source], ODD, tally) == []
    assert tally.given_back == 16
    assert tally.refused == {}


def test_output_that_grows_in_steps_meets_the_limit_where_the_interpreter_does():
    big = "x" * 1_000_000
    sources = ["{{ b }}" + "y" * 97_000, "{{ b }}", "{{ b }}" * 2, "z", "{{ c }}" * 3]
    assert differences(sources, {"b": big, "c": "c" * 60}) == []


def test_a_scope_that_is_no_plain_dict_is_left_to_the_interpreter():
    class Other(dict):
        pass

    tally = Tally()
    assert differences(["{{ a }}"], Other(a=1), tally) == []
    assert tally.given_back == 8


def test_a_text_without_liquid_meets_the_output_limit_as_a_fault():
    rendering = Rendering(Session(scope={"b": "x" * 2_000_000}))
    rendering.render("{{ b }}")
    with pytest.raises(TemplateError) as caught:
        rendering.render("z" * 200_000)
    assert caught.value.kind == "limit"
