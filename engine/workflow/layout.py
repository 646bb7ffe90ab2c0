"""How one workflow is laid out in files: `field@` references, inlined and written.

Works on bytes by relative path, so that the same code serves folders, stored
files and requests. Two levels are read: `workflow.json` → `visual_blocks.json`
→ the files of its blocks; each path is relative to the file that names it.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from engine.errors import Problem
from engine.workflow.definition import MAX_DEPTH, is_too_deep
from engine.workflow.hashing import is_file_reference
from storage.records import JsonObject

WORKFLOW_FILE: Final = "workflow.json"
WORKFLOW_SCHEMA: Final = "https://schemas.knock.app/cli/workflow.json"
MANIFEST_SCHEMA: Final = "https://schemas.knock.app/cli/knock.json"
_ENVELOPE: Final = ("$schema", "__readonly")
_JSON_FIELDS: Final = frozenset({"visual_blocks", "trigger_data_json_schema"})
_MAIN_FILES: Final[Mapping[str, str]] = {
    "audiences": "audience.json",
    "partials": "partial.json",
    "layouts": "layout.json",
    "message-types": "message_type.json",
    "guides": "guide.json",
}
_LEVELS: Final = 2
_MARK: Final = b"\xef\xbb\xbf"  # the byte order mark that some editors write
_KEY: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,254}")


def is_key(name: str) -> bool:
    """Tell whether a folder's name can be the key of a resource."""
    return _KEY.fullmatch(name) is not None


def is_inside(path: str) -> bool:
    """Tell whether a relative path stays in the folder it starts from."""
    return (
        bool(path)
        and "\\" not in path
        and "\0" not in path
        and not path.startswith("/")
        and posixpath.normpath(path).split("/")[0] != ".."
    )


def as_json(value: Any) -> bytes:
    """Write JSON as the official tools do: two spaces, order kept, a final newline."""
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def read_json(raw: bytes, file: str) -> tuple[Any, list[Problem]]:
    """Decode a JSON file; None and the problem if it is none."""
    try:
        value = orjson.loads(raw.removeprefix(_MARK))
    except orjson.JSONDecodeError as error:
        message = f"This is not valid JSON: {error.msg} (column {error.colno})."
        return None, [Problem(rule="file.json", file=file, line=error.lineno, message=message)]
    if is_too_deep(value):
        message = f"This JSON is nested more than {MAX_DEPTH} levels deep; flatten it."
        return None, [Problem(rule="file.depth", file=file, message=message)]
    return value, []


def read_workflow(
    files: Mapping[str, bytes],
) -> tuple[JsonObject | None, JsonObject, list[Problem]]:
    """Read a workflow's files: definition with texts inlined, `__readonly`, problems.

    `$schema` and `__readonly` are left out of the definition. A `field@` stays
    beside its inlined `field`, since it says where an export puts the text.
    """
    raw = files.get(WORKFLOW_FILE)
    if raw is None:
        message = f"The folder of a workflow needs a file named {WORKFLOW_FILE}."
        return None, {}, [Problem(rule="file.missing", file=WORKFLOW_FILE, message=message)]
    value, problems = read_json(raw, WORKFLOW_FILE)
    if problems:
        return None, {}, problems
    if not isinstance(value, dict):
        message = "Expected a JSON object with the fields name and steps."
        return None, {}, [Problem(rule="file.json", file=WORKFLOW_FILE, message=message)]
    reader = _Reader(files, used={WORKFLOW_FILE})
    definition = reader.inline({k: v for k, v in value.items() if k not in _ENVELOPE}, _Spot())
    readonly = value.get("__readonly")
    return definition, readonly if isinstance(readonly, dict) else {}, reader.problems


def read_resource(
    folder: str, files: Mapping[str, bytes]
) -> tuple[JsonObject | None, list[Problem]]:
    """Read a layout, partial … with its texts inlined; None for other files.

    Translations have no file of their own to start from: theirs are texts by name.
    """
    if folder == "translations":
        return {name: raw.decode("utf-8", "replace") for name, raw in files.items()}, []
    main = _MAIN_FILES.get(folder, "")
    if main not in files:
        return None, []
    value, problems = read_json(files[main], main)
    if not isinstance(value, dict):
        return None, problems
    reader = _Reader(files, used={main})
    spot = _Spot(file=main)
    content = reader.inline({k: v for k, v in value.items() if k not in _ENVELOPE}, spot)
    return content, reader.problems


