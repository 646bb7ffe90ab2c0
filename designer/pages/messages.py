"""Every message of an environment, whichever provider took it."""

from __future__ import annotations

from designer.reader.page import Reader, show
from designer.visit import Visit

_EMPTY = (
    "A workflow's channel steps create messages. Each appears here with how far it got and, if it"
    " failed, why."
)
_READER = Reader(
    path="messages",
    title="Messages",
    is_caught=False,
    empty_title="No messages yet",
    empty_text=_EMPTY,
    empty_elsewhere=_EMPTY,
)


async def build(visit: Visit) -> None:
    """Draw the list and the chosen message."""
    await show(visit, _READER)
