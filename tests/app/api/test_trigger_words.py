"""What a trigger call that is shaped wrongly is told, in JSON's words."""

from __future__ import annotations

import pytest
from message_world import Api


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("data", "x", "expected a JSON object, got a string"),
        ("data", [1], "expected a JSON object, got an array"),
        ("cancellation_key", 7, "expected a string, got a number"),
    ],
)
def test_types_are_named_as_json_names_them(
    door: Api, field: str, value: object, said: str
) -> None:
    body = {"recipients": ["ann"], field: value}
    answer = door.call("POST", "/v1/workflows/hello/trigger", json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"field": field, "message": said, "type": "type"}]
