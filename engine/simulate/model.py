"""The shape of a scenario file: every field, and its type."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from engine.delivery.receipts import REPORTS
from engine.messages.engage import Action

Object = dict[str, Any]
MARKS: Final = (*(action.value for action in Action), *REPORTS)


class Closed(BaseModel):
    """Refuse fields of an unknown name: a slip of the pen would silently check nothing."""

    model_config = ConfigDict(strict=True, frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _only_known(cls, value: Any) -> Any:
        names = list(cls.model_fields)
        for name in value if isinstance(value, dict) else ():
            if name not in cls.model_fields:
                near = get_close_matches(name, names, 1)
                hint = f"did you mean {near[0]}? " if near else ""
                raise PydanticCustomError(
                    "unknown_field",
                    "unknown field '{name}'; {hint}Known are {known}",
                    {"name": name, "hint": hint, "known": ", ".join(sorted(names))},
                )
        return value


class Channel(Closed):
    """A configured way out."""

    key: str
    type: Literal["email", "in_app_feed", "sms", "push", "chat", "http"]
    id: str | None = None
    sandbox: bool = False
    conditions: Object | None = None
    settings: Object = {}


class Environment(Closed):
    """What surrounds the workflows."""

    timezone: str = "Etc/UTC"
    variables: dict[str, str] = {}
    preferences: Object | None = None
    channels: list[Channel] | None = None
    channel_groups: Any = None


class Subscription(Closed):
    """Recipients that follow an object."""

    object: Object
    recipients: list[Any]
    properties: Object = {}


class Unsubscription(Closed):
    """Recipients that follow an object no more."""

    object: Object
    recipients: list[Any]


class Trigger(Closed):
    """The body of a trigger call, with its workflow and idempotency key."""

    workflow: str
    recipients: list[Any] = Field(min_length=1)
    actor: Any = None
    tenant: Any = None
    data: Object | None = None
    cancellation_key: str | None = None
    idempotency_key: str | None = None
    settings: Object | None = None


class Cancel(Closed):
    """Cancel runs by key."""

    workflow: str
    cancellation_key: str
    recipients: list[Any] | None = None


class Match(Closed):
    """Which message is meant; it must be exactly one."""

    workflow: str | None = None
    step: str | None = None
    recipient: str | None = None
    tenant: str | None = None
    address: str | None = None
    channel: str | None = None
    at: str | None = None
    nth: int | None = Field(default=None, ge=1)


class Mark(Closed):
    """What a reader does with a message, or what its provider reports."""

    match: Match
    mark: str

    @model_validator(mode="after")
    def _known(self) -> Mark:
        if self.mark not in MARKS:
            raise PydanticCustomError(
                "mark",
                "expected a mark out of {known}, got '{mark}'",
                {"known": ", ".join(MARKS), "mark": self.mark},
            )
        return self


class SetPreferences(Closed):
    """Write a preference set as its endpoint does."""

    recipient: Any
    set: str = "default"
    preferences: Object


class SetStatus(Closed):
    """Activate or deactivate a workflow."""

    workflow: str
    active: bool


class Commit(Closed):
    """Make the next version of a workflow."""

    workflow: str
    definition: Object


class Outcome(Closed):
    """What a provider answers."""

    outcome: Literal["accepted", "delivered", "retryable", "rejected", "bounced", "timeout"]


class ProviderAnswers(Closed):
    """What the provider of a channel answers, in order; the last one repeats."""

    channel: str
    responses: list[Outcome] = Field(min_length=1)


class HttpMatch(Closed):
    """Which requests are meant."""

    url: str | None = None
    method: str | None = None


class Response(Closed):
    """What a server answers: a status, or the outcome `timeout`."""

    status: int | None = Field(default=None, ge=100, le=599)
    outcome: Literal["timeout"] | None = None
    text: str = ""
    json_: Any = Field(default=None, alias="json")

    @model_validator(mode="before")
    @classmethod
    def _only_known(cls, value: Any) -> Any:
        known = ("status", "outcome", "text", "json")
        if isinstance(value, dict):
            odd = [name for name in value if name not in known]
            if odd or ("status" in value) == ("outcome" in value):
                raise PydanticCustomError(
                    "response", "expected a status (with json or text), or the outcome timeout"
                )
        return value


class HttpAnswers(Closed):
    """What servers answer, in order; the last one repeats."""

    match: HttpMatch = HttpMatch()
    responses: list[Response] = Field(min_length=1)


class Downtime(Closed):
    """The engine stands still, then catches up."""

    until: str


class MessageEntry(Closed):
    """What is expected of one message."""

    at: Any = None
    instant: Any = None
    id: Any = None
    recipient: Any = None
    tenant: Any = None
    workflow: Any = None
    workflow_version: Any = None
    step: Any = None
    channel: Any = None
    channel_type: Any = None
    address: Any = None
    status: Any = None
    engagement: Any = None
    attempts: Any = None
    scheduled_at: Any = None
    sent_at: Any = None
    attachments: Any = None
    deliveries: Any = None
    content: Any = None
    data: Any = None
    subject: Any = None
    title: Any = None
    body_contains: list[str] = []


class RunEntry(Closed):
    """What is expected of one run."""

    id: Any = None
    workflow: Any = None
    recipient: Any = None
    tenant: Any = None
    status: Any = None
    error_count: Any = None
    started: Any = None
    ended: Any = None
    timeline: Any = None


class SkipEntry(Closed):
    """What is expected of one skipped step."""

    at: Any = None
    run: Any = None
    workflow: Any = None
    recipient: Any = None
    step: Any = None
    type: Any = None
    event: Any = None
    reason: Any = None
    detail: Any = None


class RejectedEntry(Closed):
    """What is expected of one rejected trigger."""

    at: Any = None
    workflow: Any = None
    code: Any = None


class RequestEntry(Closed):
    """What is expected of one request."""

    at: Any = None
    method: Any = None
    url: Any = None
    status: Any = None


class State(Closed):
    """What is expected of stored records, by id."""

    users: dict[str, Object] = {}
    objects: dict[str, Object] = {}
    tenants: dict[str, Object] = {}
    preferences: dict[str, Object] = {}
    audiences: Any = None
    schedules: Any = None
    feeds: Any = None


class Expect(Closed):
    """What must come of the script."""

    messages: list[MessageEntry] = []
    message_count: int | None = None
    runs: list[RunEntry] = []
    run_count: int | None = None
    skips: list[SkipEntry] = []
    rejected: list[RejectedEntry] = []
    requests: list[RequestEntry] = []
    state: State = State()


class ScenarioFile(Closed):
    """One scenario; the entries of the script have models of their own."""

    name: str = ""
    now: str | None = None
    seed: int = 1
    until: str | None = None
    retention: bool = False
    environment: Environment = Environment()
    users: list[Object] = []
    objects: list[Object] = []
    tenants: list[Any] = []
    subscriptions: list[Subscription] = []
    audiences: Any = None
    schedules: Any = None
    partials: Any = None
    layouts: Any = None
    translations: Any = None
    workflows: dict[str, Object] = {}
    script: list[Object] = []
    expect: Expect = Expect()


ENTRIES: Final[Mapping[str, type[Closed] | type[str] | type[dict[str, Any]]]] = {
    "trigger": Trigger,
    "cancel": Cancel,
    "message": Mark,
    "identify": dict,
    "set_preferences": SetPreferences,
    "set_status": SetStatus,
    "commit": Commit,
    "provider": ProviderAnswers,
    "http": HttpAnswers,
    "subscribe": Subscription,
    "unsubscribe": Unsubscription,
    "upsert": dict,
    "delete_user": str,
    "downtime": Downtime,
}
NOT_YET: Final = (
    "event", "audience", "schedule", "merge_users", "broadcast", "test_run",
    "click", "open", "model",
)  # fmt: skip
