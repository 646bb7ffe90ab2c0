"""No text of a template becomes Python, and compiled code can reach nothing."""

import ast
import re

import pytest
from compiled_both_ways import Tally, differences
from test_liquid_sandbox import LIMITED

from engine.errors import TemplateError
from engine.liquid.compiler import Unsupported, compile_program, program_of
from engine.liquid.compiler.program import written
from engine.liquid.compiler.runtime import NAMES
from engine.liquid.environment import _parse, parsed

QUOTES = ("'", '"', "'''", '"""', "\\", "\\'", "\n", "\r\n", "\u2028", "{", "}", "{0}", "%s", "#")
SECRET = "canary"
OWN_NAME = re.compile(r"(?:[ovwtsk]\d+|[XLGKBMno]|w|_|render)")
ATTRIBUTES = {
    *("locals", "globals", "placeholders", "session", "budget", "append", "output", "steps"),
    *("assign", "get", "walk", "increment", "decrement", "tag_namespace", "join"),
    *("_make_range", "_to_iter", "_slice", "_to_int"),
}

HOSTILE = [
    *(f"{text}{SECRET}{text} {{{{ a }}}}" for text in QUOTES),
    *(f"{{% assign x = {q}{text}{SECRET}{q} %}}{{{{ x }}}}" for text in QUOTES for q in "'\""
      if q not in text),
    *(f"{{{{ a['{text}{SECRET}'] }}}}" for text in QUOTES if "'" not in text),
    "{{ canary.__class__.__mro__[1].__subclasses__ }}{{ a['__class__'].canary }}",
    "{% for __import__ in canary %}{{ __import__ }}{{ forloop.index }}{% endfor %}",
    "{% for X in l %}{{ X }}{% assign B = X %}{{ B.session }}{{ n }}{{ w }}{{ K }}{% endfor %}",
    "{% assign __builtins__ = 'canary' %}{{ __builtins__ }}{% increment canary %}",
    "{% capture k0 %}canary{% endcapture %}{{ k0 }}{% cycle 'canary': '1', 'canary' %}",
    "{{ a | default: canary: 1 }}{{ a | date: 'canary', __class__: 2 }}",
    "{% case 'canary' %}{% when '); import os; (' %}{% when canary %}{% endcase %}",
    "{{ 'canary' | append: '\"); raise SystemExit(\"' }}",
    "{% if canary contains ')' or 'canary' == \"'\" %}x{% endif %}",
]  # fmt: skip


@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize("source", HOSTILE)
def test_nothing_a_template_says_is_in_the_python(source, kept):
    _, text = written(parsed(source, html=kept), kept=kept)
    assert SECRET not in text
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Attribute):
            assert node.attr in ATTRIBUTES, node.attr
        elif isinstance(node, ast.Name):
            assert node.id in NAMES or OWN_NAME.fullmatch(node.id), node.id
        elif isinstance(node, ast.Constant):
            assert node.value in ("", None, True, False, "stopindex") or type(node.value) is int
        assert not isinstance(node, (ast.Import, ast.ImportFrom, ast.Global, ast.Lambda))


@pytest.mark.parametrize("source", HOSTILE)
def test_a_hostile_template_prints_what_the_interpreter_prints(source):
    tally = Tally()
    scope = {"a": {"k": 1}, "l": [1], "X": "x", "canary": [{"k": 2}]}
    assert differences([source], scope, tally) == []
    assert tally.compiled > 0


def test_compiled_code_has_no_builtins():
    program = compile_program(parsed("{{ a }}"), kept=False)
    assert program.render.__globals__["__builtins__"] == {}
    assert not {"getattr", "eval", "exec", "open", "__import__", "vars"} & set(NAMES)


def test_values_that_are_not_data_stay_closed():
    class Secret:
        token = SECRET

        def __str__(self):
            return SECRET

        def __getitem__(self, key):
            return SECRET

    source = "{{ s }}{{ s.token }}{{ s['token'] }}{% for i in s %}{{ i }}{% endfor %}{{ s.size }}"
    tally = Tally()
    assert differences([source], {"s": Secret()}, tally) == []
    assert tally.given_back == 4, "only where missing values are refused"


@pytest.mark.parametrize("source", LIMITED.values(), ids=LIMITED.keys())
def test_a_template_that_meets_a_limit_compiles_quickly_or_not_at_all(source):
    try:
        template = parsed(source)
    except TemplateError:
        return
    try:
        _, text = written(template, kept=False)
    except Unsupported:
        return
    assert len(text) < 250_000


@pytest.mark.parametrize(
    "source", ["{{ a }}" * 2_000, "{% cycle " + "a.b, " * 3_000 + "a %}"], ids=["lines", "one line"]
)
def test_a_huge_template_is_left_to_the_interpreter(source):
    with pytest.raises(Unsupported, match="too long"):
        compile_program(parsed(source), kept=False)


def test_a_template_that_Python_cannot_nest_is_left_to_the_interpreter():
    loops = "{% for i in l %}" * 25 + "x" + "{% endfor %}" * 25
    with pytest.raises(Unsupported, match="Python refuses"):
        compile_program(parsed(loops), kept=False)
    assert differences([loops, "{{ a" + " | upcase" * 300 + " }}"], {"l": [1], "a": "b"}) == []


def test_a_template_is_compiled_when_it_comes_again_and_only_once():
    template = _parse("{{ fresh }}", html=False)
    assert program_of(template, kept=False) is None
    program = program_of(template, kept=False)
    assert program is not None
    assert program_of(template, kept=False) is program
