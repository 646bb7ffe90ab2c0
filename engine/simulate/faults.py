"""Say what is wrong with a scenario file, and where in it."""

from __future__ import annotations

from storage.errors import TocsinError


class ScenarioError(TocsinError):
    """The scenario is wrong: `path` is the place in it, `reason` what was expected."""

    code = "scenario_invalid"

    def __init__(self, path: str, reason: str, file: str | None = None) -> None:
        """Put file, path and reason into one sentence."""
        parts = [part for part in (file, path) if part]
        super().__init__(": ".join([*parts, reason]))
        self.path, self.reason, self.file = path, reason, file

    def within(self, file: str) -> ScenarioError:
        """Give the same fault with the name of the file it is in."""
        return ScenarioError(self.path, self.reason, file)
