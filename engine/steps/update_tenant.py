"""The update-tenant step: merge properties and defaults into a tenant (engine E-100)."""

from __future__ import annotations

from engine.steps.recipient_update import CurrentOrNamed, RecipientUpdate
from engine.workflow.kinds import Skip, StepContext, step
from storage.records import TENANTS, RecipientRef


@step("update_tenant", title="Update tenant", icon="domain")
class UpdateTenant(RecipientUpdate):
    """Deep-merge properties into a tenant, its default preferences among them."""

    collection = TENANTS

    class Settings(CurrentOrNamed):
        """The run's tenant or a named one, and what is merged."""

    def current(self, ctx: StepContext) -> RecipientRef | Skip:
        """Give the run's tenant, if it has one."""
        if ctx.run.tenant is not None:
            return RecipientRef(TENANTS, ctx.run.tenant)
        detail = {"message": "This run has no tenant."}
        return Skip(reason="missing_recipient_data", detail=detail)
