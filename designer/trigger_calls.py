"""Write the calls that trigger a workflow, ready to be pasted: curl, Python, the command line."""

from __future__ import annotations

import json
import re
import shlex
from itertools import count
from typing import Any, Final

from designer.elements import copyable, div, para, tag
from engine.workflow.definition import steps_of, walk
from storage.records import JsonObject

_DATA: Final = re.compile(r"\bdata\.([a-zA-Z_]\w*)(?![\w(])")
_KEY_NOTE: Final = (
    "The calls need a secret key of this environment: “tocsin keys” on the server shows how to"
    " make one."
)
_PANELS = count(1)
_CAPTIONS: Final = ("Shell", "Python", "Shell")


def sample_data(definition: JsonObject) -> JsonObject:
    """Guess the data a workflow wants: its schema's examples, else the names it mentions."""
    schema = definition.get("trigger_data_json_schema")
    if isinstance(schema, dict) and isinstance(schema.get("properties"), dict):
        found = {str(k): _example(k, v) for k, v in schema["properties"].items()}
        return dict(list(found.items())[:8])
    text = json.dumps([place.step for place in walk(steps_of(definition))])
    return {name: f"<{name}>" for name in list(dict.fromkeys(_DATA.findall(text)))[:8]}


def _example(name: str, schema: Any) -> Any:
    if not isinstance(schema, dict):
        return f"<{name}>"
    for key in ("default", "const"):
        if key in schema:
            return schema[key]
    for key in ("examples", "enum"):
        if isinstance(schema.get(key), list) and schema[key]:
            return schema[key][0]
    samples = {"number": 1, "integer": 1, "boolean": True, "array": [], "object": {}}
    return samples.get(str(schema.get("type")), f"<{name}>")


def import_command(environment: str) -> str:
    """Write the command that brings workflows from a folder."""
    return f"tocsin import ./notifications --environment {environment} --commit -m 'First'"


def curl_call(base_url: str, key: str, recipient: str, data: JsonObject) -> str:
    """Write the call for a shell."""
    body = json.dumps({"recipients": [recipient], "data": data}, indent=2, ensure_ascii=False)
    return (
        f"curl {base_url}/v1/workflows/{key}/trigger \\\n"
        '  -H "Authorization: Bearer $TOCSIN_KEY" \\\n'
        '  -H "Content-Type: application/json" \\\n'
        f"  -d {shlex.quote(body)}"
    )


def python_call(base_url: str, key: str, recipient: str, data: JsonObject) -> str:
    """Write the call with the official client."""
    return (
        "from knockapi import Knock\n\n"
        f'client = Knock(api_key="sk_…", base_url="{base_url}")\n'
        "client.workflows.trigger(\n"
        f'    key="{key}",\n'
        f'    recipients=["{recipient}"],\n'
        f"    data={_python(data)},\n"
        ")"
    )


def _python(data: JsonObject) -> str:
    lines = "".join(f"        {json.dumps(name)}: {_literal(data[name])},\n" for name in data)
    return "{\n" + lines + "    }" if lines else "{}"


def _literal(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def command_call(environment: str, key: str, recipient: str, data: JsonObject) -> str:
    """Write the call for this server's own command line."""
    text = f"tocsin trigger {key} --recipient {recipient} --environment {environment}"
    if data:
        text += f" \\\n  --data {shlex.quote(json.dumps(data, ensure_ascii=False))}"
    return text


def trigger_calls(
    base_url: str, environment: str, key: str, recipient: str, data: JsonObject
) -> None:
    """Show the three ways as tabs, each with a button that copies it."""
    number = next(_PANELS)
    calls = (
        ("curl", curl_call(base_url, key, recipient, data)),
        ("Python", python_call(base_url, key, recipient, data)),
        ("Command line", command_call(environment, key, recipient, data)),
    )
    with div("calls"):
        with div("code-tabs", role="tablist", aria_label="Ways to trigger it"):
            for index, (title, _) in enumerate(calls):
                tag(
                    "button", title, type_="button", role="tab", id=f"call-tab-{number}-{index}",
                    aria_selected="false" if index else "true", tabindex="-1" if index else "0",
                    aria_controls=f"call-{number}-{index}",
                )  # fmt: skip
        for index, (title, code) in enumerate(calls):
            with div(
                id=f"call-{number}-{index}", role="tabpanel", hidden=bool(index),
                aria_labelledby=f"call-tab-{number}-{index}",
            ):  # fmt: skip
                copyable(code, _CAPTIONS[index], name=f"Trigger with {title}")
        para(_KEY_NOTE, "call-note")
