"""A throttle whose key cannot be had lets the run through, and the timeline says why."""

import pytest

from tests.engine.wire import email, throttle

DOCUMENTED = {
    "conditions_not_met",
    "channel_not_configured",
    "preference_opt_out",
    "missing_recipient_data",
    "invalid_window",
    "setting_skip_delay",
    "target_workflow_unavailable",
    "missing_signing_key",
}


@pytest.mark.req("E-75")
@pytest.mark.req("E-28")
@pytest.mark.parametrize(
    ("key", "data", "said"),
    [
        ("data.id", {}, "resolved to nothing"),
        ("{{ data.id }}", {"id": "x" * 64}, "too long"),
        ("data.id", {"id": None}, "resolved to nothing"),
    ],
)
def test_a_faulty_throttle_key_is_skipped_for_a_documented_reason(world, key, data, said):
    world.workflow("alert", [throttle("1h", throttle_key=key), email("Alert", subject="Alert")])
    for _ in range(2):
        world.trigger("alert", "ann", data=data)
    for run in world.runs():
        [skip] = [e for e in world.timeline(run) if e["event"] == "step_skipped"]
        assert skip["data"]["reason"] == "invalid_window"
        assert skip["data"]["reason"] in DOCUMENTED
        assert said in skip["data"]["message"]
        assert skip["status"] == "error"
    assert len(world.messages("email_1")) == 2
