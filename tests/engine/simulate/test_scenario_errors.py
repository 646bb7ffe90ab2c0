"""A wrong scenario says where it is wrong and what was expected."""

import orjson
import pytest

from engine.simulate import ScenarioError, simulate

GOOD = {
    "workflows": {"note": {"name": "Note", "steps": []}},
    "script": [{"at": "+0s", "trigger": {"workflow": "note", "recipients": ["u1"]}}],
}


def entry(**kinds):
    return {"script": [{"at": "+0s", **kinds}]}


WRONG = [
    ({"scrpt": []}, "unknown field 'scrpt'; did you mean script?"),
    ({"environment": {"channel": []}}, "environment: unknown field 'channel'; did you mean"),
    ({"expect": {"mesages": []}}, "expect: unknown field 'mesages'; did you mean messages?"),
    ({"expect": {"runs": [{"state": 1}]}}, "expect.runs[0]: unknown field 'state'; did you mean"),
    ({"expect": {"messages": [{"at": "10m"}]}}, "expect.messages[0].at: expected an offset"),
    ({"expect": {"message_count": "3"}}, "expect.message_count: expected a valid integer"),
    ({"users": "u1"}, "users: expected a valid list, got 'u1'"),
    ({"users": [{"name": "Ann"}]}, "users[0]: "),
    ({"now": "yesterday"}, "now: expected an offset such as"),
    ({"until": "+1m1h"}, "until: expected an offset such as"),
    ({"until": "2020-01-01"}, "until: 2020-01-01 is before `now`"),
    ({"now": "9999-12-31T00:00:00Z"}, "now: expected a year from 1970 to 8999"),
    ({"environment": None}, "environment: expected an object, got None"),
    ({"environment": {"variables": {"a": 5}}}, "environment.variables.a: expected a valid string"),
    (
        {"environment": {"channels": [{"key": "a", "type": "sms"}, {"key": "a", "type": "chat"}]}},
        "environment.channels[1].key: another channel has the key 'a'",
    ),
    (
        {"environment": {"channels": [{"key": "a", "type": "sms", "conditions": {"any": 5}}]}},
        "environment.channels[0].conditions",
    ),
    ({"expect": {"state": {"objects": {"p1": {}}}}}, "expect.state.objects: expected collection/"),
    ({"script": [{"at": "2020-01-01", "delete_user": "u1"}]}, "script[0].at: 2020-01-01 is before"),
    ({"until": "+999999999w"}, "until: +999999999w leads beyond the year 9999"),
    ({"environment": {"timezone": "Mars/Base"}}, "environment.timezone: expected an IANA"),
    (
        {"environment": {"channels": [{"key": "x", "type": "fax"}]}},
        "environment.channels[0].type: expected 'email'",
    ),
    (
        {"workflows": {"note": {"name": "Note", "steps": [{"type": "delay", "ref": "d"}]}}},
        "workflows.note: d ",
    ),
    ({"script": [{"trigger": {}}]}, "script[0]: expected `at`"),
    (entry(), "script[0]: expected `at` and one of trigger"),
    (entry(triger={}), "script[0].triger: unknown entry; did you mean trigger?"),
    (
        entry(trigger={"workflow": "note", "recipients": ["u1"], "dat": {}}),
        "script[0].trigger: unknown field 'dat'; did you mean data?",
    ),
    (
        entry(trigger={"workflow": "note"}),
        "script[0].trigger.recipients: expected this field, which is missing",
    ),
    (
        entry(set_status={"workflow": "nots", "active": True}),
        "script[0].set_status.workflow: unknown workflow 'nots'; did you mean note?",
    ),
    (
        entry(message={"match": {"step": "email_1"}, "mark": "seen"}),
        "script[0].message.match.step: unknown step 'email_1'",
    ),
    (
        entry(message={"match": {}, "mark": "sen"}),
        "script[0].message: expected a mark out of seen",
    ),
    (
        entry(message={"match": {}, "mark": "seen"}),
        "script[0].message.match: expected one message, found 0",
    ),
    (
        entry(provider={"channel": "fax", "responses": [{"outcome": "accepted"}]}),
        "script[0].provider.channel: unknown channel 'fax'",
    ),
    (
        entry(provider={"channel": "email", "responses": [{"outcome": "fine"}]}),
        "script[0].provider.responses[0].outcome: expected 'accepted'",
    ),
    (
        entry(http={"match": {}, "responses": [{"json": {}}]}),
        "script[0].http.responses[0]: expected a status",
    ),
    (
        {"environment": {"preferences": {"channel_types": {"fax": True}}}},
        "environment.preferences.channel_types.fax: expected one of email",
    ),
    (
        {"users": [{"id": "u1", "preferences": {"default": {"workflows": {"note": 1}}}}]},
        "users[0]: expected true, false or an object"
        " (recipient.preferences.default.workflows.note)",
    ),
    (
        entry(set_preferences={"recipient": "u1", "preferences": {"channels": {"email": "no"}}}),
        "script[0].set_preferences.preferences.channels.email: expected true, false",
    ),
    (entry(delete_user={}), "script[0].delete_user: expected a text, got {}"),
]


@pytest.mark.parametrize(("change", "message"), WRONG, ids=[m for _, m in WRONG])
def test_a_wrong_scenario_says_where(change, message):
    with pytest.raises(ScenarioError) as raised:
        simulate({**GOOD, **change})
    assert str(raised.value).startswith(message)


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"schedules": [{"id": "s1"}]}, "schedules"),
        ({"retention": True}, "retention"),
        ({"partials": {"p": {}, "q": "x"}}, "partials"),
        ({"expect": {"state": {"feeds": {"u1": {"total": 1}}}}}, "expect.state.feeds"),
        (entry(broadcast={}), "script[0].broadcast"),
    ],
)  # fmt: skip
def test_what_the_engine_does_not_have_is_refused_by_name(change, path):
    with pytest.raises(ScenarioError, match="does not") as raised:
        simulate({**GOOD, **change})
    assert raised.value.path == path


def test_empty_fields_of_what_is_not_there_yet_are_harmless():
    empty = {
        "environment": {"preferences": {"channel_types": {}}, "channel_groups": []},
        "audiences": [], "layouts": {}, "retention": False,
        "users": [{"id": "u1", "preferences": {"default": {}}}],
    }  # fmt: skip
    assert simulate({**GOOD, **empty})["ok"] is True


@pytest.mark.parametrize(
    ("content", "message"),
    [(b'{"name": ', "line 1, column"), (b"[]", "expected a JSON object, got list")],
)
def test_a_file_that_is_no_scenario_is_named(tmp_path, content, message):
    path = tmp_path / "x.json"
    path.write_bytes(content)
    with pytest.raises(ScenarioError) as raised:
        simulate(path)
    assert str(raised.value).startswith(f"{path}: {message}")


def test_a_fault_found_while_playing_names_the_file_too(tmp_path):
    path = tmp_path / "x.json"
    late = entry(message={"match": {}, "mark": "seen"})
    path.write_bytes(orjson.dumps({**GOOD, **late}))
    with pytest.raises(ScenarioError) as raised:
        simulate(path)
    assert str(raised.value).startswith(f"{path}: script[0].message.match: ")


def test_a_trigger_of_an_unknown_workflow_is_rejected_as_by_the_server():
    unknown = entry(trigger={"workflow": "nope", "recipients": ["u1"]})
    result = simulate({**GOOD, **unknown})
    assert result["rejected"] == [{"at": "+0s", "workflow": "nope", "code": "workflow_missing"}]
    assert result["ok"] is True
