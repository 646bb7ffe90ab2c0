"""Build what templates and conditions of a run may see (engine E-40 … E-46)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from engine.conditions.statuses import MessageState
from engine.preferences.merge import EffectiveSet
from engine.preferences.resolve import resolve
from engine.recipients.preference_sets import CHANNEL_TYPES
from engine.recipients.preferences import tenant_set
from engine.timing.instants import format_instant
from engine.workflow.kinds import EnvironmentView
from engine.workflow.plan import Plan
from storage.records import TENANTS, JsonObject, Recipient, RecipientRef, RunBundle

_FILTER_TEXT: Final = 256
# What a recipient wants of whom, and of whose surroundings, nothing is said (E-137).
_OPTED_IN: Final = {"channel_types": dict.fromkeys(CHANNEL_TYPES, True)}
# What conditions may look into; keys of the data stand at the scope's root too.
_NAMESPACES: Final = ("data", "recipient", "actor", "tenant", "vars", "workflow", "run", "refs")


def run_data(bundle: RunBundle) -> JsonObject:
    """Return the run's own data, or the trigger's where the run made none."""
    own: JsonObject | None = bundle.run.state.get("data")
    return bundle.trigger.data if own is None else own


def person(ref: RecipientRef, record: Recipient | None) -> JsonObject:
    """Show a recipient to templates; one never stored has only its id (E-6)."""
    shown: JsonObject = {"__typename": "User" if ref.is_user else "Object", "id": ref.id}
    if ref.collection == TENANTS:
        shown["__typename"] = "Tenant"
    elif not ref.is_user:
        shown["collection"] = ref.collection
    if record is None:
        return shown
    return {
        "created_at": None,
        **record.properties,
        **shown,
        "updated_at": format_instant(record.updated_at),
    }


def flatten(data: Mapping[str, Any]) -> JsonObject:
    """Keep top-level scalars, texts cut to 256 characters (E-46)."""
    flat: JsonObject = {}
    for key, value in data.items():
        if isinstance(value, str):
            flat[key] = value[:_FILTER_TEXT]
        elif value is None or isinstance(value, (bool, int, float)):
            flat[key] = value
    return flat


def activity(
    *, data: JsonObject, id_: str, actor: JsonObject | None, recipient: JsonObject, at: str
) -> JsonObject:
    """Show one activity: its data at top level and again under `data` (E-42)."""
    return {
        **data,
        "data": data,
        "id": id_,
        "actor": actor,
        "recipient": recipient,
        "inserted_at": at,
        "updated_at": at,
    }


def statuses(bundle: RunBundle, kept_since: datetime | None) -> dict[str, tuple[MessageState, ...]]:
    """Return how far the messages of earlier passes got, by the ref of their step.

    Their rows stay while the run goes on; what is said of them does not (E-134).
    """
    found: dict[str, tuple[MessageState, ...]] = {}
    for brief in bundle.messages:
        at = brief.inserted_at
        is_over = kept_since is not None and at is not None and at < kept_since
        state = MessageState(brief.status.value, brief.engagement, is_over)
        found[brief.step_ref] = (*found.get(brief.step_ref, ()), state)
    return found


def namespaces(scope: JsonObject) -> JsonObject:
    """Return the part of a template scope that conditions may look into."""
    return {name: scope[name] for name in _NAMESPACES if scope[name] is not None}


class RunScope:
    """The namespaces of one run, rebuilt when a step changes its data."""

    def __init__(self, plan: Plan, bundle: RunBundle, environment: EnvironmentView) -> None:
        """Resolve the people once; data may change during the pass."""
        self.plan, self.bundle, self.environment = plan, bundle, environment
        trigger, run = bundle.trigger, bundle.run
        self.batch: JsonObject | None = run.state.get("batch")
        self.recipient = person(run.recipient, bundle.records.get(run.recipient))
        subscription = run.state.get("subscription")
        if subscription is not None:
            parent = RecipientRef(*subscription["object"])
            self.recipient["subscription"] = {
                **subscription["properties"],
                "object": person(parent, bundle.records.get(parent)),
            }
        actor = self._actor_ref()
        self.actor = person(actor, bundle.records.get(actor)) if actor else None
        tenant = RecipientRef(TENANTS, run.tenant) if run.tenant is not None else None
        self.tenant = person(tenant, bundle.records.get(tenant)) if tenant else None
        self.timestamp = format_instant(trigger.inserted_at)
        self.preferences = self._resolve(bundle.records.get(tenant) if tenant else None)
        wanted = self.preferences
        self.recipient["preferences"] = _OPTED_IN if wanted is None else wanted.content
        self._collect()

    def _resolve(self, tenant: Recipient | None) -> EffectiveSet | None:
        """Merge the preferences that count in this run; None where nobody has any."""
        bundle = self.bundle
        own, base = bundle.preference_sets, bundle.default_preferences
        of_tenant = tenant_set(tenant) if tenant else None
        if not own and not base and not of_tenant:
            return None
        return resolve(own or {}, bundle.run.tenant, of_tenant, base)

    def _actor_ref(self) -> RecipientRef | None:
        if self.batch is not None and "actor" in self.batch:
            return RecipientRef(*self.batch["actor"]) if self.batch["actor"] else None
        return self.bundle.trigger.actor

    def _collect(self) -> None:
        """Set activities, actors and their totals, after a batch or without one."""
        if self.batch is None:
            refs = [self.bundle.trigger.actor] if self.bundle.trigger.actor else []
            self.activities: list[JsonObject] | None = None
            self.total_activities = 1
            self.total_actors = len(refs)
        else:
            refs = [RecipientRef(*ref) for ref in self.batch["actors"]]
            self.activities = [self._stored_activity(item) for item in self.bundle.activities]
            self.total_activities = int(self.batch["total_activities"])
            self.total_actors = int(self.batch["total_actors"])
        self.actor_refs = tuple(refs)
        self.actors = [person(ref, self.bundle.records.get(ref)) for ref in refs]

    def _stored_activity(self, item: JsonObject) -> JsonObject:
        ref = RecipientRef(*item["actor"]) if item["actor"] else None
        return activity(
            data=item["data"],
            id_=item["id"],
            actor=person(ref, self.bundle.records.get(ref)) if ref else None,
            recipient=self.recipient,
            at=item["inserted_at"],
        )

    def workflow(self) -> JsonObject:
        """Show the workflow to templates and conditions."""
        settings = self.plan.settings
        return {
            "id": self.plan.version_id,
            "key": self.plan.key,
            "name": self.plan.name,
            "categories": list(self.plan.categories),
            "commercial": bool(settings.get("is_commercial")),
            "override_preferences": bool(settings.get("override_preferences")),
            "cancellation_key": self.bundle.trigger.cancellation_key,
        }

    def build(self, data: JsonObject, refs: JsonObject) -> JsonObject:
        """Return the template scope; keys of `data` are at root, reserved names win."""
        activities = self.activities
        if activities is None:
            activities = [
                activity(
                    data=data,
                    id_=self.bundle.trigger.id,
                    actor=self.actor,
                    recipient=self.recipient,
                    at=self.timestamp,
                )
            ]
        return {
            **data,
            "data": data,
            "recipient": self.recipient,
            "actor": self.actor,
            "tenant": self.tenant,
            "vars": self.environment.variables,
            "workflow": self.workflow(),
            "activities": activities,
            "actors": self.actors,
            "total_activities": self.total_activities,
            "total_actors": self.total_actors,
            "timestamp": self.timestamp,
            "run": {"total_activities": self.total_activities, "total_actors": self.total_actors},
            "refs": refs,
        }
