"""Every dialect of the query string that the official clients send."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.http.query import Range, UnusableFilter, parse_query
from engine.errors import InvalidInput
from storage.records import RecipientRef

DAY = datetime(2026, 5, 4, tzinfo=UTC)


@pytest.mark.parametrize("raw", [b"status[]=a&status[]=b", b"status%5B%5D=a&status=b",
                                 b"status=a&status=b", b"status[0]=a&status[1]=b"])  # fmt: skip
def test_arrays_are_read_in_every_dialect(raw: bytes) -> None:
    assert parse_query(raw).texts("status") == ["a", "b"]


def test_a_comma_separates_nothing() -> None:
    assert parse_query(b"status[]=a,b").texts("status") == ["a,b"]


@pytest.mark.parametrize(
    "raw",
    [b"inserted_at[gt]=2026-05-04T00:00:00Z", b"inserted_at.gt=2026-05-04",
     b"inserted_at%5Bgt%5D=2026-05-04T02%3A00%3A00%2B02%3A00"],
)  # fmt: skip
def test_ranges_are_read_in_brackets_and_with_dots(raw: bytes) -> None:
    assert parse_query(raw).range("inserted_at") == Range(gt=DAY)


def test_a_range_holds_all_its_bounds() -> None:
    found = parse_query(b"at[gte]=2026-05-04&at.lt=2026-05-04&at[lte]=2026-05-04").range("at")
    assert found == Range(gte=DAY, lt=DAY, lte=DAY)


def test_an_absent_range_is_none() -> None:
    assert parse_query(b"other=1").range("at") is None


@pytest.mark.parametrize("raw", [b"at[gt]=soon", b"at=2026-05-04", b"at[about]=2026-05-04"])
def test_an_unusable_bound_is_never_ignored(raw: bytes) -> None:
    with pytest.raises(UnusableFilter):
        parse_query(raw).range("at")


def test_lists_of_references_mix_ids_and_pairs() -> None:
    raw = (
        b"recipients[]=u1&recipients[][id]=x&recipients[][collection]=y"
        b"&recipients[][id]=z&recipients[][collection]=y&recipients[]=u2"
    )
    assert parse_query(raw).references("recipients") == [
        RecipientRef("$users", "u1"),
        RecipientRef("y", "x"),
        RecipientRef("y", "z"),
        RecipientRef("$users", "u2"),
    ]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"recipient=ann", RecipientRef("$users", "ann")),
        (b"recipient[id]=a&recipient[collection]=b", RecipientRef("b", "a")),
        (b'recipient={"id":"a","collection":"b"}', RecipientRef("b", "a")),
        (b"", None),
    ],
)
def test_one_reference_is_read_in_every_dialect(raw: bytes, expected: RecipientRef | None) -> None:
    assert parse_query(raw).reference("recipient") == expected


@pytest.mark.parametrize("raw", [b"recipient=", b"recipient[collection]=b"])
def test_half_a_reference_matches_nothing(raw: bytes) -> None:
    with pytest.raises(UnusableFilter):
        parse_query(raw).reference("recipient")


@pytest.mark.parametrize(
    "raw",
    [b'o={"object_id":"t","collection":"$tenants"}',
     b"o[object_id]=t&o[collection]=$tenants", b"o.object_id=t&o.collection=$tenants"],
)  # fmt: skip
def test_objects_come_as_json_in_brackets_or_with_dots(raw: bytes) -> None:
    assert parse_query(raw).object("o") == {"object_id": "t", "collection": "$tenants"}


def test_provider_options_keep_names_with_a_dollar() -> None:
    assert parse_query(b"query_options.$skiptoken=s").object("query_options") == {"$skiptoken": "s"}


@pytest.mark.parametrize("raw", [b"o=text", b"o=[1]", b"o={"])
def test_text_that_is_no_object_matches_nothing(raw: bytes) -> None:
    with pytest.raises(UnusableFilter):
        parse_query(raw).object("o")


def test_booleans_are_true_false_or_unusable() -> None:
    query = parse_query(b"a=true&b=False&c=&d=maybe")
    assert (query.flag("a"), query.flag("b"), query.flag("c"), query.flag("e")) == (
        True, False, None, None,
    )  # fmt: skip
    with pytest.raises(UnusableFilter):
        query.flag("d")


@pytest.mark.parametrize(
    ("raw", "number"), [(b"n=7", 7), (b"n=-1", -1), (b"n=x", None), (b"n=" + b"9" * 30, None)]
)
def test_numbers_are_whole_or_absent(raw: bytes, number: int | None) -> None:
    assert parse_query(raw).number("n") == number


@pytest.mark.req("R-35")
@given(st.binary(max_size=200) | st.text('ab[].&=%{}"$,', max_size=60).map(str.encode))
def test_any_bytes_are_read_or_refused_in_words(raw: bytes) -> None:
    query = parse_query(raw)
    for name in ("a", "b", "", "a[", "ab"):
        assert all(isinstance(text, str) for text in query.texts(name))
        for read in (query.references, query.object, query.range, query.flag, query.number):
            with contextlib.suppress(UnusableFilter):
                read(name)


def test_too_many_fields_are_refused() -> None:
    assert parse_query(b"&".join([b"a=1"] * 2000)).texts("a") == ["1"] * 2000
    with pytest.raises(InvalidInput):
        parse_query(b"&".join([b"a=1"] * 2001))
