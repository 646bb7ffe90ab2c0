"""What a step is: its settings, what it may look at, and what it can answer.

A step type is one file in `engine/steps/`. It registers a class with `@step`,
reads only its `StepContext` and answers with one `Outcome`; nothing is written
here. `engine.runs.advance` calls it, `engine.runs.apply` commits the answer.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict

from engine.errors import Problem
from storage.records import Channel, JsonObject, RecipientRef, Run, Trigger

Scope = Mapping[str, Any]


# ---------------------------------------------------------------- outcomes


@dataclass(frozen=True, slots=True, kw_only=True)
class Continue:
    """Go on with the next step; `data` is shallow-merged, `refs` noted for this step."""

    data: JsonObject | None = None
    detail: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Jump:
    """Go on inside an arm of this container step."""

    arm: int
    detail: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sleep:
    """Pause until an instant, then resume in this step with `{"kind": "timer"}`."""

    until: datetime
    detail: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Skip:
    """Do not execute this step and go on; `reason` is a name of engine E-28.

    `error` marks the timeline entry as an error (a bad dynamic value, E-50).
    """

    reason: str
    detail: JsonObject = field(default_factory=dict)
    error: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Halt:
    """End the run as completed, without error, and say why."""

    reason: str
    detail: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fail:
    """The step went wrong: `retry_in` pauses and tries it again, None ends the run."""

    message: str
    retry_in: timedelta | None = None
    detail: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """Ask for Liquid to be rendered; the step runs again with `ctx.rendered` filled.

    `fields` is any nesting of mappings and lists with Liquid strings in it.
    """

    fields: JsonObject
    strict: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Ask for an HTTP request; the step resumes with `{"kind": "call", …answer}`.

    `request`: method, url, headers (list of pairs), body (text or None).
    """

    request: JsonObject
    timeout: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A message to produce for one address.

    `template` is the step's wire template; `fields` Liquid of overrides that
    are rendered along with it and stored under `overrides`.
    """

    channel: Channel
    address: str
    template: JsonObject
    overrides: JsonObject = field(default_factory=dict)
    extra_scope: JsonObject = field(default_factory=dict)
    is_sandboxed: bool = False
    scheduled_at: datetime | None = None
    snapshot: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Produce:
    """Produce these messages and go on at once (engine E-32)."""

    drafts: tuple[Draft, ...]
    detail: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Enter:
    """Join the open batch of this key, or open it (engine E-54 … E-68).

    Decided inside the transaction by `engine.steps.batch.decide`, since the
    window is shared with other runs. `closes_at` is what a window opened now
    would close at (None: the dynamic value did not resolve, `error` says why);
    `limit_at` is the furthest a sliding window opened now may be moved to.
    """

    key: str
    closes_at: datetime | None
    limit_at: datetime | None
    sliding: bool
    max_items: int | None
    order: str
    render_limit: int
    flush_leading: bool
    pinned: bool
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """Take a place in a throttle window, or halt (engine E-73 … E-76)."""

    key: str
    until: datetime
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """Merge into a stored recipient (engine E-98 … E-101).

    `properties` are those of an inline identification. The step resumes with
    `{"kind": "updated", "detail": …}`, which has the values before and after
    beside its own `detail`, or with `{"kind": "refused", "message": …}`.
    """

    recipient: RecipientRef
    properties: JsonObject
    detail: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Trigger another workflow (engine E-87 … E-90).

    `recipients`, `actor` and `tenant` are in the forms of a trigger request.
    The step resumes with `{"kind": "started", "workflow_run_id": …}`,
    `{"kind": "unavailable", "message": …}` or `{"kind": "refused", "message": …}`.
    """

    workflow: str
    recipients: tuple[Any, ...]
    data: JsonObject
    actor: Any = None
    tenant: Any = None
    cancellation_key: str | None = None
    level: int = 1


Outcome = (
    Continue
    | Jump
    | Sleep
    | Skip
    | Halt
    | Fail
    | Need
    | Call
    | Produce
    | Enter
    | Gate
    | Update
    | Start
)


