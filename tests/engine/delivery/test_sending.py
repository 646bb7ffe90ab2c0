"""What becomes of messages on their way, on the engine's own verbs."""

from datetime import timedelta

import pytest

from engine.messages.status import TRANSITIONS, Signal
from storage.logs import message_events
from storage.records import DeliveryStatus
from tests.engine.wire import asks, batch, channel, email, feed
from tests.engine.world import ref

FILE = {"name": "a.txt", "content_type": "text/plain", "content": "YQ=="}


def script(world, key, *outcomes):
    id_ = world.sql().value("SELECT id FROM channels WHERE key = ?", (key,))
    world.transport.provide(id_, outcomes)
    return id_


def push():
    return channel("push", "push_1", {"title": "Hi", "text_body": "there"})


def overrides(world, message):
    return world.sql().value("SELECT overrides FROM messages WHERE id = ?", (message.id,))


@pytest.mark.req("E-117")
def test_a_provider_that_stays_down_is_asked_eight_times_in_half_an_hour(world):
    script(world, "email", "retryable")
    world.workflow("note", [email()])
    world.trigger("note", "ann")
    world.until(timedelta(hours=2))
    (message,) = world.messages()
    tried = [a.at - world.started for a in world.transport.attempted]
    assert len(tried) == message.attempts == 8
    assert tried[-1] <= timedelta(minutes=30)
    assert message.status is DeliveryStatus.UNDELIVERED
    events = message_events(world.sql(), world.env, message.id)
    assert events[-1].data["failure_reason"] == "retries_exhausted"
    first = next(e for e in events if e.event == "message.delivery_attempted")
    assert (first.data["attempt"], first.data["max_attempts"], first.data["retryable"]) == (
        1, 8, True,
    )  # fmt: skip


@pytest.mark.req("E-117")
def test_messages_of_a_channel_that_rests_are_sent_when_it_is_over(world):
    script(world, "email", *["retryable"] * 12, "accepted")
    world.workflow("note", [email()])
    for _ in range(12):
        world.trigger("note", "ann")
    world.until(timedelta(minutes=30))
    assert {m.status for m in world.messages()} == {DeliveryStatus.SENT}


@pytest.mark.req("E-117")
def test_a_time_out_of_a_provider_is_tried_again(world):
    script(world, "email", "timeout", "accepted")
    world.workflow("note", [email(), feed()])
    world.trigger("note", "ann")
    assert [m.step_ref for m in world.messages()] == ["email_1", "feed_1"]
    world.until(timedelta(minutes=5))
    first, second = (a.at - world.started for a in world.transport.attempted)
    assert first == timedelta()
    assert second > timedelta(seconds=20)
    assert world.messages("email_1")[0].status is DeliveryStatus.SENT


@pytest.mark.req("E-117")
def test_a_bounce_is_final_at_the_first_attempt(world):
    script(world, "email", "bounced")
    world.workflow("note", [email()])
    world.trigger("note", "ann")
    world.until(timedelta(hours=1))
    (message,) = world.messages()
    assert (message.status, message.attempts) == (DeliveryStatus.BOUNCED, 1)
    assert world.events(message) == ["message.created", "message.queued", "message.bounced"]


@pytest.mark.req("E-107")
@pytest.mark.parametrize("is_on", [True, False])
def test_a_dead_token_is_forgotten_unless_the_channel_keeps_tokens(world, is_on):
    settings = {} if is_on else {"token_deregistration": False}
    world.channel("phones", "push", "scripted", settings=settings)
    script(world, "phones", "bounced", "accepted")
    world.user("ann", channel_data={"phones": {"tokens": ["t1", "t2"]}})
    world.workflow("nudge", [{**push(), "channel_key": "phones"}])
    world.clock.advance(timedelta(seconds=1))
    for _ in range(2):
        world.trigger("nudge", "ann")
    left = ["t1", "t2"] if not is_on else ["t2"]
    assert [m.address for m in world.messages()] == ["t1", "t2", *left]


@pytest.mark.req("E-107")
def test_a_token_that_was_registered_anew_survives_the_bounce(world):
    script(world, "push", "timeout", "bounced")
    world.user("ann", channel_data={"push": {"tokens": ["t1"]}})
    world.workflow("nudge", [push()])
    world.trigger("nudge", "ann")
    world.until(timedelta(seconds=10))
    world.user("ann", channel_data={"push": {"tokens": ["t1"]}})
    world.until(timedelta(minutes=5))
    world.trigger("nudge", "ann")
    assert [m.address for m in world.messages()] == ["t1", "t1"]


