"""What the steps that update a user, an object or a tenant have in common (E-98 … E-101)."""

from __future__ import annotations

from typing import Any, ClassVar, Final, Literal

from pydantic import field_validator, model_validator

from engine.errors import InvalidInput, Problem
from engine.recipients.ids import check_id
from engine.recipients.references import check_collection, parse_identity
from engine.steps.json_templates import checked_template, object_of
from engine.workflow.kinds import (
    Continue,
    Fail,
    Need,
    Outcome,
    Skip,
    Step,
    StepContext,
    StepSettings,
    Update,
)
from engine.workflow.paths import has_liquid
from storage.records import JsonObject, RecipientRef

SCHEME: Final = "gid://Object/"
_IGNORED: Final = "Channel data cannot be updated by a step; `channel_data` was ignored."


class UpdateSettings(StepSettings):
    """What is merged, into a recipient that is named."""

    recipient_gid: str | None = None
    update_properties: JsonObject | str

    @field_validator("update_properties", mode="before")
    @classmethod
    def _is_object(cls, value: object) -> object:
        return checked_template(value)


class CurrentOrNamed(UpdateSettings):
    """What is merged, into the run's own recipient or one that is named."""

    recipient_mode: Literal["current", "reference"] = "current"

    @field_validator("recipient_mode", mode="before")
    @classmethod
    def _default(cls, value: object) -> object:
        # The official files write null for "not set".
        return "current" if value is None else value

    @model_validator(mode="after")
    def _is_named(self) -> CurrentOrNamed:
        if self.recipient_mode == "reference" and not self.recipient_gid:
            raise ValueError("needs `recipient_gid`, since the recipient is a reference")
        return self


class RecipientUpdate(Step):
    """Merge properties into a stored recipient; a kind says which may be meant."""

    # The collection that references must name; empty: any.
    collection: ClassVar[str] = ""

    @classmethod
    def check(cls, ref: str, definition: JsonObject) -> list[Problem]:
        """Refuse references that can never name a recipient of this kind."""
        settings: Any = cls.Settings.model_validate(definition.get("settings") or {})
        gid: str = settings.recipient_gid or ""
        is_used = getattr(settings, "recipient_mode", "reference") == "reference"
        fault = cls._gid_fault(gid) if is_used else ""
        if not fault:
            return []
        path = "settings.recipient_gid"
        return [Problem(rule="update.reference", step_ref=ref, path=path, message=fault)]

    @classmethod
    def _gid_fault(cls, gid: str) -> str:
        if not has_liquid(gid):
            found = cls.named(gid)
            return found if isinstance(found, str) else ""
        known, start = gid.partition("{")[0], f"{SCHEME}{cls.collection}"
        # As far as the text before the Liquid reaches, it has to agree.
        fits = known.startswith(start) or start.startswith(known)
        return "" if fits else cls._expected(gid)

    @classmethod
    def named(cls, gid: str) -> RecipientRef | str:
        """Read a reference, or say what is wrong with it."""
        collection, _, id_ = gid.removeprefix(SCHEME).partition("/")
        if not gid.startswith(SCHEME) or (cls.collection and collection != cls.collection):
            return cls._expected(gid)
        fault = check_collection(collection, "collection") or check_id(id_, "id")
        if fault is not None:
            return f"{cls._expected(gid)} The {fault.path}: {fault.message}."
        return RecipientRef(collection, id_)

    @classmethod
    def _expected(cls, gid: str) -> str:
        form = f"{SCHEME}{cls.collection or '<collection>'}/<id>"
        return f"Expected a reference such as {form}, got {gid[:80]!r}."

    def current(self, ctx: StepContext) -> RecipientRef | Skip:
        """Give the recipient of the run that this kind updates, or why there is none."""
        raise NotImplementedError

    def run(self, ctx: StepContext) -> Outcome:
        """Name the recipient and what is merged; the stored answer is the step's result."""
        if ctx.resume is not None:
            if ctx.resume.get("kind") == "refused":
                return Fail(message=str(ctx.resume.get("message")))
            return Continue(detail=ctx.resume.get("detail") or {})
        is_current = getattr(self.settings, "recipient_mode", "reference") == "current"
        own = self.current(ctx) if is_current else None
        if isinstance(own, Skip):
            return own
        if ctx.render_error:
            return Fail(message=f"The update did not render: {ctx.render_error}")
        if ctx.rendered is None:
            gid = None if is_current else self.settings.recipient_gid
            return Need(fields={"gid": gid, "properties": self.settings.update_properties})
        target = own or self.named(str(ctx.rendered["gid"] or "").strip())
        if isinstance(target, str):
            return Fail(message=target)
        return self._update(target, ctx.rendered["properties"])

    def _update(self, target: RecipientRef, rendered: Any) -> Outcome:
        try:
            properties = object_of(self.settings.update_properties, rendered, "properties")
            detail: JsonObject = {"recipient": target.as_wire()}
            if "channel_data" in properties:
                properties = {k: v for k, v in properties.items() if k != "channel_data"}
                detail["warning"] = _IGNORED
            parse_identity(target, properties, "update_properties")
        except InvalidInput as error:
            return Fail(message=faults_of(error))
        except ValueError as error:
            return Fail(message=str(error))
        return Update(recipient=target, properties=properties, detail=detail)


def faults_of(error: InvalidInput) -> str:
    """Say in one text what is wrong with rendered input, each fault with its place."""
    faults = [f"{p.path}: {p.message}" if p.path else p.message for p in error.problems]
    return "; ".join(faults) or error.message
