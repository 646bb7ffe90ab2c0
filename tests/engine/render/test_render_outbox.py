"""What is told to the render process, and what is not told twice."""

import orjson

from engine.render.outbox import Outbox
from engine.render.requests import RenderRequest


def told(outbox, *requests):
    """Return the parsed message for a batch that fits into one."""
    (chunk,) = outbox.chunks(requests)
    return orjson.loads(outbox.message(chunk))


def text(template, scope=None):
    return RenderRequest("text", template, {} if scope is None else scope)


def test_a_scope_and_a_template_are_sent_once():
    outbox, shared = Outbox(), {"a": 1}
    message = told(outbox, text("x", shared), text("y", shared), text("x", {"a": 2}))
    assert message["scopes"] == [{"a": 1}, {"a": 2}]
    assert [template for _, template in message["templates"]] == ["x", "y"]
    assert [request[1:3] for request in message["requests"]] == [[0, 0], [1, 0], [0, 1]]
    assert told(outbox, text("x"))["templates"] == []


def test_equal_templates_are_one_template():
    message = told(Outbox(), text({"a": ["b"]}), text({"a": ["b"]}))
    assert len(message["templates"]) == 1


def test_the_least_recently_used_template_is_dropped_with_the_next_message(monkeypatch):
    monkeypatch.setattr("engine.render.outbox._KEPT_TEMPLATES", 2)
    outbox = Outbox()
    assert told(outbox, text("a"), text("b"))["dropped"] == []
    assert told(outbox, text("a"), text("c"))["dropped"] == []
    message = told(outbox, text("b"))
    assert message["dropped"] == [1]
    assert message["templates"] == [[3, "b"]]


def test_large_templates_are_dropped_by_their_size(monkeypatch):
    monkeypatch.setattr("engine.render.outbox._KEPT_BYTES", 100)
    outbox = Outbox()
    told(outbox, text("a" * 90))
    told(outbox, text("b" * 90))
    assert told(outbox, text("c"))["dropped"] == [0]


def test_a_new_process_is_told_everything_again():
    outbox = Outbox()
    told(outbox, text("a"))
    outbox.forget()
    message = told(outbox, text("a"))
    assert [template for _, template in message["templates"]] == ["a"]


def test_a_batch_is_parted_by_size_and_by_number(monkeypatch):
    monkeypatch.setattr("engine.render.outbox._MESSAGE_BYTES", 100)
    monkeypatch.setattr("engine.render.outbox._MESSAGE_ITEMS", 3)
    large = [text("x", {"v": "y" * 60}) for _ in range(3)]
    assert [len(chunk) for chunk in Outbox().chunks(large)] == [1, 1, 1]
    shared = {"v": "y" * 60}
    assert [len(chunk) for chunk in Outbox().chunks([text("x", shared)] * 7)] == [3, 3, 1]
    assert list(Outbox().chunks([])) == []
