"""The index of the reference."""

from __future__ import annotations

from docs.generate.markdown import sections, table


def page() -> str:
    """Write the page."""
    rows = [
        ("[Settings](settings.md)", "every setting, its variable and its default"),
        ("[Commands](commands.md)", "every command of `tocsin`, with its options"),
        ("[Bootstrap file](bootstrap.md)", "what a declared installation may hold"),
        ("[Step types](steps.md)", "what a workflow can be made of"),
        ("[Conditions](conditions.md)", "every operator"),
        ("[Liquid filters](filters.md)", "what templates can use, and their limits"),
        ("[Providers](providers.md)", "what can send, and its settings"),
        ("[API](api.md)", "every endpoint and who may call it"),
        ("[Error codes](errors.md)", "every code that the API answers with"),
        ("[Message statuses and events](statuses.md)", "how far a message can get"),
        ("[Timeline and reasons](timeline.md)", "what a run writes down, and why it did not send"),
    ]
    return sections(
        "# Reference",
        "Everything here is written from the code by `python -m docs.generate`; a test fails when "
        "it is not up to date.",
        table(("Page", "What it lists"), rows),
    )
