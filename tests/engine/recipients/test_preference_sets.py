"""How preference sets are layered and changed."""

from __future__ import annotations

from typing import Any

import pytest

from engine.preferences.merge import layered
from engine.recipients.preference_sets import PreferenceChange, apply_change

CONDITION = {"conditions": [{"variable": "v", "operator": "empty", "argument": None}]}
OTHER = {"conditions": []}


@pytest.mark.req("E-145", "E-146")
@pytest.mark.parametrize(
    ("high", "low", "merged"),
    [
        ({}, {"workflows": {"a": False}}, {"workflows": {"a": False}}),
        ({"channel_types": {"email": True}}, {"channel_types": {"email": False, "sms": False}},
         {"channel_types": {"email": True, "sms": False}}),
        ({"workflows": {"a": True}}, {"workflows": {"a": {"channel_types": {"email": False}}}},
         {"workflows": {"a": True}}),
        ({"workflows": {"a": {"channel_types": {"sms": True}}}}, {"workflows": {"a": False}},
         {"workflows": {"a": {"channel_types": {"sms": True}}}}),
        ({"workflows": None}, {"workflows": {"a": False}}, {"workflows": {"a": False}}),
        ({"channel_types": {"email": CONDITION}}, {"channel_types": {"email": OTHER}},
         {"channel_types": {"email": CONDITION}}),
        ({"categories": {"c": {"channel_types": {"sms": True}}}},
         {"categories": {"c": {"channel_types": {"email": False}, "__strategy__": "replace"}}},
         {"categories": {"c": {"channel_types": {"email": False}, "__strategy__": "replace"}}}),
        ({"channel_types": {"sms": True}},
         {"channel_types": {"email": False, "__strategy__": "replace"}},
         {"channel_types": {"email": False, "__strategy__": "replace"}}),
        ({"channel_types": {"sms": True}},
         {"channel_types": {"email": False, "__strategy__": "merge"}},
         {"channel_types": {"sms": True, "email": False, "__strategy__": "merge"}}),
        ({"workflows": {"a": True}}, {"workflows": {"b": False, "__strategy__": "replace"}},
         {"workflows": {"a": True, "b": False, "__strategy__": "replace"}}),
    ],
)  # fmt: skip
def test_a_lower_set_fills_gaps_or_replaces_where_it_says_so(
    high: dict[str, Any], low: dict[str, Any], merged: dict[str, Any]
) -> None:
    assert layered(high, low) == merged
    assert layered(high, None, low) == merged


def test_layering_changes_none_of_its_layers() -> None:
    high, low = {"workflows": {"a": {"channels": {}}}}, {"workflows": {"a": {"channels": {"c": 1}}}}
    layered(high, low)
    assert high == {"workflows": {"a": {"channels": {}}}}
    assert low == {"workflows": {"a": {"channels": {"c": 1}}}}


@pytest.mark.req("E-148")
@pytest.mark.parametrize(
    ("strategy", "default", "merges"),
    [(None, "merge", True), (None, "replace", False), ("merge", "replace", True),
     ("replace", "merge", False)],
)  # fmt: skip
def test_a_change_follows_its_strategy_or_the_endpoints(
    strategy: str | None, default: str, merges: bool
) -> None:
    change = PreferenceChange(content={"workflows": {"b": True}}, strategy=strategy)
    after = apply_change({"workflows": {"a": False}}, change, default)
    assert ("a" in after["workflows"]) is merges
    assert apply_change(None, change, default) == change.content
