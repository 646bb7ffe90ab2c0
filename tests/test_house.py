"""House rules that no linter knows: sizes, the clock, catch-alls, names that must not appear."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PACKAGES = ("app", "designer", "engine", "storage")
CHECKED_FOLDERS = (*PACKAGES, "bench", "docs", "sample_workflows", "tests", ".ci")
TOP_FILE = re.compile(r"^(?:Dockerfile|LICENSE|Makefile|\.\w+ignore)$|\.(?:lock|md|toml)$")
BINARY = frozenset({".gif", ".ico", ".jpg", ".png", ".pyc", ".ttf", ".webp", ".woff2"})

LONGEST_FILE = 400
CLOCK = "engine/timing/clock.py"
CATCH_ALLS = frozenset(
    {
        "app/http/errors.py",  # the request edge
        "engine/runs/advance.py",  # a step that breaks fails alone, and its timeline says why
        "engine/worker/caller.py",  # a request nobody thought of fails its step, and is not lost
        "engine/worker/lane.py",  # a pass that breaks gives its runs back, with a strike
        "engine/worker/loop.py",  # one bad item must not stop the loop
        "engine/worker/sender.py",  # what is not settled goes back to the outbox
        "engine/worker/ticker.py",  # a tick that breaks is logged and rings again
        "storage/groups.py",  # grouped work: each error goes to the future that awaits it
    }
)
LOCKS = ("requirements.lock", "requirements-dev.lock")

# In pieces, so that this file does not break its own rule.
REGISTRY_HOSTS = tuple(
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("registry", "npmjs"),
        ("registry", "yarnpkg"),
        ("deb", "debian", "org"),
        ("static", "crates", "io"),
        ("proxy", "golang", "org"),
    )
)
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:work|root|opt/(?:pypi|wheels))" + r"/[\w.-]")
WALL_CLOCK = frozenset(
    {
        "datetime.now",
        "datetime.today",
        "datetime.utcnow",
        "date.today",
        "time.time",
        "time.time_ns",
    }
)
SQLITE = frozenset({"apsw", "sqlite3", "sqlite_utils"})

Rule = Callable[[str], Iterator[int]]


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def files_under(*folders: str) -> Iterator[Path]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path


def python_files(*folders: str) -> Iterator[Path]:
    return (path for path in files_under(*folders) if path.suffix == ".py")


def text_files() -> Iterator[Path]:
    # Of the top folder only what is ours by name: a local database or dump may lie there.
    top = (path for path in sorted(ROOT.iterdir()) if path.is_file() and TOP_FILE.search(path.name))
    nested = files_under(*CHECKED_FOLDERS)
    return (path for path in (*top, *nested) if path.suffix not in BINARY)


def dotted(node: ast.expr) -> str:
    """Spell `datetime.datetime.now` as its last two names, whatever module they came from."""
    if isinstance(node, ast.Attribute):
        owner = node.value
        head = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
        return f"{head}.{node.attr}"
    return ""


def wall_clock_reads(source: str) -> Iterator[int]:
    for node in ast.walk(ast.parse(source)):
        # Also an uncalled one: `default_factory=time.time` reads the clock later.
        if isinstance(node, ast.Attribute) and dotted(node) in WALL_CLOCK:
            yield node.lineno
        if isinstance(node, ast.ImportFrom):
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            if names & WALL_CLOCK:
                yield node.lineno


def catch_alls(source: str) -> Iterator[int]:
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.ExceptHandler):
            continue
        caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
        names = {"BaseException" if kind is None else ast.unparse(kind) for kind in caught}
        last = node.body[-1]
        passes_on = isinstance(last, ast.Raise)
        # `except BaseException: roll back; raise` swallows nothing.
        if "Exception" in names or ("BaseException" in names and not passes_on):
            yield node.lineno


def sqlite_imports(source: str) -> Iterator[int]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            modules = [node.module or ""]
        else:
            continue
        if any(module.partition(".")[0] in SQLITE for module in modules):
            yield node.lineno


def registry_hosts(source: str) -> Iterator[int]:
    for number, line in enumerate(source.splitlines(), 1):
        if any(host in line for host in REGISTRY_HOSTS):
            yield number


def machine_paths(source: str) -> Iterator[int]:
    for number, line in enumerate(source.splitlines(), 1):
        if MACHINE_PATH.search(line):
            yield number


def lock_addresses(source: str) -> Iterator[int]:
    for number, line in enumerate(source.splitlines(), 1):
        if re.search(r"\w+://|file:|--(?:extra-)?index|--find-links|--trusted-host", line):
            yield number


def breaches(rule: Rule, paths: Iterator[Path]) -> list[str]:
    return [
        f"{relative(path)}:{number}"
        for path in paths
        for number in rule(path.read_text(encoding="utf-8"))
    ]


BREACHES: list[tuple[Rule, str]] = [
    (wall_clock_reads, "import datetime\nnow = datetime.datetime.now()"),
    (wall_clock_reads, "from datetime import datetime as d, UTC\nfrom time import time"),
    (wall_clock_reads, "import time\nfactory = time.time"),
    (catch_alls, "try: ...\nexcept Exception: raise"),
    (catch_alls, "try: ...\nexcept (ValueError, Exception): ..."),
    (catch_alls, "try: ...\nexcept: ..."),
    (catch_alls, "try: ...\nexcept BaseException: ..."),
    (sqlite_imports, "\nimport sqlite3"),
    (sqlite_imports, "\nfrom apsw import Connection"),
    (registry_hosts, "\nhttps://" + "files.python" + "hosted.org/packages"),
    (machine_paths, "\nDATA = '/" + "work/main/data'"),
    (lock_addresses, "\n--index-url somewhere"),
    (lock_addresses, "\nthing @ https://example.com/thing.whl"),
]
INNOCENT: list[tuple[Rule, str]] = [
    (wall_clock_reads, "import time\nstarted = time.monotonic() + time.perf_counter()"),
    (wall_clock_reads, "moment = clock.now()"),
    (catch_alls, "try: ...\nexcept (ValueError, orjson.JSONDecodeError): ..."),
    (catch_alls, "try: ...\nexcept BaseException:\n    undo()\n    raise"),
    (sqlite_imports, "from storage import db"),
    (machine_paths, "see https://example.com/work/plan and framework/x"),
]


@pytest.mark.parametrize(("rule", "source"), BREACHES)
def test_a_rule_sees_a_breach(rule: Rule, source: str) -> None:
    assert list(rule(source)) == [2]


@pytest.mark.parametrize(("rule", "source"), INNOCENT)
def test_a_rule_leaves_the_innocent_alone(rule: Rule, source: str) -> None:
    assert list(rule(source)) == []


def test_the_rules_see_this_repository() -> None:
    assert {"engine/errors.py", "storage/errors.py"} <= {
        relative(path) for path in python_files(*PACKAGES)
    }
    assert {"Makefile", "requirements.lock", "tests/test_house.py", ".ci/run"} <= {
        relative(path) for path in text_files()
    }


def test_no_python_file_is_longer_than_400_lines() -> None:
    lengths = {
        relative(path): len(path.read_text(encoding="utf-8").splitlines())
        for path in python_files(*PACKAGES, "tests", "bench")
    }

    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_FILE} == {}


def test_only_the_clock_reads_the_time_of_day() -> None:
    paths = (path for path in python_files(*PACKAGES) if relative(path) != CLOCK)

    assert breaches(wall_clock_reads, paths) == []


def test_errors_are_caught_wholesale_only_where_the_list_allows_it() -> None:
    paths = (path for path in python_files(*PACKAGES) if relative(path) not in CATCH_ALLS)

    assert breaches(catch_alls, paths) == []


def test_only_storage_imports_sqlite() -> None:
    assert breaches(sqlite_imports, python_files("app", "designer", "engine")) == []


def test_every_public_module_says_what_it_is_for() -> None:
    modules = (path for path in python_files(*PACKAGES) if not path.name.startswith("_"))
    bare = [
        relative(path)
        for path in modules
        if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]

    assert bare == []


def test_no_file_names_the_host_of_a_package_registry() -> None:
    assert breaches(registry_hosts, text_files()) == []


def test_no_file_names_a_path_of_one_machine() -> None:
    assert breaches(machine_paths, text_files()) == []


def test_liquid_comes_from_python_liquid() -> None:
    # liquidpy installs over the same package, and templates would change their meaning.
    assert set(importlib.metadata.packages_distributions()["liquid"]) == {"python-liquid"}
    with pytest.raises(importlib.metadata.PackageNotFoundError):
        importlib.metadata.distribution("liquidpy")


def locked(name: str) -> dict[str, str]:
    text = (ROOT / name).read_text(encoding="utf-8").replace("\\\n", " ")
    lines = (line for line in text.splitlines() if re.match(r"\w", line))
    return {canonicalize_name(re.split(r"[=\s;]", line)[0]): line for line in lines}


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_names_no_host_and_hashes_every_package(name: str) -> None:
    assert breaches(lock_addresses, iter([ROOT / name])) == []
    packages = locked(name)
    assert packages
    assert [line for line in packages.values() if "--hash=sha256:" not in line] == []


def declared() -> dict[str, list[Requirement]]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    runtime = [Requirement(text) for text in project["project"]["dependencies"]]
    groups = project["dependency-groups"]
    dev = [Requirement(text) for text in groups["dev"] if isinstance(text, str)]
    build = [Requirement(text) for text in groups["build"]]
    return {LOCKS[0]: runtime + build, LOCKS[1]: runtime + build + dev}


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_satisfies_what_pyproject_asks_for(name: str) -> None:
    packages = locked(name)
    wrong = []
    for requirement in declared()[name]:
        line = packages.get(canonicalize_name(requirement.name), "")
        version = re.search(r"==([^\s;]+)", line)
        if version is None or version[1] not in requirement.specifier:
            wrong.append(f"{requirement} (locked: {version and version[1]}); run `make lock`")

    assert wrong == []


def test_both_locks_agree() -> None:
    runtime, dev = locked(LOCKS[0]), locked(LOCKS[1])

    assert {name for name, line in runtime.items() if dev.get(name) != line} == set()
