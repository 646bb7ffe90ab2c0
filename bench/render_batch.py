"""Measure rendering: items a second through the render process and in this one.

Prints one line of JSON. Half of the items are e-mails, half are feed messages,
each pair for a recipient of its own.

    python -m bench.render_batch [--items 128] [--seconds 3]
"""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

from engine.render.inline import InlineRenderer
from engine.render.process import ProcessRenderer
from engine.render.requests import Renderer, RenderRequest

EMAIL: dict[str, Any] = {
    "subject": "{{ actor.name }} commented on {{ page.title }}",
    "settings": {"layout_key": None},
    "visual_blocks": [
        {
            "type": "markdown",
            "content": "Hi {{ recipient.name | split: ' ' | first }},\n\n**{{ actor.name }}** left"
            " a comment on [{{ page.title }}]({{ page.url }}):\n\n{% if comment %}\n> {{ comment }}"
            "\n{% endif %}\n\nYou have {{ total_activities }}"
            " {{ total_activities | pluralize: 'comment', 'comments' }}.",
        },
        {"type": "divider"},
        {
            "type": "button_set",
            "buttons": [{"label": "View comment", "action": "{{ page.url }}", "variant": "solid"}],
        },
    ],
}
FEED = {
    "markdown_body": "**{{ actor.name }}** commented on _{{ page.title }}_\n\n> {{ comment }}",
    "action_url": "{{ page.url }}",
}


def batch_of(items: int, turn: int) -> list[RenderRequest]:
    """Return a batch whose scopes no earlier turn has used."""
    batch = []
    for index in range(items // 2):
        scope = {
            "recipient": {"id": f"u{index}", "name": f"Ann {index} Lee", "locale": "en"},
            "actor": {"name": f"Bob {index}"},
            "page": {"title": f"Plan {turn}", "url": f"https://app.example.com/p/{turn}/{index}"},
            "comment": f"Comment {turn}/{index}: looks good, but see *the second part*.",
            "total_activities": index % 3 + 1,
            "vars": {"branding": {"primary_color": "#336699"}},
        }
        batch += [RenderRequest("email", EMAIL, scope), RenderRequest("in_app_feed", FEED, scope)]
    return batch


def microseconds(renderer: Renderer, items: int, seconds: float) -> float:
    """Return the best time per item over repeated batches."""
    best = float("inf")
    end = time.perf_counter() + seconds
    turn = 0
    while turn < 3 or time.perf_counter() < end:
        turn += 1
        batch = batch_of(items, turn)
        started = time.perf_counter()
        results = renderer.render(batch)
        best = min(best, (time.perf_counter() - started) / len(batch) * 1e6)
        if not all(result.ok for result in results):
            raise SystemExit(f"a template failed: {results[0].errors or results[1].errors}")
    return best


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=128)
    parser.add_argument("--seconds", type=float, default=3.0)
    options = parser.parse_args()
    process = ProcessRenderer()
    started = time.perf_counter()
    process.start()
    start = time.perf_counter() - started
    inline = microseconds(InlineRenderer(), options.items, options.seconds)
    through = microseconds(process, options.items, options.seconds)
    process.close()
    print(
        json.dumps(
            {
                "items": options.items,
                "start_ms": round(start * 1e3, 1),
                "inline_us_per_item": round(inline, 1),
                "process_us_per_item": round(through, 1),
                "overhead_us_per_item": round(through - inline, 1),
                "inline_items_per_s": round(1e6 / inline),
                "process_items_per_s": round(1e6 / through),
            }
        )
    )


if __name__ == "__main__":
    main()
