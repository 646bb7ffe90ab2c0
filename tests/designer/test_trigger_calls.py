from __future__ import annotations

import ast
import json
import shlex

from designer.trigger_calls import command_call, curl_call, python_call, sample_data
from tests.designer.seeded_definitions import COMMENTS, INCIDENT, WELCOME

URL = "http://127.0.0.1:8000"
DATA = {"who": 'O\'Neil "x"', "n": 3, "ok": True}


def test_sample_data_comes_from_the_schema_else_from_what_the_steps_mention() -> None:
    assert sample_data(WELCOME) == {"plan": "pro", "seats": 1}
    assert sample_data(COMMENTS) == {"page_id": "<page_id>"}
    assert sample_data(INCIDENT) == {"alert_id": "<alert_id>", "severity": "<severity>"}
    assert sample_data({"steps": []}) == {}


def test_the_curl_call_survives_the_shell() -> None:
    words = shlex.split(curl_call(URL, "welcome", "ann", DATA).replace("\\\n", " "))

    assert words[1] == f"{URL}/v1/workflows/welcome/trigger"
    assert json.loads(words[-1]) == {"recipients": ["ann"], "data": DATA}


def test_the_python_call_is_valid_python_with_the_same_data() -> None:
    tree = ast.parse(python_call(URL, "welcome", "ann", DATA))

    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    data = next(k.value for c in calls for k in c.keywords if k.arg == "data")
    assert ast.literal_eval(data) == DATA


def test_the_command_names_environment_and_data() -> None:
    words = shlex.split(command_call("production", "welcome", "ann", DATA).replace("\\\n", " "))

    assert words[:3] == ["tocsin", "trigger", "welcome"]
    assert words[words.index("--environment") + 1] == "production"
    assert json.loads(words[words.index("--data") + 1]) == DATA
    assert "--data" not in command_call("production", "welcome", "ann", {})
