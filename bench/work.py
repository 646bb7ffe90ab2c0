"""The work that is measured: one workflow, its templates, the bodies that trigger it.

The templates hold nothing that a peer does not render too. What Tocsin does
beyond (markdown, cleaning, the mail's text part) it does unpaid.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import orjson

KEY: Final = "sk_test_bench"
WORKFLOW: Final = "order"
HOOKED: Final = "order-hook"
USERS: Final = 200
BODY_BYTES: Final = 250

SUBJECT: Final = "{{ recipient.name }}: your order {{ order }} on the {{ plan }} plan"
# A loop, a case and eight filters; nothing that only one template language has.
HTML: Final = """\
<h1>Hello {{ recipient.name | capitalize }}</h1>
{% case plan %}{% when "free" %}<p>Upgrade to order without limits.</p>\
{% when "team" %}<p>Thank you for ordering with your team plan.</p>\
{% else %}<p>Thank you for your order.</p>{% endcase %}
<table>
{% for item in items %}<tr><td>{{ forloop.index }}. {{ item.title | upcase | truncate: 24 }}</td>\
<td>{{ item.price | times: 1.2 | round: 2 }}</td></tr>
{% endfor %}</table>
<p>{{ items | size }} items. {{ note | default: "No remarks." }}</p>
<p><a href="{{ url | append: '?from=mail' }}">See order {{ order }}</a></p>
"""
FEED: Final = "{{ recipient.name }} ordered {{ order }} on the {{ plan }} plan."
TEMPLATES: Final = {"subject": SUBJECT, "html": HTML, "feed": FEED}

_CONDITION: Final = {
    "all": [
        {"variable": "data.plan", "operator": "not_equal_to", "argument": "free"},
        {"variable": "recipient.email", "operator": "not_equal_to", "argument": ""},
    ]
}
_FEED_STEP: Final = {
    "type": "channel",
    "ref": "in_app_1",
    "channel_type": "in_app_feed",
    "channel_key": "in-app",
    "template": {"markdown_body": FEED},
}


def _mail_step() -> dict[str, Any]:
    return {
        "type": "channel",
        "ref": "email_1",
        "channel_type": "email",
        "channel_key": "email",
        "conditions": _CONDITION,
        "template": {"subject": SUBJECT, "html_body": HTML},
    }


def _hook_step() -> dict[str, Any]:
    return {
        "type": "channel",
        "ref": "webhook_1",
        "channel_type": "http",
        "channel_key": "hook",
        "conditions": _CONDITION,
        "template": {
            "method": "post",
            "url": "{{ vars.sink }}",
            "headers": [{"key": "content-type", "value": "text/html"}],
            "body": HTML,
        },
    }


def write_project(folder: Path) -> None:
    """Write both workflows in the on-disk format."""
    for key, last in ((WORKFLOW, _mail_step()), (HOOKED, _hook_step())):
        target = folder / "workflows" / key
        target.mkdir(parents=True, exist_ok=True)
        definition = {"name": key.title(), "steps": [_FEED_STEP, last]}
        (target / "workflow.json").write_bytes(orjson.dumps(definition, option=orjson.OPT_INDENT_2))


def write_bootstrap(file: Path, project: Path, sink: str) -> None:
    """Declare one environment, its key and its channels; `sink` is where webhooks go."""
    file.write_text(
        f"""import = ["{project}"]

[[environments]]
key = "development"
secret_keys = ["{KEY}"]
variables = {{ sink = "{sink}" }}

[[channels]]
key = "in-app"
type = "in_app_feed"

[[channels]]
key = "email"
type = "email"
provider = "catch_all"

[[channels]]
key = "hook"
type = "http"
provider = "webhook"
"""
    )


def user(number: int) -> dict[str, Any]:
    """Describe one recipient; `number` wraps round at `USERS`."""
    place = number % USERS
    return {"id": f"user-{place:05}", "name": f"ann {place:05}", "email": f"u{place}@example.com"}


def data(number: int) -> dict[str, Any]:
    """Give one trigger's data; no two are alike."""
    return {
        "order": f"A-{number:07}",
        "plan": ("team", "solo")[number % 2],
        "url": f"https://shop.example.com/{number:07}",
        "items": [{"title": "Desk lamp, long arm", "price": 40}, {"title": "Shelf", "price": 75.5}],
    }


def trigger_body(number: int) -> bytes:
    """Give one trigger's body: exactly `BODY_BYTES` long."""
    body = {"recipients": [user(number)["id"]], "data": data(number)}
    missing = BODY_BYTES - len(orjson.dumps({**body, "data": {**body["data"], "note": ""}}))
    body["data"]["note"] = ("Please ring twice. " * 4)[:missing]
    return orjson.dumps(body)


def peer_items(count: int) -> list[dict[str, Any]]:
    """Give the scopes that a peer renders: what Tocsin's templates see of each run."""
    items = []
    for number in range(count):
        body = orjson.loads(trigger_body(number))
        items.append({"recipient": user(number), **body["data"]})
    return items
