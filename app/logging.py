"""Write structured logs: events named `noun.verb`, with their ids, never a secret."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, Final

import structlog

from app.settings import Settings

_SECRET_NAMES: Final = ("password", "secret", "token", "authorization", "api_key", "cookie")
_PERSONAL_NAMES: Final = frozenset({"address", "email", "phone_number", "recipient_data"})
_MASK: Final = "***"
Event = MutableMapping[str, Any]


def mask_secrets(_logger: Any, _method: str, event: Event) -> Event:
    """Blot out values whose name says that they are secret."""
    for name in event:
        if any(part in name.lower() for part in _SECRET_NAMES):
            event[name] = _MASK
    return event


def mask_people(_logger: Any, _method: str, event: Event) -> Event:
    """Blot out names and addresses of recipients."""
    for name in event:
        if name in _PERSONAL_NAMES:
            event[name] = _MASK
    return event


def set_up_logging(settings: Settings, role: str) -> None:
    """Send every log line of this process to standard error, in one form."""
    level = getattr(logging, settings.log_level.upper())
    is_text = settings.log_format == "text" or (
        settings.log_format == "auto" and sys.stderr.isatty()
    )
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        mask_secrets,
    ]
    if not settings.log_recipient_data:
        shared.append(mask_people)
    renderer: Any = (
        structlog.dev.ConsoleRenderer()
        if is_text
        else structlog.processors.JSONRenderer(sort_keys=False)
    )
    last = [renderer] if is_text else [structlog.processors.format_exc_info, renderer]
    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    _adopt_standard_logging(level, shared, last)
    structlog.contextvars.bind_contextvars(process=role)


def _adopt_standard_logging(level: int, shared: list[Any], last: list[Any]) -> None:
    """Give libraries' log lines the same form, and less to say."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(level, logging.WARNING) if level > logging.DEBUG else level)
