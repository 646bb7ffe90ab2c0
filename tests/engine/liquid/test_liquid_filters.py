"""Golden table of filters: template, scope, output."""

from datetime import UTC, datetime

import pytest

from engine.errors import TemplateError
from engine.liquid.environment import environment
from engine.liquid.filters import FAMILIES
from engine.liquid.filters.registry import FILTERS
from engine.liquid.rendering import render_text

GOLDEN = [
    # instants
    ('{{ t | timezone: "America/New_York" }}', "2024-01-01T00:30:00Z", "2023-12-31T19:30:00-05:00"),
    ('{{ t | timezone: "Asia/Kolkata" }}', "2024-06-01T00:00:00", "2024-06-01T05:30:00+05:30"),
    ('{{ t | date: "%-I:%M %p %Z", "America/New_York" }}', "2023-12-31T19:30:00Z", "2:30 PM EST"),
    ('{{ t | date: "%Y-%m-%d %H:%M", "America/New_York" }}', "2026-03-08T07:30Z",
     "2026-03-08 03:30"),
    ('{{ t | date: "%s" }}', "2026-04-10", "1775779200"),
    ('{{ t | date: "%e|%k|%l|%j|%L|%3N|%^a|%P" }}', "2024-02-03T04:05:06.789Z",
     " 3| 4| 4|034|789|789|SAT|am"),
    ('{{ t | date: "%z %:z" }}', "2024-02-03T04:05:06+02:00", "+0200 +02:00"),
    ('{{ t | date: "%F %T %% %Q" }}', "2024-02-03T04:05:06Z", "2024-02-03 04:05:06 % %Q"),
    ('{{ t | date: "%d/%m" }}', 1704067200, "01/01"),
    ('{{ t | date: "%Y" }}', "not a date", "not a date"),
    ('{{ t | date: "%Y" }}', None, ""),
    ('{{ "now" | date: "%Y-%m-%d" }}|{{ now }}', "", "2030-05-06|2030-05-06T07:08:09+00:00"),
    # locales
    ('{{ t | format_date_in_locale: "en-GB", "long" }}', "2023-12-31T14:30:45Z",
     "31 December 2023"),
    ('{{ t | format_date_in_locale: "de", "long" }}', "2023-12-31T14:30:45Z",
     "31. Dezember 2023"),
    ('{{ t | format_date_in_locale: "fr-XX", "full" }}', "2023-12-31",
     "dimanche 31 décembre 2023"),
    ('{{ t | format_date_in_locale: "xx" }}', "2023-12-31", "12/31/23"),
    ('{{ t | format_datetime_in_locale: "en-GB", "medium", "short" }}', "2023-12-31T14:30:45Z",
     "31 Dec 2023, 14:30"),
    ('{{ t | format_datetime_in_locale: "en-US", "long", "short" }}', "2023-12-31T14:30:45Z",
     "December 31, 2023, 2:30 PM"),
    # numbers
    ('{{ t | format_number }}', 1234567.891, "1,234,567.891"),
    ('{{ t | format_number: "de" }}', 10000, "10.000"),
    ('{{ t | currency }}', "19.99", "$19.99"),
    ('{{ t | currency: "GBP", "en" }}', 10, "£10.00"),
    ('{{ t | currency: "JPY" }}', 1200, "¥1,200"),
    ('{{ t | currency: "EUR", "de" }}', 1234.5, "1.234,50\u00a0€"),
    ('{{ t | rounded_currency: "GBP", "en" }}', 10.5, "£11"),
    ('{{ t | rounded_currency }}', "2.49", "$2"),
    # JSON and lists
    ("{{ t | json }}", {"id": "ü", "n": [1, None, True]}, '{"id": "ü", "n": [1, null, true]}'),
    ("{{ missing | json }}", "", "null"),
    ("{% assign o = t | from_json %}{{ o.a[1] }}", '{"a": [1, 2]}', "2"),
    ("{% assign o = t | from_json %}{{ o.a }}", {"a": 5}, "5"),
    ("{% assign o = t | from_json %}{% if o %}T{% else %}F{% endif %}", "false", "F"),
    ("{{ t | intersect: other | json }}", ["a", "b", "a", {"k": 1}], '["a", {"k": 1}]'),
    ("{{ t | uniq | json }}", [1, 1, "1", True, {"a": 1}, {"a": 1}], '[1, "1", true, {"a": 1}]'),
    ('{{ t | uniq: "k" | map: "k" | join: "-" }}', [{"k": 1}, {"k": 1}, {"k": 2}, {}], "1-2-"),
    ('{{ t | map: "k" | json }}', [{"k": 1}, {"z": 1}], "[1, null]"),
    ('{{ t | join: "," }}', ["a", None, True, 1.5], "a,,true,1.5"),
    # text
    ('{{ t | pluralize: "user", "users" }}', 1, "user"),
    ('{{ t | pluralize: "user", "users" }}', "1", "user"),
    ('{{ t | pluralize: "user", "users" }}', 0, "users"),
    ('{{ t | pluralize: "user", "users" }}', None, "users"),
    ("{{ t | titlecase }}", "my tiny iPhone app", "My Tiny IPhone App"),
    ("{{ t | append: true | prepend: nil }}", False, "falsetrue"),
    ('{{ t | replace: "a", nil }}', "banana", "bnn"),
    ("{{ t | upcase }}", True, "TRUE"),
    # hashes
    ("{{ t | md5 }}", "abc", "900150983cd24fb0d6963f7d28e17f72"),
    ("{{ t | sha256 }}", "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (
        '{{ t | hmac_sha256: "key" }}',
        "The quick brown fox jumps over the lazy dog",
        "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8",
    ),
    # versions
    ('{{ t | compare_versions: "2.0.0" }}', "1.9.9", "-1"),
    ('{{ t | compare_versions: "1.2.0" }}', "v1.2", "0"),
    ('{{ t | compare_versions: "1.0.0-alpha" }}', "1.0.0", "1"),
    ('{{ t | compare_versions: "1.0.0-alpha.beta" }}', "1.0.0-alpha.1", "-1"),
    ('{{ t | compare_versions: "1.0.0-rc.1" }}', "1.0.0-rc.11", "1"),
    ('{{ t | compare_versions: "1.0.0+b" }}', "1.0.0+a", "0"),
    # markdown
    ("{{ t | from_markdown }}", "# Hi\n\n*x* ~~y~~", "<h1>Hi</h1>\n<p><em>x</em> <del>y</del></p>"),
    ("{{ t | from_markdown }}", "a<script>alert(1)</script>b", "<p>ab</p>"),
]  # fmt: skip


