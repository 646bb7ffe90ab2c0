"""The page of the command line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import typer

from app.cli import command_line
from docs.generate.markdown import code, sections, table

_INTRODUCTION: Final = """
# Commands

Every command has `--help`; `tocsin --version` names the version. A command ends with 0 when it
succeeded, 1 when what was asked failed or does not hold, and 2 when it was called wrongly; an error
is one sentence on standard error that says what to do next.

Commands that talk to a server (`trigger`, `inbox`, `runs`) find the one that serves the data folder
on this machine and need no key then. To reach another one, name it with `--url` and `--token`.
"""
_EXAMPLE: Final = re.compile(r"Example: `(.+)`\s*$", re.DOTALL)


def page() -> str:
    """Write the page."""
    root: Any = typer.main.get_command(command_line())
    return sections(_INTRODUCTION, *(_section(path, command) for path, command in _walk(root, ())))


def names() -> list[str]:
    """List every command as it is typed, groups and what is in them."""
    root: Any = typer.main.get_command(command_line())
    return [" ".join(path) for path, _ in _walk(root, ())]


def _walk(group: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, command in group.commands.items():
        if command.hidden:
            continue
        yield (*path, name), command
        if hasattr(command, "commands"):
            yield from _walk(command, (*path, name))


def _section(path: tuple[str, ...], command: Any) -> str:
    text = command.help or ""
    example = _EXAMPLE.search(text)
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option" and not p.hidden]
    return sections(
        f"{'#' * (len(path) + 1)} tocsin {' '.join(path)}",
        text[: example.start()] if example else text,
        f"```sh\n{example[1]}\n```" if example else "",
        _parameters("Argument", arguments),
        _parameters("Option", options),
    )


def _parameters(title: str, parameters: list[Any]) -> str:
    rows = [(_name(p), p.help or "", _default(p)) for p in parameters if p.name != "help"]
    return table((title, "Meaning", "Default"), rows) if rows else ""


def _name(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return code(parameter.metavar or parameter.name.upper())
    return ", ".join(code(name) for name in sorted(parameter.opts, key=len, reverse=True))


def _default(parameter: Any) -> str:
    value = parameter.default
    if parameter.required:
        return "required"
    if callable(value) or value is None or value is False or value == "":
        return ""
    return code(getattr(value, "value", value))
