"""Sign browsers in and out: random tokens in cookies, their hashes in the file (R-44)."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from http.cookies import CookieError, SimpleCookie
from typing import Any, Final, Protocol

from engine.timing.clock import Clock, SystemClock
from storage import members
from storage.db import Database
from storage.members import Member, Session
from storage.sql import Sql
from storage.writer import Writer

IDLE: Final = timedelta(hours=12)
ABSOLUTE: Final = timedelta(days=14)
TOUCH_EVERY: Final = timedelta(minutes=1)
COOKIE: Final = "tocsin_session"
SECURE_COOKIE: Final = "__Host-tocsin_session"
_TOKEN_BYTES: Final = 32

Scope = Mapping[str, Any]


class AuthServices(Protocol):
    """What signing in needs; `app.services.Services` has it."""

    @property
    def database(self) -> Database:
        """Read members and sessions."""
        ...

    @property
    def writer(self) -> Writer:
        """Write sessions."""
        ...

    @property
    def clock(self) -> Clock:
        """Tell when a session ends."""
        ...

    @property
    def settings(self) -> Any:
        """Hold `base_url`, if there is one."""
        ...


@dataclass(frozen=True, slots=True)
class SignIn:
    """A fresh session: the token goes into the cookie and is stored nowhere."""

    token: str
    session: Session


def digest(token: str) -> str:
    """Give the form in which a token is stored."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def new_token() -> str:
    """Return 256 random bits, safe in an address and in a cookie."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


# ------------------------------------------------------------------ cookies


def cookies_of(scope: Scope) -> dict[str, str]:
    """Read the cookies of an ASGI scope; unreadable ones count as none."""
    raw = b"; ".join(value for name, value in scope.get("headers", ()) if name == b"cookie")
    jar: SimpleCookie = SimpleCookie()
    try:
        jar.load(raw.decode("latin-1"))
    except CookieError:
        return {}
    return {name: morsel.value for name, morsel in jar.items()}


def is_https(scope: Scope, settings: Any = None) -> bool:
    """Tell whether the browser came by https, as the scope or the base URL says."""
    base_url = str(getattr(settings, "base_url", None) or "")
    return scope.get("scheme") in ("https", "wss") or base_url.startswith("https://")


def cookie_name(scope: Scope, settings: Any = None) -> str:
    """Name the session cookie; `__Host-` pins it to this host, but exists only under https."""
    return SECURE_COOKIE if is_https(scope, settings) else COOKIE


def token_of(scope: Scope, settings: Any = None) -> str | None:
    """Read the session token that a browser sent."""
    return cookies_of(scope).get(cookie_name(scope, settings)) or None


# ------------------------------------------------------------------ sessions


def find_session(sql: Sql, token: str | None, now: datetime) -> tuple[Session, Member] | None:
    """Return the live session of a token: known, used within 12 h, begun within 14 days."""
    if not token:
        return None
    found = members.get_session(sql, digest(token))
    if found is None:
        return None
    session, member = found
    is_live = now < session.expires_at and now - session.used_at < IDLE
    return (session, member) if is_live else None


def wall_now(clock: Clock) -> datetime:
    """Give the time by which people are signed in: the wall's, however fast the engine's runs."""
    return SystemClock().now() if isinstance(clock, SystemClock) else clock.now()


def session_of(scope: Scope, services: AuthServices) -> Member | None:
    """Return who is signed in behind an ASGI scope (http or websocket), or None.

    A point read; cheap enough for every request and every click.
    """
    token = token_of(scope, services.settings)
    found = find_session(services.database.read(), token, wall_now(services.clock))
    return None if found is None else found[1]


async def keep_alive(scope: Scope, services: AuthServices) -> None:
    """Note that the session is in use, at most once a minute."""
    token, now = token_of(scope, services.settings), wall_now(services.clock)
    found = find_session(services.database.read(), token, now)
    if found is not None and now - found[0].used_at >= TOUCH_EVERY:
        hash_ = found[0].hash
        await services.writer.run(lambda tx: members.touch_session(tx, hash_, now))


def begin_session(
    tx: Sql,
    member: Member,
    now: datetime,
    *,
    replaces: str | None = None,
    address: str | None = None,
    agent: str | None = None,
) -> SignIn:
    """Open a session under a new token; the browser's earlier one (`replaces`) ends."""
    if replaces:
        members.end_session(tx, digest(replaces))
    members.drop_ended_sessions(tx, now - IDLE, now)
    token = new_token()
    session = Session(
        hash=digest(token),
        member_id=member.id,
        inserted_at=now,
        used_at=now,
        expires_at=now + ABSOLUTE,
        address=address,
        agent=(agent or "")[:300] or None,
    )
    members.insert_session(tx, session)
    return SignIn(token, session)


# ------------------------------------------------------------------ forms


def csrf_token(scope: Scope, settings: Any = None) -> str:
    """Derive the form token of a signed-in browser from its session token."""
    return form_token(token_of(scope, settings) or "")


def form_token(secret: str) -> str:
    """Derive a form token from a secret that only the browser's cookie holds."""
    return hashlib.sha256(b"tocsin form\x00" + secret.encode("utf-8", "replace")).hexdigest()


def is_form_token(given: str, secret: str | None) -> bool:
    """Compare in constant time; no secret, no match."""
    if not secret:
        return False
    return hmac.compare_digest(given.encode("utf-8", "replace"), form_token(secret).encode())


def create_setup_link(tx: Sql, now: datetime) -> str:
    """Store a fresh one-time set-up link and return its token (for `/setup/<token>`)."""
    token = new_token()
    members.put_setup_link(tx, digest(token), now)
    return token
