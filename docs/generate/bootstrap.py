"""The page of the bootstrap file's form."""

from __future__ import annotations

from typing import Final

from app import declaration
from docs.generate.fields import fields_table
from docs.generate.markdown import code, sections
from engine.providers.base import PROVIDERS, discover_providers

_INTRODUCTION: Final = """
# Bootstrap file

A TOML file that declares what must exist. `tocsin serve --bootstrap FILE` applies it at every
start; it creates and updates, and never deletes. What it does not name stays as it is. How to work
with one: [Describe an installation in a file](../how-to/bootstrap-file.md).
"""
_PARTS: Final = (
    ("(top level)", "bootstrap", declaration.Declaration),
    ("[account]", "account", declaration.AccountPart),
    ("[[users]]", "user", declaration.UserPart),
    ("[[environments]]", "environment", declaration.EnvironmentPart),
    ("[[service_tokens]]", "service_token", declaration.TokenPart),
    ("[[channels]]", "channel", declaration.ChannelPart),
    ("[channels.environments.KEY]", "channel_environment", declaration.ChannelEnvironmentPart),
)


def page() -> str:
    """Write the page."""
    discover_providers()
    types = ", ".join(code(name) for name in sorted(declaration.CHANNEL_TYPES))
    reserved = ", ".join(code(name) for name in sorted(declaration.RESERVED_KEYS))
    parts = [
        part
        for title, owner, model in _PARTS
        for part in (f"## {title.strip('()').capitalize()}" if "(" in title else f"## `{title}`",
                     fields_table(model, owner))
    ]  # fmt: skip
    return sections(
        _INTRODUCTION,
        *parts,
        "## Values",
        f"Channel types: {types}.",
        f"Providers: {', '.join(code(name) for name in sorted(PROVIDERS))}; what each of them "
        "takes as `settings` is in [Providers](providers.md).",
        f"Keys that no environment may have, since they begin other addresses: {reserved}.",
    )
