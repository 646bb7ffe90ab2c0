"""The page of the providers."""

from __future__ import annotations

from typing import Any, Final

from docs.generate.fields import default, form, meaning
from docs.generate.markdown import code, first_line, sections, table
from docs.generate.wording import PROVIDERS as MORE
from engine.providers.base import PROVIDERS, Provider, discover_providers, secret_fields

_INTRODUCTION: Final = """
# Providers

A channel is a configured way out; the provider is the service behind it. A channel without a
provider uses the catch-all inbox in `development` and counts as not configured in every other
environment. Settings are given in the [bootstrap file](bootstrap.md); secret ones are sealed with
the master key before they are stored, and never shown again.
"""


def page() -> str:
    """Write the page."""
    discover_providers()
    return sections(_INTRODUCTION, *(_section(p) for _, p in sorted(PROVIDERS.items())))


def _section(provider: Provider[Any]) -> str:
    types = ", ".join(code(name) for name in sorted(provider.channel_types))
    secrets = secret_fields(provider.Config)
    rows = [
        (
            code(name),
            form(provider.id, name, info),
            default(info),
            "yes" if name in secrets else "",
            meaning(provider.id, name, info),
        )
        for name, info in provider.Config.model_fields.items()
    ]
    return sections(
        f"## {provider.title}",
        f"`{provider.id}`, for channels of type {types}. {first_line(type(provider))}",
        table(("Setting", "Form", "Default", "Secret", "Meaning"), rows) if rows else "",
        MORE.get(provider.id, ""),
    )
