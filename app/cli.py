"""The command line: `tocsin`, with one module per group of commands."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping, Sequence
from typing import Annotated, Final

import typer

from storage.errors import TocsinError

FAILED: Final = 1
MISUSED: Final = 2
# Typer carries its own copy of click; this is the public way to that copy's root of misuse.
_Misuse: type[BaseException] = typer.BadParameter.__mro__[1]
_Reported: type[BaseException] = _Misuse.__mro__[1]

# Which module holds a command: only that one is imported, for a server starts faster by it.
COMMANDS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("serve", "demo", "migrate"), "serving"),
    **dict.fromkeys(("import", "export", "validate"), "project"),
    **dict.fromkeys(("trigger", "inbox", "runs"), "sending"),
    "simulate": "simulate",
    **dict.fromkeys(("keys", "users"), "access"),
    **dict.fromkeys(("backup", "restore", "doctor", "settings"), "care"),
}


def command_line(arguments: Sequence[str] = ()) -> typer.Typer:
    """Build the command line: the command that `arguments` begin with, else all of them."""
    app = typer.Typer(
        name="tocsin",
        help="A self-hosted notification server.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
        rich_markup_mode="markdown",
    )
    app.callback()(options)
    asked = COMMANDS.get(arguments[0]) if arguments else None
    for name in [asked] if asked else dict.fromkeys(COMMANDS.values()):
        importlib.import_module(f"app.commands.{name}").register(app)
    return app


def _show_version(is_asked: bool) -> None:
    if is_asked:
        from importlib.metadata import version

        typer.echo(f"tocsin {version('tocsin')}")
        raise typer.Exit


def options(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Take what may stand before a command."""


def main() -> None:
    """Run one command: 0 it succeeded, 1 it failed, 2 it was called wrongly."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code; a fault is one sentence on standard error."""
    command = typer.main.get_command(command_line(arguments))
    try:
        result = command.main(arguments, prog_name="tocsin", standalone_mode=False)
    except TocsinError as error:
        typer.echo(error.message, err=True)
        return FAILED
    except _Reported as error:
        return _report(error)
    except (typer.Abort, KeyboardInterrupt):
        typer.echo("Stopped.", err=True)
        return FAILED
    except BrokenPipeError:
        sys.stderr.close()
        return FAILED
    except OSError as error:  # a full disk, a folder that may not be written
        typer.echo(f"{error.filename or 'A file'}: {error.strerror or error}.", err=True)
        return FAILED
    return result if isinstance(result, int) else 0


def _report(error: BaseException) -> int:
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "tocsin"
    sentence = getattr(error, "format_message", error.__str__)().rstrip(".")
    if not sentence:  # `tocsin` alone: the help was shown already
        return MISUSED
    end = "" if sentence.endswith("?") else "."
    typer.echo(f"{sentence}{end} See `{path} --help`.", err=True)
    return MISUSED if isinstance(error, _Misuse) else FAILED


if __name__ == "__main__":
    main()
