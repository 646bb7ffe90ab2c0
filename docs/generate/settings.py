"""The page of the settings."""

from __future__ import annotations

from typing import Final

from app.settings import PREFIX, Settings
from docs.generate.fields import default, form, meaning
from docs.generate.markdown import code, sections, table
from docs.generate.wording import VARIABLES

_INTRODUCTION: Final = """
# Settings

Settings are read once, when a process starts. An option of the command line wins over a variable
of the environment, and a variable over the TOML file that `TOCSIN_CONFIG` names. In that file the
settings have the names of the first column, as in `port = 8080`.

`tocsin settings` prints every setting with the value it has here; secrets show only that they are
set. A variable that begins with `TOCSIN_` and is no setting is named in a warning at the start.
"""


def page() -> str:
    """Write the page."""
    rows = [
        (
            code(name),
            code(PREFIX + name.upper()),
            form("settings", name, info),
            default(info),
            meaning("settings", name, info),
        )
        for name, info in Settings.model_fields.items()
    ]
    others = [(code(name), text) for name, text in VARIABLES.items()]
    return sections(
        _INTRODUCTION,
        table(("Setting", "Variable", "Form", "Default", "Meaning"), rows),
        "## Other variables",
        "These are no settings: they cannot stand in the file and are not printed.",
        table(("Variable", "Meaning"), others),
    )