@pytest.mark.parametrize(("template", "value", "expected"), GOLDEN)
def test_filter_gives_the_golden_output(template, value, expected):
    scope = {"t": value, "other": [{"k": 1}, "a", "z"]}
    now = datetime(2030, 5, 6, 7, 8, 9, tzinfo=UTC)
    assert render_text(template, scope, now=now) == expected


@pytest.mark.parametrize(
    "template",
    [
        '{{ "x" | timezone: "Europe/Paris" }}',
        '{{ "2024-01-01" | timezone: "../../etc/passwd" }}',
        '{{ "2024-01-01" | date: "%Y", "Mars/Base" }}',
        '{{ "{" | from_json }}',
        '{{ "abc" | currency }}',
        '{{ 1 | currency: "pounds" }}',
        '{{ "1.x" | compare_versions: "1.0.0" }}',
        '{{ "2024-01-01" | format_date_in_locale: "en", "tiny" }}',
        "{{ 1 | divided_by: 0 }}",
        '{{ "a" | sum }}',
        "{{ 'inf' | ceil }}",
        "{{ 'x' | truncate: 'y' }}",
        "{{ '////' | base64_decode }}",
    ],
)
def test_an_unusable_argument_is_an_argument_error_with_its_place(template):
    with pytest.raises(TemplateError) as caught:
        render_text("line one\n" + template, {})
    assert caught.value.kind == "argument"
    assert caught.value.line == 2
    assert caught.value.column is not None


STOCK = """
abs append at_least at_most base64_decode base64_encode base64_url_safe_decode
base64_url_safe_encode capitalize ceil compact concat date default divided_by downcase escape
escape_once find find_index first floor has join last lstrip map minus modulo newline_to_br plus
prepend reject remove remove_first remove_last replace replace_first replace_last reverse round
rstrip size slice sort sort_natural split squish strip strip_html strip_newlines sum times truncate
truncatewords uniq upcase url_decode url_encode where safe escapejs
"""


@pytest.mark.parametrize("name", STOCK.split())
def test_the_stock_filters_are_all_there(name):
    assert name in environment().filters


def test_every_filter_is_documented_and_lives_in_a_family():
    modules = {family.__name__ for family in FAMILIES}
    for name, function in FILTERS.items():
        assert (function.__doc__ or "").strip(), name
        assert function.__module__ in modules, name