def workflow_files(
    key: str, definition: JsonObject, readonly: JsonObject, original: Mapping[str, bytes]
) -> dict[str, bytes]:
    """Write a workflow's files: the original bytes wherever the content is the same."""
    before = read_workflow(original) if original else (None, {}, [])
    if original and orjson.dumps(before[0]) == orjson.dumps(definition):
        return dict(original)
    writer = _Writer()
    tree = writer.extract(definition, "")
    envelope, _ = read_json(original.get(WORKFLOW_FILE, b"{}"), WORKFLOW_FILE)
    if not isinstance(envelope, dict) or not envelope:
        envelope = {"$schema": WORKFLOW_SCHEMA, "__readonly": {"key": key, **readonly}, "steps": 0}
    whole = _Content(is_json=True, value=_wrapped(tree, envelope))
    written = {WORKFLOW_FILE: whole, **writer.files}
    reader = _Reader(original)
    reader.inline(envelope, _Spot())
    kept = {name: raw for name, raw in original.items() if name not in reader.used}
    return {**kept, **{name: c.bytes_like(original.get(name)) for name, c in written.items()}}


def file_of(step: Mapping[str, Any], path: str) -> tuple[str, str]:
    """Name the file that a field of a step lives in, and the rest of its path there."""
    here, file, rest, value = "", WORKFLOW_FILE, path, step
    parts = re.findall(r"[^.\[\]]+|\[\d+\]", path)
    for number, part in enumerate(parts):
        if isinstance(value, Mapping):
            reference = value.get(f"{part}@")
            if isinstance(reference, str) and is_inside(reference) and part in value:
                file = posixpath.normpath(posixpath.join(here, reference))
                here = posixpath.dirname(file)
                rest = ".".join(parts[number + 1 :]).replace(".[", "[")
            value = value.get(part)  # type: ignore[assignment]  # whatever the JSON holds
        elif isinstance(value, list) and part.startswith("["):
            index = int(part[1:-1])
            value = value[index] if index < len(value) else None
        else:
            break
    return file, rest


@dataclass(frozen=True, slots=True, kw_only=True)
class _Spot:
    """Where inlining stands: the file, its level, the step, the path within the file."""

    file: str = WORKFLOW_FILE
    level: int = 0
    ref: str | None = None
    path: str = ""


@dataclass(slots=True)
class _Reader:
    files: Mapping[str, bytes]
    problems: list[Problem] = field(default_factory=list)
    used: set[str] = field(default_factory=set)

    def inline(self, value: Any, spot: _Spot) -> Any:
        if isinstance(value, list):
            return [self.inline(v, _below(spot, f"[{i}]")) for i, v in enumerate(value)]
        if not isinstance(value, dict):
            return value
        if isinstance(value.get("ref"), str) and "type" in value and spot.level == 0:
            spot = _Spot(file=spot.file, ref=value["ref"])
        found: JsonObject = {}
        for key, item in value.items():
            name = key[:-1]
            if key.endswith("@") and isinstance(item, str) and name and name not in value:
                content = self._load(name, item, _below(spot, key))
                if content is not None:
                    found[name] = content
                found[key] = item
            else:
                found[key] = self.inline(item, _below(spot, key))
        return found

    def _load(self, name: str, reference: str, spot: _Spot) -> Any:
        path = posixpath.normpath(posixpath.join(posixpath.dirname(spot.file), reference))
        reason = ""
        if spot.level >= _LEVELS:
            reason = "Files are followed two levels deep; write this text into its file."
        elif "\\" in reference or reference.startswith("/") or not is_inside(path):
            reason = f'"{reference}" must be a relative path inside the folder of the workflow.'
        elif path not in self.files:
            reason = f'There is no file "{reference}"; create it, or write the text here.'
        elif path in self.used:
            reason = f'"{reference}" is used twice; each text needs a file of its own.'
        if reason:
            self._add("file.reference", reason, spot)
            return None
        self.used.add(path)
        raw = self.files[path]
        if _holds_json(name, path):
            value, found = read_json(raw, path)
            self.problems += [_at_step(problem, spot) for problem in found]
            return self.inline(value, _Spot(file=path, level=spot.level + 1, ref=spot.ref))
        try:
            return raw.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = raw.count(b"\n", 0, error.start) + 1
            message = f"The file is not text in UTF-8 (byte {error.start})."
            self.problems.append(
                Problem(
                    rule="file.encoding",
                    message=message,
                    file=path,
                    line=line,
                    step_ref=spot.ref,
                    path=spot.path,
                )
            )
            return ""

    def _add(self, rule: str, message: str, spot: _Spot) -> None:
        self.problems.append(
            Problem(rule=rule, message=message, file=spot.file, step_ref=spot.ref, path=spot.path)
        )


