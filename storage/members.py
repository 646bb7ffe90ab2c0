"""Store the people who may sign in, their sessions, and the first owner's set-up link.

Session and set-up tokens never reach this module's tables: only their SHA-256
does, so that a copy of the file opens no door.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from storage.ids import RandomIds
from storage.records import Instant, JsonObject
from storage.sql import Sql, dumps, from_micros, maybe_instant, to_micros


class Role(StrEnum):
    """What a member may do; the table of capabilities is in the documents."""

    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"
    PRODUCTION_MEMBER = "production_member"
    SUPPORT = "support"
    BILLING = "billing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A person who may sign in. `failures` counts wrong passwords since the last right one."""

    id: str
    email: str
    name: str
    role: Role
    password_hash: str = field(repr=False)
    failures: int = 0
    failed_at: Instant | None = None
    inserted_at: Instant
    updated_at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One signed-in browser; `hash` is the SHA-256 of what its cookie holds."""

    hash: str
    member_id: str
    inserted_at: Instant
    used_at: Instant
    expires_at: Instant
    address: str | None = None
    agent: str | None = None


_MEMBER: Final = (
    "id, email, name, role, password_hash, failures, failed_at, inserted_at, updated_at"
)
_SESSION: Final = "hash, member_id, inserted_at, used_at, expires_at, address, agent"


def canonical_email(email: str) -> str:
    """Give the form under which an address is stored and looked up."""
    return email.strip().casefold()


def _member(row: Sequence[Any]) -> Member:
    return Member(
        id=row[0], email=row[1], name=row[2], role=Role(row[3]), password_hash=row[4],
        failures=row[5], failed_at=maybe_instant(row[6]), inserted_at=from_micros(row[7]),
        updated_at=from_micros(row[8]),
    )  # fmt: skip


def member_by_email(sql: Sql, email: str) -> Member | None:
    """Return the member with this address, whatever its capitals."""
    found = sql.row(f"SELECT {_MEMBER} FROM members WHERE email = ?", (canonical_email(email),))
    return None if found is None else _member(found)


def get_member(sql: Sql, member_id: str) -> Member | None:
    """Return one member."""
    found = sql.row(f"SELECT {_MEMBER} FROM members WHERE id = ?", (member_id,))
    return None if found is None else _member(found)


def list_members(sql: Sql) -> list[Member]:
    """Return every member, by address."""
    return [_member(row) for row in sql.rows(f"SELECT {_MEMBER} FROM members ORDER BY email")]


def put_member(
    tx: Sql, *, email: str, role: Role, password_hash: str, now: datetime, name: str = ""
) -> Member:
    """Create the member with this address, or give it this role and password.

    An empty `name` keeps the stored one. A changed password ends the member's
    sessions.
    """
    address, at = canonical_email(email), to_micros(now)
    known = member_by_email(tx, address)
    if known is None:
        tx.run(
            f"INSERT INTO members ({_MEMBER}) VALUES (?,?,?,?,?,0,NULL,?,?)",
            (RandomIds().uuid(), address, name, role.value, password_hash, at, at),
        )
    else:
        tx.run(
            "UPDATE members SET name = ?, role = ?, password_hash = ?, failures = 0,"
            " failed_at = NULL, updated_at = ? WHERE id = ?",
            (name or known.name, role.value, password_hash, at, known.id),
        )
        if known.password_hash != password_hash:
            end_member_sessions(tx, known.id)
    stored = member_by_email(tx, address)
    assert stored is not None  # noqa: S101 - written two lines above, in the same transaction
    return stored


def rehash_member(tx: Sql, member_id: str, password_hash: str) -> None:
    """Store the same password under newer parameters; sessions go on."""
    tx.run("UPDATE members SET password_hash = ? WHERE id = ?", (password_hash, member_id))


def note_failure(tx: Sql, member_id: str, now: datetime) -> None:
    """Count a wrong password."""
    tx.run(
        "UPDATE members SET failures = failures + 1, failed_at = ? WHERE id = ?",
        (to_micros(now), member_id),
    )


def forget_failures(tx: Sql, member_id: str) -> None:
    """Start counting wrong passwords anew."""
    tx.run("UPDATE members SET failures = 0, failed_at = NULL WHERE id = ?", (member_id,))


# ------------------------------------------------------------------ sessions


def insert_session(tx: Sql, session: Session) -> None:
    """Store a new session."""
    tx.run(
        f"INSERT INTO sessions ({_SESSION}) VALUES (?,?,?,?,?,?,?)",
        (
            session.hash, session.member_id, to_micros(session.inserted_at),
            to_micros(session.used_at), to_micros(session.expires_at), session.address,
            session.agent,
        ),
    )  # fmt: skip


def get_session(sql: Sql, hash_: str) -> tuple[Session, Member] | None:
    """Return the session under this hash with its member, ended or not."""
    qualified = ", ".join(f"members.{name.strip()}" for name in _MEMBER.split(","))
    own = ", ".join(f"sessions.{name.strip()}" for name in _SESSION.split(","))
    row = sql.row(
        f"SELECT {own}, {qualified} FROM sessions"
        " JOIN members ON members.id = sessions.member_id WHERE sessions.hash = ?",
        (hash_,),
    )
    if row is None:
        return None
    session = Session(
        hash=row[0], member_id=row[1], inserted_at=from_micros(row[2]),
        used_at=from_micros(row[3]), expires_at=from_micros(row[4]), address=row[5], agent=row[6],
    )  # fmt: skip
    return session, _member(row[7:])


def touch_session(tx: Sql, hash_: str, now: datetime) -> None:
    """Note that the session was used; never moves backwards."""
    tx.run("UPDATE sessions SET used_at = max(used_at, ?) WHERE hash = ?", (to_micros(now), hash_))


def end_session(tx: Sql, hash_: str) -> None:
    """Revoke one session."""
    tx.run("DELETE FROM sessions WHERE hash = ?", (hash_,))


def end_member_sessions(tx: Sql, member_id: str) -> None:
    """Revoke every session of a member."""
    tx.run("DELETE FROM sessions WHERE member_id = ?", (member_id,))


def drop_ended_sessions(tx: Sql, used_before: datetime, now: datetime) -> None:
    """Delete sessions that are past their idle or absolute limit."""
    tx.run(
        "DELETE FROM sessions WHERE used_at <= ? OR expires_at <= ?",
        (to_micros(used_before), to_micros(now)),
    )


# ------------------------------------------------------------------ set-up link


def has_members(sql: Sql) -> bool:
    """Tell whether anyone can sign in yet."""
    return sql.row("SELECT 1 FROM members LIMIT 1") is not None


def put_setup_link(tx: Sql, hash_: str, now: datetime) -> None:
    """Store the one set-up link that is open; an older one ends."""
    tx.run("DELETE FROM setup_links WHERE used_at IS NULL")
    tx.run("INSERT INTO setup_links (hash, inserted_at) VALUES (?, ?)", (hash_, to_micros(now)))


def is_setup_link_open(sql: Sql, hash_: str) -> bool:
    """Tell whether the link may still create the owner: unused, and nobody is there yet."""
    row = sql.row("SELECT 1 FROM setup_links WHERE hash = ? AND used_at IS NULL", (hash_,))
    return row is not None and not has_members(sql)


def use_setup_link(tx: Sql, hash_: str, now: datetime) -> bool:
    """Spend the link; False if it is not open (any more)."""
    if not is_setup_link_open(tx, hash_):
        return False
    tx.run("UPDATE setup_links SET used_at = ? WHERE hash = ?", (to_micros(now), hash_))
    return True


# ------------------------------------------------------------------ audit


def note_change(
    tx: Sql,
    *,
    actor: str,
    action: str,
    now: datetime,
    environment: str | None = None,
    subject: str | None = None,
    detail: JsonObject | None = None,
    address: str | None = None,
) -> None:
    """Append one audit row: who did what to which thing, from where (R-47)."""
    tx.run(
        "INSERT INTO audit (at, actor, action, environment, subject, detail, address)"
        " VALUES (?,?,?,?,?,?,?)",
        (
            to_micros(now), actor, action, environment, subject,
            dumps(detail) if detail is not None else None, address,
        ),
    )  # fmt: skip
