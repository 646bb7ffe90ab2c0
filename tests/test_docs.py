"""The documents say what the code says; their examples are sound, their links lead somewhere."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.settings import OTHER_VARIABLES, PREFIX, Settings
from docs.generate import FOLDER, api, commands, filters, sources, stale, statuses, wording
from engine.conditions.operators import ALIASES, OPERATORS
from engine.providers.base import PROVIDERS, discover_providers
from engine.workflow.kinds import STEPS, discover
from storage.errors import TocsinError

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
PAGES = [
    README,
    *sorted(p for p in (ROOT / "docs").rglob("*.md") if "changes" not in p.parts),
    ROOT / "sample_workflows" / "README.md",
]
# Written by others for another reader; nobody is led to them from the README.
UNLINKED = {"docs/plan.md", "docs/benchmarks.md"}
_BLOCK = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^ *```$", re.M | re.S)
_LINK = re.compile(r"\]\((?P<target>[^)\s]+)\)")
_MACHINE = re.compile(r"/(?:root|work|home|Users|private)/\w")


def blocks(*languages: str) -> list[object]:
    found = []
    for page in PAGES:
        for number, match in enumerate(_BLOCK.finditer(page.read_text(encoding="utf-8")), 1):
            if match["language"] in languages:
                cut = len(match["indent"])
                text = "".join(line[cut:] for line in match["text"].splitlines(keepends=True))
                found.append(pytest.param(text, id=f"{page.relative_to(ROOT)}:{number}"))
    return found


def reference(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def listed(name: str) -> set[str]:
    """Everything that the text names as code."""
    return set(re.findall(r"`([^`\n]+)`", _BLOCK.sub("", reference(name))))


# ------------------------------------------------------------------ reference


def test_the_reference_is_what_the_code_says_now() -> None:
    assert stale() == [], "run `python -m docs.generate`"


def test_every_setting_and_every_variable_is_documented() -> None:
    settings = {PREFIX + name.upper() for name in Settings.model_fields}
    assert settings | OTHER_VARIABLES <= listed("settings.md")


def test_every_command_is_documented_with_an_example() -> None:
    text = reference("commands.md")
    sections = dict(re.findall(r"^#+ tocsin ([a-z -]+)\n(.*?)(?=^#|\Z)", text, re.M | re.S))
    assert set(commands.names()) == set(sections)
    groups = {"keys", "users"}
    assert [n for n in sections if n not in groups and f"tocsin {n}" not in sections[n]] == []


def test_every_step_type_and_each_of_its_fields_is_documented() -> None:
    discover("engine.steps")
    names = {name for kind in STEPS.values() for name in kind.Settings.model_fields}
    assert names <= listed("steps.md")
    types = {f"channel_type: {k.partition(':')[2]}" if ":" in k else f"type: {k}" for k in STEPS}
    assert types <= listed("steps.md")


def test_every_operator_and_its_other_names_are_documented() -> None:
    assert {*OPERATORS, *ALIASES} <= listed("conditions.md")


def test_every_filter_is_documented() -> None:
    assert set(filters.names()) <= listed("filters.md")


def test_every_provider_and_each_of_its_settings_is_documented() -> None:
    discover_providers()
    names = {name for p in PROVIDERS.values() for name in p.Config.model_fields}
    assert names | set(PROVIDERS) <= listed("providers.md")


def test_every_endpoint_is_documented() -> None:
    rows = re.findall(r"^\| `([A-Z]+)` \| `([^`]+)` \|", reference("api.md"), re.M)
    assert sorted(f"{method} {path}" for method, path in rows) == sorted(api.paths())


def test_every_error_code_is_documented() -> None:
    list(sources.modules("storage", "engine", "app"))
    ours = ("storage", "engine", "app")
    codes = {e.code for e in _descendants(TocsinError) if e.__module__.partition(".")[0] in ours}
    assert "disk_full" in codes
    assert codes | sources.error_codes() <= listed("errors.md")


def _descendants(error: type[TocsinError]) -> Iterator[type[TocsinError]]:
    yield error
    for child in error.__subclasses__():
        yield from _descendants(child)


def test_every_event_of_a_message_is_documented() -> None:
    assert len(statuses.events()) > 10
    assert set(statuses.events()) <= listed("statuses.md")


def test_every_timeline_event_and_reason_is_documented_and_none_that_is_gone() -> None:
    assert "message_enqueued" in sources.timeline_events()
    assert "conditions_not_met" in sources.reasons()
    assert sources.timeline_events() == set(wording.EVENTS)
    assert sources.reasons() == set(wording.REASONS)
    assert set(wording.EVENTS) | set(wording.REASONS) <= listed("timeline.md")


# ------------------------------------------------------------------- examples


@pytest.mark.parametrize("text", blocks("sh"))
def test_shell_examples_parse(text: str) -> None:
    done = subprocess.run(["bash", "-n"], input=text, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("text", blocks("python"))
def test_python_examples_compile(text: str) -> None:
    assert compile(text, "example", "exec")


@pytest.mark.parametrize("text", blocks("json"))
def test_json_examples_are_json(text: str) -> None:
    assert json.loads(text)


@pytest.mark.parametrize("text", blocks("toml"))
def test_toml_examples_are_toml(text: str) -> None:
    assert tomllib.loads(text)


def test_commands_and_options_in_the_texts_exist() -> None:
    known = reference("commands.md")
    options = set(re.findall(r"`(--[a-z-]+)`", known))
    wrong = []
    for page in PAGES:
        for line in re.findall(r"\btocsin ([^\n`]*)", page.read_text(encoding="utf-8")):
            words = line.partition("#")[0].split()
            if not words or not re.fullmatch(r"[a-z]+", words[0]):
                continue
            is_run = words[0] in commands.names()
            unknown = [
                w for w in words if w.startswith("--") and w.partition("=")[0] not in options
            ]
            if is_run and unknown:
                wrong.append(f"{page.relative_to(ROOT)}: tocsin {line}")
    assert wrong == []


# ---------------------------------------------------------------------- links


@pytest.mark.parametrize("document", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_inside_the_documents_lead_somewhere(document: Path) -> None:
    broken = [t for t in _targets(document) if not _leads_somewhere(document, t)]
    assert broken == []


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, queue = {README}, [README]
    while queue:
        page = queue.pop()
        for target in _targets(page):
            path = (page.parent / target.partition("#")[0]).resolve()
            found = sorted(path.glob("*.md")) if path.is_dir() else [path]
            for other in found:
                if other.suffix == ".md" and other.is_file() and other not in reached:
                    reached.add(other)
                    queue.append(other)
    pages = {p for p in PAGES if str(p.relative_to(ROOT)) not in UNLINKED}
    assert sorted(str(p.relative_to(ROOT)) for p in pages - reached) == []


@pytest.mark.parametrize("document", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_documents_name_no_path_of_somebodys_machine(document: Path) -> None:
    assert _MACHINE.findall(document.read_text(encoding="utf-8")) == []


def _targets(page: Path) -> list[str]:
    text = _BLOCK.sub("", page.read_text(encoding="utf-8"))
    found = [match["target"] for match in _LINK.finditer(text)]
    return [target for target in found if not target.startswith(("http://", "https://"))]


def _leads_somewhere(page: Path, target: str) -> bool:
    name, _, anchor = target.partition("#")
    path = (page.parent / name).resolve() if name else page
    if not path.exists():
        return False
    return not anchor or anchor in _anchors(path)


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


# ----------------------------------------------------------------------- tour


@pytest.mark.timeout(180)
def test_the_five_minutes_of_the_readme_can_be_pasted_and_do_what_they_say(tmp_path: Path) -> None:
    section = README.read_text(encoding="utf-8").partition("## Five minutes")[2]
    section = section.partition("\n## ")[0]
    script = "\n".join(m["text"] for m in _BLOCK.finditer(section) if m["language"] == "sh")
    script = re.sub(r"^make .*$", "", script, flags=re.M)  # what it installs is here already
    bin_folder = Path(sys.executable).parent
    environ = {k: v for k, v in os.environ.items() if not k.startswith("TOCSIN_")}
    environ["PATH"] = f"{bin_folder}{os.pathsep}{environ['PATH']}"
    server = subprocess.Popen(
        ["tocsin", "demo", "--port", "0"], cwd=tmp_path, env=environ, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        assert server.stdout is not None
        printed = _until_ready(server.stdout)
        assert "curl -X POST" in printed
        url = re.search(r"^ready (\S+)$", printed, re.M)
        assert url is not None, printed
        script = script.replace("http://127.0.0.1:8000", url[1])
        said = _bash(script, tmp_path, environ)
        assert "Welcome to Harbor, Chloé" in said
        assert "notifications is sound: 1 workflow, sending through email." in said
        assert "1 created, 1 committed" in said
        states = _states(tmp_path, environ)
        assert states == {("reminder", "fay", "paused"), ("reminder", "ben", "cancelled")}
    finally:
        server.terminate()
        server.wait(timeout=30)
        server.stdout.close()


def _until_ready(stream: Iterator[str]) -> str:
    lines = []
    for line in stream:
        lines.append(line)
        if line.startswith("ready "):
            break
    return "".join(lines)


def _bash(script: str, folder: Path, environ: dict[str, str]) -> str:
    done = subprocess.run(
        ["bash", "-euo", "pipefail"], input=script, text=True, cwd=folder, env=environ,
        capture_output=True, check=False, timeout=90,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _states(folder: Path, environ: dict[str, str]) -> set[tuple[str, str, str]]:
    """Read what the runs of `reminder` are, as soon as none of them is on its way."""
    deadline = time.monotonic() + 30
    while True:
        table = _bash("tocsin runs --folder demo-data", folder, environ)
        rows = {tuple(line.split()[1:4]) for line in table.splitlines() if " reminder " in line}
        if all(row[2] not in ("queued", "processing") for row in rows) or (
            time.monotonic() > deadline
        ):
            return rows
        time.sleep(0.3)
