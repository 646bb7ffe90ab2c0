"""The update-user step: merge properties and preferences into a user (engine E-98)."""

from __future__ import annotations

from engine.steps.recipient_update import CurrentOrNamed, RecipientUpdate
from engine.workflow.kinds import Skip, StepContext, step
from storage.records import USERS, RecipientRef


@step("update_user", title="Update user", icon="manage_accounts")
class UpdateUser(RecipientUpdate):
    """Deep-merge properties and preferences into a user; an unknown one is created."""

    collection = USERS

    class Settings(CurrentOrNamed):
        """The run's recipient or a named user, and what is merged."""

    def current(self, ctx: StepContext) -> RecipientRef | Skip:
        """Give the run's recipient, if it is a user."""
        if ctx.recipient.is_user:
            return ctx.recipient
        detail = {"message": "The recipient of this run is an object, not a user."}
        return Skip(reason="missing_recipient_data", detail=detail, error=True)
