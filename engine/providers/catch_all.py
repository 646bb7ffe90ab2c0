"""Keep messages of every channel type in the dashboard's inbox; nothing leaves the process."""

from __future__ import annotations

from typing import Final

from engine.providers.base import (
    Accepted,
    Answer,
    LocalDelivery,
    Provider,
    ProviderConfig,
    SendResult,
    provider,
    unexpected,
)
from storage.records import Outbound

CHANNEL_TYPES: Final = (
    "email",
    "sms",
    "push",
    "chat",
    "http",
    "in_app",
    "in_app_feed",
    "in_app_guide",
)


@provider("catch_all", title="Catch-all inbox", channel_types=CHANNEL_TYPES)
class CatchAll(Provider[ProviderConfig]):
    """Accept whatever comes: the message is already stored, which is all there is to do.

    No delivery log either, for there was no exchange to record.
    """

    def build(self, outbound: Outbound, config: ProviderConfig) -> LocalDelivery:
        """Name the message by its own id."""
        return LocalDelivery(outbound.message_id)

    def classify(self, answer: Answer) -> SendResult:
        """Accept; never `Delivered`, for no human was reached."""
        if isinstance(answer, LocalDelivery):
            return Accepted(answer.external_id)
        return unexpected(answer)
