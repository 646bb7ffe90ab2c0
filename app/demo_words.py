"""Say how to use the demo that was just started."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Final

import typer

from app.prepared import Prepared
from app.settings import Settings

ONCE_ONLY: Final = "It welcomes each person once: another time, name chloe, dev or eva."


def show(settings: Settings, prepared: Prepared) -> None:
    """Print where to look, how to sign in and what to try."""
    sample = prepared.sample
    for note in prepared.notes:
        typer.echo(note)
    _frame(
        "Tocsin demo",
        f"Dashboard   {settings.public_url}",
        f"Sign in     {sample['email']}  {sample['password']}",
        f"Public key  {sample['public_key']}",
    )
    typer.echo("")
    typer.echo("Send something (nothing leaves this machine; it lands in the inbox):")
    typer.echo("")
    # Outside the frame and unwrapped, so that it can be pasted as it is.
    typer.echo(_curl(settings, sample))
    typer.echo("")
    typer.echo(ONCE_ONLY)
    typer.echo(f"Look at it with  {_program()} inbox --data {settings.data}")
    typer.echo("Stop with Ctrl-C; what is there stays.")
    typer.echo(f"ready {settings.public_url}")
    sys.stdout.flush()


def _frame(title: str, *lines: str) -> None:
    """Draw a box; rich would draw the same, and take longer to load than the rest of this."""
    width = max(map(len, lines)) + 2
    typer.echo(typer.style(f"╭─ {title} {'─' * (width - len(title) - 3)}╮", fg="cyan"))
    side = typer.style("│", fg="cyan")
    for line in lines:
        typer.echo(f"{side} {line.ljust(width - 1)}{side}")
    typer.echo(typer.style(f"╰{'─' * width}╯", fg="cyan"))


def _program() -> str:
    """Name the command as it can be typed here: a virtual environment need not be active."""
    if shutil.which("tocsin"):
        return "tocsin"
    program = Path(sys.argv[0])
    return os.path.relpath(program) if program.name == "tocsin" else "tocsin"


def _curl(settings: Settings, sample: dict[str, str]) -> str:
    return (
        f"curl -X POST {settings.public_url}/v1/workflows/{sample['workflow']}/trigger \\\n"
        f"  -H 'Authorization: Bearer {sample['secret_key']}' \\\n"
        "  -H 'Content-Type: application/json' \\\n"
        """  -d '{"recipients": ["ann", "ben"], "actor": "eva", "data": {"text": "Hello"}}'"""
    )
