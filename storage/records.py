"""The nouns that storage keeps and the engine reasons about; one immutable class each.

Those of which each run makes several are named tuples: these take a third of
the time of a frozen dataclass to make.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple

JsonObject = dict[str, Any]
Instant = datetime

USERS: Final = "$users"
TENANTS: Final = "$tenants"


class RecipientRef(NamedTuple):
    """Point at a user (`$users`), tenant (`$tenants`) or object by collection and id."""

    collection: str
    id: str

    @property
    def is_user(self) -> bool:
        """Tell users from objects."""
        return self.collection == USERS

    def as_wire(self) -> str | JsonObject:
        """Give the compact API form: a bare id for users, a pair for objects."""
        if self.collection == USERS:
            return self.id
        return {"id": self.id, "collection": self.collection}


class RunStatus(StrEnum):
    """How the API shows a recipient run (engine E-26)."""

    QUEUED = "queued"
    PROCESSING = "processing"
    PAUSED = "paused"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


class RunPhase(StrEnum):
    """What a run that has not ended is doing or waiting for: exactly one of these."""

    READY = "ready"
    LEASED = "leased"
    TIMER = "timer"
    WINDOW = "window"
    EVENT = "event"
    CALL = "call"
    DONE = "done"


class WorkflowStatus(StrEnum):
    """Whether a workflow takes triggers in an environment; immediate, outside commits."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    ARCHIVED = "archived"


class DeliveryStatus(StrEnum):
    """How far a message got (engine E-151)."""

    QUEUED = "queued"
    SENT = "sent"
    DELIVERED = "delivered"
    DELIVERY_ATTEMPTED = "delivery_attempted"
    UNDELIVERED = "undelivered"
    NOT_SENT = "not_sent"
    BOUNCED = "bounced"


class Engagement(StrEnum):
    """What the reader did; any combination (engine E-153)."""

    SEEN = "seen"
    READ = "read"
    INTERACTED = "interacted"
    LINK_CLICKED = "link_clicked"
    ARCHIVED = "archived"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """A stored user, object or tenant; `properties` are the custom and system ones."""

    environment: str
    ref: RecipientRef
    properties: JsonObject
    inserted_at: Instant
    updated_at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """A recipient follows an object, with properties that templates can read."""

    environment: str
    object: RecipientRef
    recipient: RecipientRef
    properties: JsonObject
    inserted_at: Instant
    updated_at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A configured way out, joined with its settings in one environment.

    `provider` is `catch_all` where none is set in development; None elsewhere
    means "not configured". `settings` holds unsealed values.
    """

    id: str
    key: str
    name: str
    type: str
    provider: str | None
    is_sandbox: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)
    conditions: JsonObject | None = None
    created_at: Instant
    updated_at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowVersion:
    """One committed version of a workflow in one environment."""

    id: str
    environment: str
    key: str
    number: int
    definition: JsonObject
    content_hash: str
    status: WorkflowStatus
    author: str
    message: str
    inserted_at: Instant


class Guard(NamedTuple):
    """What protects a trigger from being accepted twice: the caller's key (E-3)."""

    key: str
    body_hash: bytes
    request_id: str


@dataclass(slots=True, kw_only=True)  # not frozen: that doubles what making one costs
class Trigger:
    """An accepted trigger: one body for all its recipients.

    `pending` holds the recipients that are still to be expanded into runs and
    the cursor into them; None when expansion is over. `guard` is written and
    never read back with the record.
    """

    id: str
    environment: str
    workflow: str
    version: int
    version_id: str
    source_type: str = "api"
    data: JsonObject
    actor: RecipientRef | None = None
    tenant: str | None = None
    cancellation_key: str | None = None
    settings: JsonObject = field(default_factory=dict)
    pending: JsonObject | None = None
    priority: int = 5
    guard: Guard | None = None
    inserted_at: Instant


