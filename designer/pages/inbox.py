"""The catch-all inbox: what would have left the server, and everything shown in feeds."""

from __future__ import annotations

from designer.reader.page import Reader, show
from designer.visit import Visit

_READER = Reader(
    path="inbox",
    title="Inbox",
    is_caught=True,
    empty_title="Nothing caught yet",
    empty_text=(
        "Channels without a provider deliver here, so that you see a message exactly as it would"
        " arrive, and nobody is disturbed. In-app messages are shown too."
    ),
    empty_elsewhere=(
        "In-app messages are shown here. Outside development, a channel without a provider counts"
        " as not set up, so nothing else is caught."
    ),
)


async def build(visit: Visit) -> None:
    """Draw the list and the chosen message."""
    await show(visit, _READER)
