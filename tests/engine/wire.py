"""Steps in the shape of the wire, short enough to read a workflow at a glance."""

from __future__ import annotations

from typing import Any

Step = dict[str, Any]
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def duration(text: str) -> dict[str, Any]:
    """Write `10m` as a duration."""
    return {"unit": _UNITS[text[-1]], "value": int(text[:-1])}


def channel(type_: str, ref: str, template: dict[str, Any], **more: Any) -> Step:
    return {
        "type": "channel",
        "ref": ref,
        "channel_type": type_,
        "channel_key": type_,
        "template": template,
        **more,
    }


def feed(body: str = "hello", ref: str = "feed_1", **more: Any) -> Step:
    return channel("in_app_feed", ref, {"markdown_body": body}, **more)


def email(body: str = "hello", ref: str = "email_1", subject: str = "hi", **more: Any) -> Step:
    template = {"settings": {}, "subject": subject, "text_body": body}
    return channel("email", ref, template, **more)


def delay(for_: str | None = None, *, until: str | None = None, ref: str = "delay_1") -> Step:
    settings: dict[str, Any] = {}
    if for_ is not None:
        settings["delay_for"] = duration(for_)
    if until is not None:
        settings["delay_until_field_path"] = until
    return {"type": "delay", "ref": ref, "settings": settings}


def batch(
    window: str | None = "10m", *, limit: str | None = None, ref: str = "batch_1", **more: Any
) -> Step:
    settings: dict[str, Any] = dict(more)
    if window is not None:
        settings["batch_window"] = duration(window)
    if limit is not None:
        settings["batch_window_type"] = "sliding"
        settings["batch_window_extension_limit"] = duration(limit)
    return {"type": "batch", "ref": ref, "settings": settings}


def throttle(window: str, **more: Any) -> Step:
    settings = {"throttle_window": duration(window), **more}
    return {"type": "throttle", "ref": "throttle_1", "settings": settings}


def fetch(url: str = "https://api.example.com/x", **more: Any) -> Step:
    return {
        "type": "http_fetch",
        "ref": "fetch_1",
        "settings": {"method": "get", "url": url, **more},
    }


def asks(variable: str, operator: str, argument: Any = None) -> dict[str, Any]:
    """Make a group of one condition."""
    return {"all": [{"variable": variable, "operator": operator, "argument": argument}]}