@pytest.mark.req("E-108")
def test_each_device_and_each_connection_has_a_message_of_its_own(world):
    connections = [{"channel_id": "C1", "access_token": "x"}, {"user_id": "U1"}]
    world.user("ann", channel_data={"push": {"tokens": ["t1", "t2"]}})
    world.user("ann", channel_data={"chat": {"connections": connections}})
    world.workflow("nudge", [push(), channel("chat", "chat_1", {"markdown_body": "hi"})])
    world.trigger("nudge", "ann")
    assert [m.address for m in world.messages()] == ["t1", "t2", "C1", "U1"]
    assert "access_token" not in str(world.content(world.messages("chat_1")[0]))


@pytest.mark.req("E-110")
@pytest.mark.parametrize("where", ["channel", "trigger"])
def test_a_sandboxed_message_is_made_and_not_sent(world, where):
    key = "mail" if where == "channel" else "email"
    if where == "channel":
        world.channel("mail", "email", "scripted", is_sandbox=True)
    world.workflow("note", [{**email(), "channel_key": key}, feed()])
    world.trigger("note", "ann", settings={"sandbox_mode": where == "trigger"})
    mail, item = world.messages()
    assert (mail.status, item.status) == (DeliveryStatus.NOT_SENT, DeliveryStatus.DELIVERED)
    assert world.events(mail) == ["message.created", "message.not_sent"]
    assert world.content(mail)["text_body"] == "hello"
    assert world.transport.attempted == []


@pytest.mark.req("E-104")
def test_channel_conditions_hold_for_its_steps_but_not_in_sandbox(world):
    never = asks("data.go", "equal_to", "true")
    world.channel("strict", "email", "scripted", conditions=never)
    world.channel("trial", "email", "scripted", conditions=never, is_sandbox=True)
    steps = [{**email(ref=f"email_{key}"), "channel_key": key} for key in ("strict", "trial")]
    world.workflow("note", steps)
    world.trigger("note", "ann")
    assert [m.step_ref for m in world.messages()] == ["email_trial"]


@pytest.mark.req("E-104")
def test_a_channel_that_is_not_configured_is_skipped_before_conditions(world):
    step = {**email(conditions=asks("data.go", "equal_to", "true")), "channel_key": "nowhere"}
    world.workflow("note", [step])
    world.trigger("note", "ann")
    assert world.reasons(world.runs()[0]) == ["channel_not_configured"]


@pytest.mark.req("E-109")
def test_a_step_override_beats_the_channel_and_an_empty_one_counts_for_nothing(world):
    world.channel(
        "mail", "email", "scripted", settings={"from_address": "a@x.io", "from_name": "A"}
    )
    own = {"from_address": "{{ data.from }}", "to_address": "{{ data.to }}"}
    world.workflow("note", [{**email(channel_overrides=own), "channel_key": "mail"}])
    world.trigger("note", "ann", data={"from": "b@x.io", "to": ""})
    world.trigger("note", "ghost", data={"from": "", "to": "c@x.io"})
    first, second = world.messages()
    assert (world.content(first)["from"], first.address) == ("A <b@x.io>", "ann@example.com")
    assert second.address == "c@x.io"


@pytest.mark.req("E-112")
def test_attachments_come_from_the_data_under_their_key(world):
    step = email()
    step["template"]["settings"] = {"attachment_key": "files.all"}
    world.workflow("note", [step, email(ref="email_2"), feed()])
    world.trigger("note", "ann", data={"files": {"all": FILE}, "attachments": [FILE, FILE]})
    first, second, item = world.messages()
    assert overrides(world, first).count("a.txt") == 1
    assert overrides(world, second).count("a.txt") == 2
    assert "a.txt" not in overrides(world, item)


@pytest.mark.req("E-112")
@pytest.mark.parametrize("has_own", [True, False])
def test_after_a_batch_only_the_openers_attachments_go_out(world, has_own):
    world.workflow("digest", [batch(), email()])
    own = {"attachments": [{**FILE, "name": "opener.txt"}]}
    first = {"id": "ann", "$trigger_data": own} if has_own else "ann"
    world.trigger("digest", first, data={} if has_own else own)
    world.trigger("digest", "ann", data={"attachments": [{**FILE, "name": "later.txt"}]})
    world.until(timedelta(minutes=10))
    assert "opener.txt" in overrides(world, world.messages()[0])
    assert "later.txt" not in overrides(world, world.messages()[0])


