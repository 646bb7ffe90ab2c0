"""The update-object step: merge properties and preferences into an object (engine E-99)."""

from __future__ import annotations

from engine.steps.recipient_update import RecipientUpdate, UpdateSettings
from engine.workflow.kinds import step


@step("update_object", title="Update object", icon="edit_square")
class UpdateObject(RecipientUpdate):
    """Deep-merge properties and preferences into a named object; an unknown one is created."""

    class Settings(UpdateSettings):
        """The object, and what is merged."""
