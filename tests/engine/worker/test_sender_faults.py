"""What goes wrong around a send costs no message, repeats none, and harms no neighbour."""

from datetime import timedelta

import pytest

from engine.worker import sender
from storage.errors import DiskFull
from storage.records import DeliveryStatus, RunStatus
from storage.secrets import SealBroken
from storage.sql import to_micros
from tests.engine.wire import channel, email


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch):
    monkeypatch.setattr(sender, "_ERROR_PAUSE", 0.0)


def failing(monkeypatch, error, times, only=lambda attempt: True):
    """Let the first `times` settlements that hold such an attempt fail."""
    settle, left = sender.settle, [times]

    def flaky(tx, attempts, now):
        if left[0] and any(map(only, attempts)):
            left[0] -= 1
            raise error
        return settle(tx, attempts, now)

    monkeypatch.setattr(sender, "settle", flaky)


@pytest.mark.req("R-20")
def test_an_answer_is_kept_until_the_disk_takes_it(world, monkeypatch):
    failing(monkeypatch, DiskFull("full"), 5)
    world.workflow("note", [email()])
    world.trigger("note", "ann")
    (message,) = world.messages()
    assert message.status is DeliveryStatus.SENT
    assert len(world.transport.attempted) == 1


@pytest.mark.req("R-29")
def test_an_answer_that_cannot_be_written_ends_its_message_and_no_other(world, monkeypatch):
    failing(monkeypatch, KeyError("odd"), 2, lambda a: a.outbound.address.startswith("ann"))
    world.workflow("note", [email()])
    world.trigger("note", "ann", "bob")
    ann, bob = world.messages()
    assert (ann.status, bob.status) == (DeliveryStatus.UNDELIVERED, DeliveryStatus.SENT)
    assert len(world.transport.attempted) == 2
    assert world.sql().value("SELECT count(*) FROM outbox") == 0
    assert world.executor.sender.in_flight == 0


@pytest.mark.req("R-20")
def test_a_lease_that_nobody_holds_is_freed_when_it_ends(world):
    world.workflow("note", [email()])
    world.accept("note", "ann")

    async def lost(batch):
        return None

    world.lane._send = lost
    world.work()
    assert world.transport.attempted == []
    world.clock.advance(timedelta(seconds=61))
    world.loop.run_until_complete(world.executor.ticker.reap())
    world.work()
    assert [m.status for m in world.messages()] == [DeliveryStatus.SENT]


def seal(world, table, column, value):
    with world.db.transaction() as tx:
        tx.run(f"UPDATE {table} SET {column}", value)


@pytest.mark.req("R-29", "R-48")
def test_a_channel_whose_secrets_do_not_open_holds_up_only_its_own_messages(world):
    world.channel("sealed", "email", "scripted", id="sealed")
    seal(world, "channel_settings", "sealed = ? WHERE channel_id = 'sealed'", (b"x",))
    object.__setattr__(world.services, "unseal", closed)
    world.workflow("a", [email()])
    world.workflow("b", [email(channel_key="sealed")])
    world.trigger("b", "ann")
    world.trigger("a", "ann")
    shown = {m.workflow: (m.status, m.attempts) for m in world.messages()}
    assert shown == {"a": (DeliveryStatus.SENT, 1), "b": (DeliveryStatus.QUEUED, 1)}
    due = world.sql().value("SELECT due_at FROM outbox")
    assert due > to_micros(world.clock.now())


@pytest.mark.req("R-48")
def test_runs_wait_while_a_secret_variable_does_not_open(world):
    world.variable("token", "00ff")
    seal(world, "variables", "type = 'secret'", ())
    opening = world.services.unseal
    object.__setattr__(world.services, "unseal", closed)
    world.workflow("note", [email("{{ vars.token }}")])
    world.trigger("note", "ann")
    assert world.messages() == []
    object.__setattr__(world.services, "unseal", opening)
    world.work()
    (run,) = world.runs()
    assert (run.status, run.error_count) == (RunStatus.COMPLETED, 0)


def closed(sealed, row):
    raise SealBroken(f"{row} does not open")


@pytest.mark.req("R-33")
def test_secret_variables_are_masked_in_delivery_logs(world, monkeypatch):
    seen = []
    real = sender.send_each

    def spy(*args, **kwargs):
        seen.append(kwargs["secrets"])
        return real(*args, **kwargs)

    monkeypatch.setattr(sender, "send_each", spy)
    world.variable("token", "00ff")
    seal(world, "variables", "type = 'secret'", ())
    object.__setattr__(world.services, "unseal", lambda sealed, row: "hush-hush-1234")
    world.workflow("note", [channel("sms", "sms_1", {"text_body": "x"})])
    world.user("ann", phone_number="+100")
    world.trigger("note", "ann")
    assert seen == [("hush-hush-1234",)]
