"""Turn the drafts of a step into what a pass asks for and hands on."""

from __future__ import annotations

from datetime import datetime

from engine.render.requests import RenderRequest
from engine.runs.effects import Produced
from engine.runs.scope import RunScope
from engine.workflow.kinds import Draft
from storage.records import JsonObject

MOST_ACTORS = 10


def content_request(
    draft: Draft, scope: JsonObject, message_id: str, now: datetime, at: str
) -> RenderRequest:
    """Ask for a draft's content; only here templates see `current_message` (E-40).

    `at` is `now` as templates see it, written once for all messages of a pass.
    """
    about = {"id": message_id, "inserted_at": at, "updated_at": at}
    kind = "fields" if draft.channel.type == "http" else draft.channel.type
    return RenderRequest(
        kind=kind,  # type: ignore[arg-type]  # channel types are render kinds
        template=draft.template,
        scope={**scope, **draft.extra_scope, "current_message": about},
        now=now,
    )


def produced(
    key: str, message_id: str, ref: str, draft: Draft, data: JsonObject, scopes: RunScope
) -> Produced:
    """Note what becomes a message when the pass is committed."""
    return Produced(
        key=key,
        message_id=message_id,
        step_ref=ref,
        draft=draft,
        data=data,
        is_flattened=scopes.batch is not None,
        actors=scopes.actor_refs[:MOST_ACTORS],
        total_activities=scopes.total_activities,
        total_actors=scopes.total_actors,
    )
