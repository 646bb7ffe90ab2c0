"""The workflows, channels and keys of the kill loop, written as files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

KEY = "sk_test_kill_loop"
SUBSCRIBERS = 10_000


def _hook(body: str) -> dict[str, Any]:
    return {
        "type": "channel",
        "ref": "http_1",
        "channel_type": "http",
        "channel_key": "hook",
        "template": {
            "method": "post",
            "url": "{{ vars.sink }}",
            "headers": [{"key": "content-type", "value": "application/json"}],
            "body": body,
        },
    }


_FEED = {
    "type": "channel",
    "ref": "in_app_feed_1",
    "channel_type": "in_app_feed",
    "channel_key": "in-app",
    "template": {"markdown_body": "Tag {{ data.tag }}", "action_url": ""},
}
_PLAIN = '{"message": "{{ current_message.id }}", "tag": "{{ data.tag }}"}'
_BATCHED = (
    '{"message": "{{ current_message.id }}", "tag": "{{ recipient.id }}",'
    ' "activities": {{ total_activities }}}'
)


def _seconds(value: int) -> dict[str, Any]:
    return {"unit": "seconds", "value": value}


WORKFLOWS: dict[str, list[dict[str, Any]]] = {
    "plain": [_FEED, _hook(_PLAIN)],
    "delayed": [
        {"type": "delay", "ref": "delay_1", "settings": {"delay_for": _seconds(3)}},
        _hook(_PLAIN),
    ],
    "batched": [
        {"type": "batch", "ref": "batch_1", "settings": {"batch_window": _seconds(3)}},
        _hook(_BATCHED),
    ],
    "fan": [_FEED],
}


def write_project(folder: Path) -> None:
    """Write the workflows in the on-disk format."""
    for key, steps in WORKFLOWS.items():
        target = folder / "workflows" / key
        target.mkdir(parents=True, exist_ok=True)
        text = orjson.dumps({"name": key.title(), "steps": steps}, option=orjson.OPT_INDENT_2)
        (target / "workflow.json").write_bytes(text)


def write_bootstrap(file: Path, project: Path, sink_port: int) -> None:
    """Write the bootstrap file: one key, two channels, the sink's address."""
    file.write_text(
        f"""import = ["{project}"]

[[environments]]
key = "development"
secret_keys = ["{KEY}"]
variables = {{ sink = "http://127.0.0.1:{sink_port}/" }}

[[channels]]
key = "in-app"
type = "in_app_feed"

[[channels]]
key = "hook"
type = "http"
provider = "webhook"
"""
    )