@dataclass(slots=True)
class _Writer:
    """Takes texts out into files; `files` holds each file's content, JSON or text."""

    files: dict[str, _Content] = field(default_factory=dict)

    def extract(self, value: Any, folder: str) -> Any:
        """Replace every `field` that has a usable `field@` by that reference."""
        if isinstance(value, list):
            return [self.extract(item, folder) for item in value]
        if not isinstance(value, dict):
            return value
        found: JsonObject = {}
        for key, item in value.items():
            if is_file_reference(key, item, value):
                continue  # written, or dropped as unusable, together with its field
            path = self._path(key, item, value.get(f"{key}@"), folder)
            if path is None:
                found[key] = self.extract(item, folder)
                continue
            found[f"{key}@"] = value[f"{key}@"]
            self.files[path] = _Content(is_json=False, value="")  # no block may claim it
            inner = self.extract(item, posixpath.dirname(path))
            self.files[path] = _Content(is_json=_holds_json(key, path), value=inner)
        return found

    def _path(self, key: str, item: Any, reference: Any, folder: str) -> str | None:
        if not isinstance(reference, str) or reference.startswith("/") or "\\" in reference:
            return None
        path = posixpath.normpath(posixpath.join(folder, reference))
        if not is_inside(path) or path in self.files or path == WORKFLOW_FILE:
            return None
        return path if isinstance(item, str) or _holds_json(key, path) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Content:
    is_json: bool
    value: Any

    def bytes_like(self, original: bytes | None) -> bytes:
        """Return the original bytes if they already say this, else new ones."""
        bare = None if original is None else original.removeprefix(_MARK)
        fresh = as_json(self.value) if self.is_json else self.value.encode("utf-8", "replace")
        if original is None or bare is None:
            return fresh
        said = _canonical(bare) if self.is_json else bare
        return original if said == fresh else fresh


def _holds_json(name: str, path: str) -> bool:
    return name in _JSON_FIELDS or path.lower().endswith("visual_blocks.json")


def _below(spot: _Spot, part: str) -> _Spot:
    joint = "." if spot.path and not part.startswith("[") else ""
    return _Spot(file=spot.file, level=spot.level, ref=spot.ref, path=f"{spot.path}{joint}{part}")


def _at_step(problem: Problem, spot: _Spot) -> Problem:
    return Problem(
        message=problem.message,
        rule=problem.rule,
        file=problem.file,
        line=problem.line,
        step_ref=spot.ref,
        path=spot.path,
    )


def _wrapped(tree: JsonObject, envelope: Mapping[str, Any]) -> JsonObject:
    """Put `$schema` first and `__readonly` before the key that it stood before."""
    found: JsonObject = {}
    if "$schema" in envelope:
        found["$schema"] = envelope["$schema"]
    names = list(envelope)
    follower = None
    if "__readonly" in envelope:
        later = names[names.index("__readonly") + 1 :]
        follower = next((name for name in later if name in tree), None)
    for key, value in tree.items():
        if key == follower:
            found["__readonly"] = envelope["__readonly"]
        found[key] = value
    if "__readonly" in envelope and follower is None:
        found["__readonly"] = envelope["__readonly"]
    return found


def _canonical(raw: bytes) -> bytes | None:
    value, problems = read_json(raw, "")
    return None if problems else as_json(value)
