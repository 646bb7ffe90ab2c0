"""The main job, end to end: the official SDK triggers, the mail is read in a browser."""

import subprocess
import sys

import pytest

# Runs alone, in an isolated interpreter: nothing but the official package is imported.
SDK_SCRIPT = """
import sys, time
from knockapi import Knock
client = Knock(base_url=sys.argv[1], api_key=sys.argv[2])
client.users.update("zoe", name="Zoe Quist", email="zoe@example.com")
answer = client.workflows.trigger("welcome", recipients=["zoe"], data={"from": "the SDK"})
print("run", answer.workflow_run_id)
deadline = time.monotonic() + 20
while time.monotonic() < deadline:
    found = {m.channel.type: m.status for m in client.messages.list() if m.recipient == "zoe"}
    if found.get("in_app_feed") == "delivered" and found.get("email") == "sent":
        break
    time.sleep(0.1)
print(sorted(found.items()))
feed = [m.channel.id for m in client.messages.list() if m.channel.type == "in_app_feed"][0]
items = client.users.feeds.list_items(user_id="zoe", id=feed)
print("feed", len(items.entries), items.meta["unread_count"])
"""


def _trigger(demo, tmp_path, environ):
    return subprocess.run(
        [sys.executable, "-I", "-c", SDK_SCRIPT, demo.url, demo.secret_key],
        cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=50, check=False,
    )  # fmt: skip


@pytest.mark.timeout(120)
@pytest.mark.req("R-1")
def test_the_official_sdk_triggers_a_sample_and_lists_both_messages(demo, tmp_path, child_environ):
    done = _trigger(demo, tmp_path, child_environ)
    assert done.returncode == 0, done.stderr
    assert "[('email', 'sent'), ('in_app_feed', 'delivered')]" in done.stdout
    assert "feed 1 1" in done.stdout


@pytest.mark.browser
@pytest.mark.timeout(150)
def test_the_mail_is_read_on_the_inbox_page_in_a_browser(demo, tmp_path, child_environ, page):
    done = _trigger(demo, tmp_path, child_environ)
    assert done.returncode == 0, done.stderr
    email, password = demo.login
    page.goto(f"{demo.url}/development/inbox")
    assert "/login" in page.url
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/development/inbox*")
    page.get_by_role("link", name="Email to Zoe Quist: Welcome to Harbor").click()
    frame = page.frame_locator("iframe").first
    frame.get_by_text("Zoe").first.wait_for(timeout=15_000)
    assert "Harbor" in frame.locator("body").inner_text()


@pytest.mark.timeout(90)
def test_no_page_opens_without_signing_in(demo):
    import httpx

    with httpx.Client(base_url=demo.url) as http:
        for path in ("/", "/development/overview", "/development/inbox", "/production/runs"):
            answer = http.get(path)
            assert answer.status_code in (302, 303, 307), path
            assert "/login" in answer.headers["location"], path
        assert http.get("/v1/messages").status_code == 401
        assert http.get("/v1/nowhere").json()["status"] in (401, 404)