# ---------------------------------------------------------------- context


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentView:
    """What of an environment a run may see: channels by key, variables, default zone.

    `secrets` are the values of secret variables, which no log may show.
    """

    key: str
    channels: Mapping[str, Channel]
    variables: JsonObject
    timezone: str = "Etc/UTC"
    allow_private_network: bool = False
    secrets: tuple[str, ...] = ()


class StepContext(NamedTuple):
    """Everything a step may look at; all of it data.

    `scope` holds the namespaces of engine E-40 (with the keys of `data` at
    root). `rendered` is the answer to this step's last `Need`, `render_error`
    its failure. `resume` says what woke the run inside this step, None on
    first entry. `attempt` counts tries of this step from 1. `conditions` is
    the `engine.conditions` scope for steps that evaluate conditions themselves.
    """

    ref: str
    now: datetime
    run: Run
    trigger: Trigger
    environment: EnvironmentView
    scope: Scope
    recipient: RecipientRef
    channel_data: Mapping[str, JsonObject]
    tenant_channel_data: Mapping[str, JsonObject]
    zone: str
    conditions: Any = None
    attempt: int = 1
    resume: JsonObject | None = None
    rendered: JsonObject | None = None
    render_error: str | None = None


# ---------------------------------------------------------------- steps


class StepSettings(BaseModel):
    """Base of every step's settings: strict about shape, tolerant of unknown fields."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=False)


SettingsModel = type[StepSettings]


class Step:
    """One step of a workflow, parsed once per version and shared by all its runs."""

    type: ClassVar[str]
    title: ClassVar[str]
    icon: ClassVar[str]
    group: ClassVar[str]
    Settings: ClassVar[SettingsModel]
    accepts_conditions: ClassVar[bool] = True

    def __init__(self, ref: str, settings: StepSettings, definition: JsonObject) -> None:
        """Keep the parsed settings and the wire definition (without nested arms)."""
        self.ref = ref
        self.settings: Any = settings
        self.definition = definition

    @classmethod
    def parse(cls, ref: str, definition: JsonObject) -> Step:
        """Read the wire definition; pydantic's ValidationError names what is wrong."""
        return cls(ref, cls.Settings.model_validate(definition.get("settings") or {}), definition)

    @classmethod
    def check(cls, ref: str, definition: JsonObject) -> list[Problem]:
        """List what the settings model alone cannot say (limits, combinations)."""
        return []

    def precheck(self, ctx: StepContext) -> Skip | None:
        """Skip before conditions are looked at (engine E-104, check 1)."""
        return None

    def extra_conditions(self, ctx: StepContext) -> JsonObject | None:
        """Give conditions that are ANDed to the step's own (channel conditions)."""
        return None

    def run(self, ctx: StepContext) -> Outcome:
        """Decide; write nothing, read nothing but `ctx`."""
        raise NotImplementedError


STEPS: dict[str, type[Step]] = {}
_S = TypeVar("_S", bound=type[Step])


def step(type_: str, *, title: str, icon: str, group: str = "function") -> Callable[[_S], _S]:
    """Register a step class under its wire type."""

    def register(cls: _S) -> _S:
        if type_ in STEPS and STEPS[type_].__qualname__ != cls.__qualname__:
            raise ValueError(f"step type {type_!r} is registered twice")
        cls.type, cls.title, cls.icon, cls.group = type_, title, icon, group
        STEPS[type_] = cls
        return cls

    return register


def discover(package: str) -> None:
    """Import every module of `package`, so that its kinds register themselves.

    Called by the composition root with `engine.steps` and `engine.providers`.
    """
    root = importlib.import_module(package)
    for module in pkgutil.iter_modules(root.__path__):
        importlib.import_module(f"{package}.{module.name}")


# A channel step's wire type is `channel` plus `channel_type`; its kind joins both.
def kind_of(definition: Mapping[str, Any]) -> str:
    """Name the registered kind of a wire step: `channel:email` or `delay`."""
    type_ = str(definition.get("type", ""))
    if type_ == "channel":
        return f"channel:{definition.get('channel_type', '')}"
    return type_
