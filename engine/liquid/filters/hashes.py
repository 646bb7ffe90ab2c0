"""Filters that hash text."""

from __future__ import annotations

import hashlib
import hmac

from engine.liquid.filters.registry import filter


@filter("md5")
def md5(value: str) -> str:
    """Return the MD5 of the text as lower-case hex, for Gravatar addresses and the like."""
    return hashlib.md5(value.encode(), usedforsecurity=False).hexdigest()


@filter("sha256")
def sha256(value: str) -> str:
    """Return the SHA-256 of the text as lower-case hex."""
    return hashlib.sha256(value.encode()).hexdigest()


@filter("hmac_sha256")
def hmac_sha256(value: str, key: str) -> str:
    """Return the HMAC-SHA-256 of the text under a key as lower-case hex."""
    return hmac.new(key.encode(), value.encode(), hashlib.sha256).hexdigest()
