"""Preferences decide as a naive model does that never merges anything."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.preferences.decide import Sending, blocked_by
from engine.preferences.resolve import resolve

Json = dict[str, Any]
ASKS = {"conditions": [{"variable": "data.x", "operator": "exists", "argument": None}]}
YES = {"conditions": []}

value = st.sampled_from([True, False, None, YES, ASKS])
strategy = st.sampled_from(["replace", "merge", None])


def _maps(keys: list[str]) -> st.SearchStrategy[Json]:
    fields: dict[str, Any] = dict.fromkeys(keys, value)
    return st.fixed_dictionaries({}, optional={**fields, "__strategy__": strategy})


types, channels = _maps(["email", "sms"]), _maps(["c1", "c2"])
entry = st.one_of(
    st.booleans(),
    st.none(),
    st.fixed_dictionaries(
        {},
        optional={
            "channel_types": st.none() | types,
            "channels": st.none() | channels,
            "conditions": st.sampled_from([None, [], ASKS["conditions"]]),
            "__strategy__": strategy,
        },
    ),
)
preference_set = st.fixed_dictionaries(
    {},
    optional={
        "channel_types": st.none() | types,
        "channels": st.none() | channels,
        "workflows": st.none() | st.dictionaries(st.sampled_from(["w", "v"]), entry),
        "categories": st.none() | st.dictionaries(st.sampled_from(["a", "b"]), entry),
        "commercial_subscribed": value,
    },
)


class Model:
    """Look a path up in layer after layer; nothing is merged beforehand."""

    def __init__(self, layers: list[Json], commercial: list[Json]) -> None:
        self.layers, self.commercial = layers, commercial

    def find(self, *path: str) -> Any:
        """Give the highest value at `path`, None if no layer that counts has one."""
        for number, layer in enumerate(self.layers):
            held = _at(layer, path)
            if held is None or self._is_hidden(path, number):
                continue
            return held
        return None

    def _is_hidden(self, path: tuple[str, ...], number: int) -> bool:
        """Is `path` of this layer out of reach: replaced from below, or a value stands above it?"""
        for length in range(1, len(path) + 1):
            part = path[:length]
            if any(self._replaces(lower, part) for lower in self.layers[number + 1 :]):
                return True
        for length in range(1, len(path)):
            part = path[:length]
            # Whatever stands higher and is no object hides what is below it.
            for above in range(number):
                held = _at(self.layers[above], part)
                if held is not None and not isinstance(held, dict) and not any(
                    self._replaces(lower, path[:n])
                    for lower in self.layers[above + 1 : number + 1]
                    for n in range(1, length + 1)
                ):  # fmt: skip
                    return True
        return False

    def _replaces(self, layer: Json, path: tuple[str, ...]) -> bool:
        if path in (("workflows",), ("categories",)):
            return False
        held = _at(layer, path)
        return isinstance(held, dict) and held.get("__strategy__") == "replace"

    def allows(self, sending: Sending, truth: bool) -> bool:
        """Say whether every level that says something says yes."""
        answers: list[Any] = []
        if sending.is_commercial:
            said = [s.get("commercial_subscribed") for s in self.commercial]
            answers.append(next((a for a in said if a is not None), None))
        levels: list[tuple[str, ...]] = [(), ("workflows", sending.workflow)]
        levels += [("categories", name) for name in sending.categories]
        for level in levels:
            if level:
                held = self.find(*level)
                answers.append(held if isinstance(held, bool) else None)
                answers.append(_conditions(self.find(*level, "conditions")))
            own = self.find(*level, "channels", sending.channel_id)
            kind = self.find(*level, "channel_types", sending.channel_type)
            if own is not None:
                answers.append(self._whole(own, *level, "channels", sending.channel_id))
            else:
                answers.append(self._whole(kind, *level, "channel_types", sending.channel_type))
        return all(_says_yes(answer, truth) for answer in answers)

    def _whole(self, held: Any, *path: str) -> Any:
        return _conditions(self.find(*path, "conditions")) if isinstance(held, dict) else held


def _at(layer: Any, path: tuple[str, ...]) -> Any:
    for part in path:
        if not isinstance(layer, dict):
            return None
        layer = layer.get(part)
    return layer


def _conditions(held: Any) -> Any:
    return None if held is None else {"conditions": held}


def _says_yes(answer: Any, truth: bool) -> bool:
    if isinstance(answer, dict):
        return not answer["conditions"] or truth
    return answer is not False


@pytest.mark.req("E-138", "E-143", "E-145")
@settings(max_examples=400, deadline=None)
@given(
    default=preference_set,
    of_tenant=preference_set,
    tenant_default=preference_set,
    base=preference_set,
    has_tenant=st.booleans(),
    truth=st.booleans(),
    is_commercial=st.booleans(),
    categories=st.sampled_from([(), ("a",), ("a", "b")]),
    channel=st.sampled_from([("c1", "email"), ("c2", "sms")]),
)
def test_the_decision_is_that_of_the_reference_model(
    default: Json,
    of_tenant: Json,
    tenant_default: Json,
    base: Json,
    has_tenant: bool,
    truth: bool,
    is_commercial: bool,
    categories: tuple[str, ...],
    channel: tuple[str, str],
) -> None:
    sending = Sending("w", categories, is_commercial, *channel)
    own = {"default": default, "t": of_tenant}
    preferences = resolve(own, "t" if has_tenant else None, tenant_default, base)
    blocked = blocked_by(preferences, sending, lambda asked, where: not asked or truth)
    counts = any(v is not None for s in (of_tenant, tenant_default) for v in s.values())
    layers = [of_tenant, tenant_default, base] if has_tenant and counts else [default, base]
    model = Model(layers, [default, base])
    assert (blocked is None) is model.allows(sending, truth), blocked


@settings(max_examples=200, deadline=None)
@given(default=preference_set, base=preference_set, channel=st.sampled_from(["email", "sms"]))
def test_the_layer_that_is_named_holds_what_decided(
    default: Json, base: Json, channel: str
) -> None:
    sending = Sending("w", ("a", "b"), True, "c1", channel)
    blocked = blocked_by(
        resolve({"default": default}, None, None, base), sending, lambda a, w: False
    )
    if blocked is None:
        return
    layer, *path = blocked.split(".")
    held = _at({"recipient": default, "environment": base}[layer], tuple(path))
    assert held is False or isinstance(held, list)
