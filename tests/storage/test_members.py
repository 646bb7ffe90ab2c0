from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from storage import members
from storage.db import Database
from storage.members import Role, Session
from storage.migrations import migrate
from storage.tx import Tx

NOW = datetime(2026, 6, 3, 12, tzinfo=UTC)


@pytest.fixture
def tx(tmp_path: Path) -> Iterator[Tx]:
    migrate(tmp_path / "tocsin.db")
    with Database(tmp_path / "tocsin.db").transaction() as tx:
        yield tx


def put(tx: Tx, email: str = "ann@example.com", **fields: object) -> members.Member:
    given = {"role": Role.MEMBER, "password_hash": "h1", "now": NOW, "name": "Ann"} | fields
    return members.put_member(tx, email=email, **given)  # type: ignore[arg-type]


def session(member: members.Member, hash_: str = "s1") -> Session:
    return Session(
        hash=hash_, member_id=member.id, inserted_at=NOW, used_at=NOW,
        expires_at=NOW + timedelta(days=14),
    )  # fmt: skip


def test_a_member_is_found_whatever_the_capitals(tx: Tx) -> None:
    ann = put(tx, "  Ann@Example.COM ")

    assert members.member_by_email(tx, "ANN@example.com") == ann
    assert put(tx, "ann@EXAMPLE.com", role=Role.OWNER).id == ann.id
    assert len(members.list_members(tx)) == 1


def test_another_password_ends_the_sessions_the_same_one_does_not(tx: Tx) -> None:
    ann = put(tx)
    members.insert_session(tx, session(ann))

    put(tx, role=Role.ADMIN)
    assert members.get_session(tx, "s1") is not None
    put(tx, password_hash="h2")
    assert members.get_session(tx, "s1") is None


def test_failures_are_counted_and_forgotten(tx: Tx) -> None:
    ann = put(tx)
    members.note_failure(tx, ann.id, NOW)
    members.note_failure(tx, ann.id, NOW)
    noted = members.get_member(tx, ann.id)
    assert noted is not None
    assert (noted.failures, noted.failed_at) == (2, NOW)

    members.forget_failures(tx, ann.id)
    forgotten = members.get_member(tx, ann.id)
    assert forgotten is not None
    assert forgotten.failures == 0


def test_use_never_moves_a_session_backwards(tx: Tx) -> None:
    members.insert_session(tx, session(put(tx)))
    members.touch_session(tx, "s1", NOW + timedelta(hours=1))
    members.touch_session(tx, "s1", NOW)

    found = members.get_session(tx, "s1")
    assert found is not None
    assert found[0].used_at == NOW + timedelta(hours=1)


def test_ended_sessions_are_swept_and_live_ones_stay(tx: Tx) -> None:
    ann = put(tx)
    members.insert_session(tx, session(ann, "old"))
    members.insert_session(tx, session(ann, "new"))
    members.touch_session(tx, "new", NOW + timedelta(hours=5))

    members.drop_ended_sessions(tx, NOW + timedelta(hours=1), NOW + timedelta(hours=13))
    assert members.get_session(tx, "old") is None
    assert members.get_session(tx, "new") is not None


def test_the_representation_of_a_member_hides_the_hash(tx: Tx) -> None:
    assert "h1" not in repr(put(tx))


def test_an_audit_row_says_who_what_and_where(tx: Tx) -> None:
    members.note_change(
        tx, actor="ann@example.com", action="workflow.status_changed", now=NOW,
        environment="production", subject="welcome", detail={"status": "inactive"}, address="::1",
    )  # fmt: skip

    assert tx.rows("SELECT actor, action, environment, subject, detail, address FROM audit") == [
        ("ann@example.com", "workflow.status_changed", "production", "welcome",
         '{"status":"inactive"}', "::1")
    ]  # fmt: skip
