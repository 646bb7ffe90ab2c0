"""The forms in which callers name recipients and tenants."""

from __future__ import annotations

from typing import Any

import pytest

from engine.errors import InvalidInput, Problem
from engine.recipients.references import (
    Identity,
    Reference,
    parse_reference,
    parse_references,
    parse_tenant,
)
from storage.records import TENANTS, USERS, RecipientRef

ANN, DOC = RecipientRef(USERS, "ann"), RecipientRef("docs", "1")
DOCS = {"id": "1", "collection": "docs"}


@pytest.mark.req("E-3", "E-4")
@pytest.mark.parametrize(
    ("json", "ref", "properties"),
    [
        ("ann", ANN, None),
        (DOCS, DOC, None),
        ({"id": "ann"}, ANN, {}),
        ({"id": "ann", "name": "Ann", "x": {"y": 1}}, ANN, {"name": "Ann", "x": {"y": 1}}),
        ({**DOCS, "name": "Plan"}, DOC, {"name": "Plan"}),
        ({"id": "t", "collection": "$tenants"}, RecipientRef(TENANTS, "t"), None),
        ({"id": "ann", "collection": "$users"}, ANN, None),
    ],
)
def test_only_inline_forms_are_identified(
    json: Any, ref: RecipientRef, properties: dict[str, Any] | None
) -> None:
    identity = None if properties is None else Identity(ref=ref, properties=properties)
    assert parse_reference(json, "actor") == Reference(ref=ref, identity=identity)


@pytest.mark.req("E-5")
def test_trigger_data_is_split_off_and_never_a_property() -> None:
    inline = parse_reference({"id": "ann", "a": 1, "$trigger_data": {"k": 1}}, "recipients[0]")
    assert inline == Reference(
        ref=ANN, identity=Identity(ref=ANN, properties={"a": 1}), trigger_data={"k": 1}
    )
    pointing = parse_reference({**DOCS, "$trigger_data": {"k": 1}}, "recipients[0]")
    assert pointing == Reference(ref=DOC, trigger_data={"k": 1})


@pytest.mark.parametrize(
    ("json", "path", "rule"),
    [
        (None, "r[0]", "type"),
        (7, "r[0]", "type"),
        ([], "r[0]", "type"),
        ("", "r[0]", "type"),
        ("a/b", "r[0]", "id.form"),
        ("a#b", "r[0]", "id.form"),
        ("x" * 257, "r[0]", "id.length"),
        ({}, "r[0].id", "type"),
        ({"id": 7}, "r[0].id", "type"),
        ({"id": "1", "collection": 7}, "r[0].collection", "type"),
        ({"id": "1", "collection": None}, "r[0].collection", "type"),
        ({"id": "1", "collection": "$mine"}, "r[0].collection", "collection.reserved"),
        ({"id": "1", "email": 7}, "r[0].email", "type"),
        ({"id": "1", "created_at": "soon"}, "r[0].created_at", "instant"),
        ({"id": "1", "$trigger_data": []}, "r[0].$trigger_data", "type"),
        ({"id": "1", "preferences": {"default": 1}}, "r[0].preferences.default", "type"),
        ({"id": "1", "channel_data": {"c": 1}}, "r[0].channel_data.c", "type"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_wrong_form_is_named_with_its_place(json: Any, path: str, rule: str) -> None:
    found = parse_reference(json, "r[0]")
    assert isinstance(found, Problem)
    assert (found.path, found.rule) == (path, rule)


@pytest.mark.req("R-34")
def test_lists_hold_the_limit_and_report_every_fault() -> None:
    assert len(parse_references(["a"] * 1000, "recipients", most=1000)) == 1000
    for json in (["a"] * 1001, [], "a", None):
        with pytest.raises(InvalidInput):
            parse_references(json, "recipients", most=1000)
    with pytest.raises(InvalidInput) as faults:
        parse_references(["a", 1, "b/c"], "recipients", most=1000)
    assert [p.path for p in faults.value.problems] == ["recipients[1]", "recipients[2]"]


@pytest.mark.req("E-19")
def test_a_tenant_is_found_or_created_in_either_form() -> None:
    ref = RecipientRef(TENANTS, "acme")
    assert parse_tenant("acme", "tenant") == Reference(ref=ref, identity=Identity(ref=ref))
    inline = parse_tenant(
        {"id": "acme", "name": "Acme", "settings": {"preference_set": {"workflows": {}}}}, "tenant"
    )
    assert isinstance(inline, Reference)
    assert inline.identity is not None
    assert inline.identity.properties == {"name": "Acme", "settings": {}}
    assert inline.identity.tenant_preferences is not None
    for json in (7, "", {}, {"id": "a/b"}, {"id": "a", "settings": 1}, []):
        assert isinstance(parse_tenant(json, "tenant"), Problem)