class Run(NamedTuple):
    """One recipient's pass through a workflow.

    `cursor` is the ref of the step to execute next (None: from the start).
    `resume` says what woke the run inside that step. `state` holds what the
    run has made of its own: `data`, `batch`, `refs`, `patches`. `row_version`
    and `lease_epoch` fence every write back.
    """

    id: str
    environment: str
    trigger_id: str
    workflow: str
    version: int
    recipient: RecipientRef
    tenant: str | None
    status: RunStatus
    phase: RunPhase
    state: JsonObject
    inserted_at: Instant
    updated_at: Instant
    cursor: str | None = None
    resume: JsonObject | None = None
    attempt: int = 0
    error_count: int = 0
    wake_at: Instant | None = None
    priority: int = 5
    lease_epoch: int = 0
    row_version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageBrief:
    """The status of a run's earlier message, for message-status conditions.

    `inserted_at` is None for a feed item: it is never past its days.
    """

    id: str
    step_ref: str
    status: DeliveryStatus
    engagement: frozenset[str]
    address: str
    inserted_at: datetime | None


class RunBundle(NamedTuple):
    """Everything stored that one `advance` may look at, read in one go.

    `records` maps every reference that may be needed (recipient, actor,
    tenant, subscribed object, batch actors) to its record; a reference that is
    missing there was never stored. `channel_data` maps channel ids to the
    recipient's data, `tenant_channel_data` to the tenant's. `preference_sets`
    are the recipient's own by id, `default_preferences` the environment's.
    """

    run: Run
    trigger: Trigger
    workflow_status: WorkflowStatus
    records: Mapping[RecipientRef, Recipient]
    channel_data: Mapping[str, JsonObject]
    tenant_channel_data: Mapping[str, JsonObject]
    messages: tuple[MessageBrief, ...] = ()
    activities: tuple[JsonObject, ...] = ()
    preference_sets: Mapping[str, JsonObject] | None = None
    default_preferences: JsonObject | None = None


class Message(NamedTuple):
    """A stored message: what was rendered for one address on one channel."""

    id: str
    environment: str
    run_id: str
    trigger_id: str
    workflow: str
    version_id: str
    step_ref: str
    iteration: int
    categories: tuple[str, ...]
    channel_id: str
    channel_type: str
    provider: str
    recipient: RecipientRef
    tenant: str | None
    address: str
    actors: tuple[RecipientRef, ...]
    status: DeliveryStatus
    data: JsonObject
    filter_data: JsonObject
    metadata: JsonObject
    inserted_at: Instant
    updated_at: Instant
    attempts: int = 0
    total_activities: int = 1
    total_actors: int = 0
    scheduled_at: Instant | None = None
    seen_at: Instant | None = None
    read_at: Instant | None = None
    interacted_at: Instant | None = None
    link_clicked_at: Instant | None = None
    archived_at: Instant | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outbound:
    """A message on its way out: what a provider needs, and which attempt this is."""

    message_id: str
    environment: str
    channel_id: str
    channel_type: str
    provider: str
    address: str
    recipient: RecipientRef
    tenant: str | None
    content: JsonObject
    overrides: JsonObject
    attempt: int
    first_attempt_at: Instant
    lease_epoch: int


class NewMessage(NamedTuple):
    """A message to store: the record, its rendered content and what a provider gets beside it."""

    message: Message
    content: JsonObject
    overrides: JsonObject
    snapshot: JsonObject
    send: bool


class MessageEvent(NamedTuple):
    """A committed fact about a message (engine E-155)."""

    environment: str
    message_id: str
    event: str
    data: JsonObject
    inserted_at: Instant
    id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """An open batch: who holds it, when it closes, how much it has collected."""

    id: str
    environment: str
    workflow: str
    step_key: str
    step_ref: str
    recipient: RecipientRef
    batch_key: str
    holder_run_id: str | None
    opened_at: Instant
    closes_at: Instant
    limit_at: Instant | None
    generation: int
    count: int
    total: int
    settings: JsonObject = field(default_factory=dict)