@pytest.mark.req("E-151")
@pytest.mark.parametrize("before", list(DeliveryStatus))
@pytest.mark.parametrize("report", ["delivered", "undelivered", "bounced"])
def test_a_late_report_moves_a_message_only_along_the_table(world, before, report):
    world.workflow("note", [email()])
    world.trigger("note", "ann")
    (message,) = world.messages()
    with world.db.transaction() as tx:
        tx.update_statuses([(message.id, before, 1, None)], world.clock.now())
    count = len(world.events(message))
    signal = {"delivered": Signal.DELIVERED, "undelivered": Signal.GAVE_UP}.get(report)
    expected = TRANSITIONS.get((before, signal or Signal.BOUNCED), before)
    if before in (DeliveryStatus.QUEUED, DeliveryStatus.DELIVERY_ATTEMPTED):
        _queue_again(world, message)
    world.report(message, report)
    assert world.messages()[0].status is expected or expected is before
    assert len(world.events(message)) == count + (expected is not before)


def _queue_again(world, message):
    """Put the outbox row back that the first send used up, far in the future."""
    with world.db.transaction() as tx:
        tx.run(
            "INSERT INTO outbox (message_id, environment, channel_id, attempt, due_at,"
            " first_attempt_at, lease_epoch) VALUES (?, ?, ?, 1, ?, 0, 0)",
            (message.id, world.env, message.channel_id, 2**62),
        )


@pytest.mark.req("E-151")
def test_a_report_of_delivery_ends_the_attempts_that_were_still_planned(world):
    script(world, "email", "retryable")
    world.workflow("note", [email()])
    world.trigger("note", "ann")
    world.report(world.messages()[0], "delivered")
    world.until(timedelta(hours=1))
    assert world.messages()[0].status is DeliveryStatus.DELIVERED
    assert len(world.transport.attempted) == 1


@pytest.mark.req("E-152")
@pytest.mark.parametrize(
    ("type_", "status"),
    [("email", "delivered"), ("sms", "delivered"), ("push", "sent"), ("chat", "sent")],
)
def test_each_channel_has_its_ceiling(world, type_, status):
    data = {"push": {"tokens": ["t"]}, "chat": {"connections": [{"channel_id": "C"}]}}
    world.user("ann", phone_number="+15550100", channel_data=data)
    template = {"settings": {}, "subject": "x", "title": "x", "text_body": "x"}
    world.workflow("note", [channel(type_, "step_1", {**template, "markdown_body": "x"})])
    script(world, type_, "delivered")
    world.trigger("note", "ann")
    assert world.messages()[0].status == status


@pytest.mark.req("E-153")
def test_interacting_reads_a_message_and_clicking_reads_a_text(world):
    world.user("ann", phone_number="+15550100")
    world.workflow("note", [feed(), channel("sms", "sms_1", {"text_body": "x"}), email()])
    world.trigger("note", "ann")
    item, text, mail = world.messages()
    world.engage(item, "interacted")
    world.engage(text, "link_clicked")
    world.engage(mail, "link_clicked")
    assert [m.read_at is not None for m in world.messages()] == [True, True, False]
    assert set(world.events(text)[-2:]) == {"message.link_clicked", "message.read"}


@pytest.mark.req("E-153")
def test_undoing_what_was_not_done_is_no_event(world):
    world.workflow("note", [feed()])
    world.trigger("note", "ann")
    (item,) = world.messages()
    before = world.events(item)
    for action in ("unseen", "unread", "unarchived"):
        world.engage(item, action)
    assert world.events(item) == before


@pytest.mark.req("E-157")
def test_a_message_keeps_who_acted_and_where_it_came_from(world):
    world.workflow("note", [feed()], categories=["chat"])
    world.trigger("note", "ann", actor="bob", tenant="acme", data={"n": 1, "deep": {"x": 1}})
    (message,) = world.messages()
    assert message.actors == (ref("bob"),)
    assert (message.tenant, message.categories) == ("acme", ("chat",))
    assert (message.data, message.filter_data) == ({"n": 1, "deep": {"x": 1}}, {"n": 1})
