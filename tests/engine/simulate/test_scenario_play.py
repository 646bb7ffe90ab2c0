"""The runner of scenarios: what it reads, how it compares, that it can fail."""

from datetime import UTC, datetime, timedelta

import orjson
import pytest

from engine.simulate import Play, ScenarioError, prepare
from engine.simulate.compare import failures
from engine.simulate.offsets import instant, offset
from tests.engine.scenario_runner import play
from tests.engine.wire import batch, email, feed

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def named(*steps):
    return {"name": "Note", "steps": [{"name": step["ref"], **step} for step in steps]}


SCENARIO = {
    "users": [{"id": "u1", "name": "Ann", "email": "ann@example.com"}],
    "workflows": {"note": named(batch(), email("{{ total_activities }} for {{ recipient.name }}"))},
    "script": [
        {"at": "+0s", "trigger": {"workflow": "note", "recipients": ["u1"], "data": {"n": 1}}},
        {"at": "+1m", "trigger": {"workflow": "note", "recipients": ["u1"]}},
        {"at": "+2m", "trigger": {"workflow": "nope", "recipients": ["u1"]}},
    ],
}
HOLDS = {
    "messages": [
        {
            "at": "+10m",
            "instant": "2026-01-01T00:10:00Z",
            "recipient": "u1",
            "tenant": None,
            "workflow": "note",
            "workflow_version": 1,
            "step": "email_1",
            "channel": "email",
            "channel_type": "email",
            "address": "ann@example.com",
            "status": "sent",
            "engagement": [],
            "attempts": 1,
            "scheduled_at": None,
            "sent_at": "+10m",
            "deliveries": [{"at": "+10m", "outcome": "accepted"}],
            "subject": "hi",
            "body_contains": ["2 for", "Ann"],
            "data": {"n": 1},
        }
    ],
    "message_count": 1,
    "run_count": 2,
    "runs": [
        {"status": "completed", "started": "+1m", "ended": "+1m"},
        {"status": "completed", "started": "+0s", "ended": "+10m", "error_count": 0},
    ],
    "rejected": [{"at": "+2m", "workflow": "nope", "code": "workflow_missing"}],
    "state": {"users": {"u1": {"name": "Ann"}}},
}
FAILS = [
    {"messages": [{"at": "+10m2s"}]},
    {"messages": [{"recipient": "u1"}, {"recipient": "u1"}]},
    {"messages": [{"subject": "bye"}]},
    {"messages": [{"body_contains": ["2 for", "Bob"]}]},
    {"messages": [{"data": {"n": 2}}]},
    {"message_count": 2},
    {"run_count": 1},
    {"runs": [{"started": "+0s"}, {"started": "+0s"}]},
    {"runs": [{"error_count": True}]},
    {"skips": [{"step": "email_1"}]},
    {"rejected": [{"code": "workflow_inactive"}]},
    {"requests": [{"status": 200}]},
    {"state": {"users": {"u1": {"name": "Bob"}}}},
    {"state": {"users": {"u2": {}}}},
]


def result_of(tmp_path, **more):
    played = Play(prepare({**SCENARIO, **more}), tmp_path)
    try:
        return played.run()
    finally:
        played.world.close()


def test_a_result_shows_what_happened_field_by_field(tmp_path):
    result = result_of(tmp_path, expect=HOLDS)
    assert result["failures"] == []
    assert result["ok"] is True
    assert result["ended_at"] == "2026-01-01T00:10:00Z"
    opened = next(e for e in result["runs"][0]["timeline"] if e["event"] == "batch_opened")
    assert (opened["step"], opened["type"], opened["detail"]["closes"]) == (
        "batch_1", "batch", "+10m",
    )  # fmt: skip


@pytest.mark.parametrize("expected", FAILS, ids=str)
def test_an_expectation_that_does_not_hold_is_a_failure(tmp_path, expected):
    result = result_of(tmp_path, expect=expected)
    (failure,) = result["failures"]
    assert failure["path"].startswith("expect.")
    assert result["ok"] is False


def test_expected_messages_are_an_ordered_subsequence():
    found = {"messages": [{"step": s, "content": {}} for s in "abc"]}
    document = {**found, "runs": [], "rejected": [], "requests": [], "state": {}}
    for steps, count in (("ac", 0), ("ba", 1), ("abc", 0), ("aab", 1)):
        wanted = {"messages": [{"step": s} for s in steps]}
        assert len(failures(wanted, document, NOW)) == count


def test_the_same_file_gives_the_same_bytes(tmp_path):
    documents = []
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        documents.append(orjson.dumps(result_of(tmp_path / folder)))
    assert documents[0] == documents[1]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("+0s", 0), ("+10m", 600), ("+1d2h3m4s", 93_784), ("+2w", 1_209_600)],
)
def test_offsets_are_read_and_written(text, seconds):
    at = NOW + timedelta(seconds=seconds)
    assert instant(text, NOW) == at
    assert instant(offset(at, NOW), NOW) == at


@pytest.mark.parametrize("text", ["", "+", "10m", "+10", "+1m1h", "+1.5h", "tomorrow", None, 5])
def test_an_instant_that_cannot_be_read_is_refused(text):
    with pytest.raises(ScenarioError):
        instant(text, NOW)


@pytest.mark.parametrize(
    "entry",
    [
        {"at": "+3m", "triger": {}},
        {"at": "+3m", "trigger": {"workflow": "note", "recipients": ["u1"], "dat": {}}},
        {"at": "+3m", "message": {"match": {"step": "email_1"}, "mark": "read"}},
        {"at": "+20m", "message": {"match": {"stp": "email_1"}, "mark": "read"}},
    ],
    ids=["entry", "field", "no match", "match"],
)
def test_an_entry_that_cannot_be_played_makes_the_file_wrong(tmp_path, entry):
    with pytest.raises(ScenarioError):
        result_of(tmp_path, script=[*SCENARIO["script"], entry])


def test_a_workflow_that_could_not_be_saved_makes_the_file_wrong(tmp_path):
    broken = {"note": named({"type": "delay", "ref": "delay_1", "settings": {}})}
    with pytest.raises(ScenarioError, match=r"^workflows\.note: delay_1 "):
        result_of(tmp_path, workflows=broken)


def test_a_request_that_no_script_answers_fails_with_its_url(tmp_path):
    step = {"type": "http_fetch", "ref": "fetch_1", "settings": {"url": "https://x.io/y"}}
    result = result_of(tmp_path, workflows={"note": named(step)}, expect={})
    assert {f["path"] for f in result["failures"]} == {"script.http"}
    assert {f["actual"] for f in result["failures"]} == {"GET https://x.io/y"}


def test_matches_can_be_told_apart_by_their_number(tmp_path):
    script = [
        {"at": "+0s", "trigger": {"workflow": "note", "recipients": ["u1"]}},
        {"at": "+1m", "trigger": {"workflow": "note", "recipients": ["u1"]}},
        {"at": "+2m", "message": {"match": {"step": "feed_1", "nth": 2}, "mark": "archived"}},
    ]
    result = result_of(tmp_path, workflows={"note": named(feed())}, script=script)
    assert [m["engagement"] for m in result["messages"]] == [[], ["archived"]]


def test_play_leaves_no_world_open_behind_a_wrong_file(tmp_path):
    path = tmp_path / "x.json"
    path.write_bytes(orjson.dumps({**SCENARIO, "script": [{"at": "+0s", "nothing": {}}]}))
    with pytest.raises(ScenarioError):
        play(path, tmp_path)
