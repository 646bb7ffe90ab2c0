"""A plain line is compiled without the compiler, to the very same HTML."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.liquid import markdown

_LINES = st.text(
    alphabet=st.one_of(
        st.sampled_from("abzAZ019 .,;:'?%$/()@#=+-"),
        st.sampled_from('*_`[]!<>&\\~|"\n\t\u00a0\u2028é漢٣'),
    ),
    max_size=40,
)


def slowly(source):
    return markdown.cleaned(str(markdown._compiler().render(source)).rstrip("\n"))


@given(_LINES)
def test_any_line_compiles_to_what_the_compiler_says(source):
    assert markdown.compiled_clean(source) == slowly(source)


@pytest.mark.parametrize(
    "source",
    ["Ann ordered A-17 on the team plan.", "a", "Total: 12 % (of 30), isn't it?", "x - y + z #"],
)
def test_a_plain_line_takes_the_short_way_and_loses_nothing(source):
    assert markdown._PLAIN.fullmatch(source)
    assert markdown.compiled_clean(source) == slowly(source) == f"<p>{source}</p>"


@pytest.mark.parametrize(
    "source",
    [
        "1. one",
        "- one",
        "# one",
        "a *b*",
        "a_b_",
        "a\nb",
        "a  ",
        "a & b",
        "<b>",
        "a\u00a0b",
        "",
        "+",
    ],
)
def test_a_line_that_may_mean_more_goes_to_the_compiler(source):
    assert markdown._PLAIN.fullmatch(source) is None
