"""Read and write projects: folders of workflows and other resources, as files.

    knock.json                     names the folder below (`knockDir`)
    knock/workflows/<key>/workflow.json, and the files it refers to by `field@`
    knock/layouts/<key>/… and other resources, carried as they are

A folder that holds `workflows/` itself is read too. The bytes of every file
are kept, so that what was not changed is written back as it was.
"""

from __future__ import annotations

import os
import posixpath
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from engine.errors import InvalidInput, Problem
from engine.workflow.layout import (
    MANIFEST_SCHEMA,
    WORKFLOW_FILE,
    as_json,
    is_inside,
    is_key,
    read_json,
    read_resource,
    read_workflow,
    workflow_files,
)
from storage.records import JsonObject

MANIFEST: Final = "knock.json"
DEFAULT_DIR: Final = "knock"
WORKFLOWS: Final = "workflows"
FOLDERS: Final = (
    "audiences",
    "partials",
    "layouts",
    WORKFLOWS,
    "message-types",
    "guides",
    "translations",
    "schemas",
)
MAX_FILE: Final = 2 * 1024 * 1024
MAX_RESOURCE: Final = 10 * 1024 * 1024
MAX_FILES: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A layout, partial, translation … as its files; `key` is "" for loose files."""

    folder: str
    key: str
    files: Mapping[str, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowSource:
    """A workflow of a project: its definition with texts inlined, and its files.

    `readonly` is what the server owns (`__readonly`), such as `active`. A
    definition that was changed since the files were read wins over them.
    """

    key: str
    definition: JsonObject
    readonly: JsonObject = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """Everything read from a project folder, with every problem found on the way.

    `warnings` are about what is left unread, though it may be meant to be read.
    `manifest` is the text of `knock.json`; None for a bare folder of folders.
    """

    workflows: Mapping[str, WorkflowSource]
    resources: tuple[Resource, ...] = ()
    manifest: bytes | None = None
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()

    @property
    def directory(self) -> str:
        """Name the folder that holds the resource folders, relative to the root."""
        if self.manifest is None:
            return ""
        content, _ = read_json(self.manifest, MANIFEST)
        return posixpath.normpath(str(content["knockDir"]))

    def path_of(self, folder: str, key: str, name: str) -> str:
        """Give the path of a resource's file, relative to the root."""
        return "/".join(
            part for part in (self.directory, folder, key, name) if part and part != "."
        )


def default_manifest() -> bytes:
    """Write the `knock.json` of a project that had none."""
    return as_json({"$schema": MANIFEST_SCHEMA, "knockDir": DEFAULT_DIR})


def read_project(path: Path) -> Project:
    """Read a project folder; what is wrong with it is listed in `problems`."""
    problems: list[Problem] = []
    manifest, base = _find_base(path, problems)
    workflows: dict[str, WorkflowSource] = {}
    resources: list[Resource] = []
    warnings: list[Problem] = []
    for folder, key, files in _resources(path, base, problems) if base else ():
        where = Project(workflows={}, manifest=manifest).path_of(folder, key, "")
        if folder != WORKFLOWS or not key:
            resources.append(Resource(folder=folder, key=key, files=files))
            _, found = read_resource(folder, files)
            problems += [replace(p, file=f"{where}/{p.file}") for p in found]
            if folder == WORKFLOWS:
                warnings += _loose_workflows(where, files)
            continue
        definition, readonly, found = read_workflow(files)
        problems += [replace(p, file=f"{where}/{p.file or WORKFLOW_FILE}") for p in found]
        if definition is not None:
            workflows[key] = WorkflowSource(
                key=key, definition=definition, readonly=readonly, files=files
            )
    found_project = Project(
        workflows=workflows,
        resources=tuple(resources),
        manifest=manifest,
        problems=tuple(problems),
    )
    if not workflows and not problems:
        warnings.append(_no_workflow(found_project))
    return replace(found_project, warnings=tuple(warnings))


def write_project(project: Project, path: Path) -> list[str]:
    """Write a project's files and return their paths; other files are left alone.

    Raises:
        InvalidInput: a link in the folder leads out of it.
    """
    written: dict[str, bytes] = {}
    if project.manifest is not None:
        written[MANIFEST] = project.manifest
    for resource in project.resources:
        for name, content in resource.files.items():
            written[project.path_of(resource.folder, resource.key, name)] = content
    for source in project.workflows.values():
        for name, content in source_files(source).items():
            written[project.path_of(WORKFLOWS, source.key, name)] = content
    for name, content in written.items():
        _write(path, name, content)
    return list(written)


def source_files(source: WorkflowSource) -> dict[str, bytes]:
    """Give the files of a workflow: the original ones wherever nothing was changed."""
    return workflow_files(source.key, source.definition, source.readonly, source.files)


def _find_base(path: Path, problems: list[Problem]) -> tuple[bytes | None, Path | None]:
    manifest = path / MANIFEST
    if not manifest.is_file():
        if any((path / folder).is_dir() for folder in FOLDERS):
            return None, path
        problems.append(
            Problem(
                rule="project.not_found",
                message=f"{path} holds neither {MANIFEST} nor a folder named {WORKFLOWS}: "
                "name the folder of a project.",
            )
        )
        return None, None
    raw = _read_file(manifest, MANIFEST, problems)
    content, found = read_json(raw, MANIFEST)
    problems += found
    name = content.get("knockDir") if isinstance(content, dict) else None
    if not isinstance(name, str) or not name or not is_inside(name):
        problems.append(
            Problem(
                rule="project.manifest",
                file=MANIFEST,
                path="knockDir",
                message='Expected the name of a folder beside this file, such as "knock".',
            )
        )
        return None, None
    base = path / name
    if not base.resolve().is_relative_to(path.resolve()):
        problems.append(_escape(MANIFEST))
        return None, None
    return raw, base


def _resources(
    root: Path, base: Path, problems: list[Problem]
) -> Iterator[tuple[str, str, dict[str, bytes]]]:
    """Yield folder, key and files of every resource; loose files have the key ""."""
    for name in FOLDERS:
        folder = base / name
        if folder.is_symlink() and not _stays_inside(folder, base):
            problems.append(_escape(folder.relative_to(root).as_posix()))
        elif folder.is_dir() and name == "schemas":  # its files have no folder per key
            yield name, "", _files(root, folder, problems)
        elif folder.is_dir():
            for key, files in _folder(root, folder, problems):
                yield name, key, files


def _loose_workflows(where: str, files: Mapping[str, bytes]) -> Iterator[Problem]:
    for name in files:
        if name.endswith(".json"):
            key = name.removesuffix(".json")
            yield Problem(
                rule="project.loose",
                file=f"{where}/{name}",
                message="This file is not read as a workflow, since each one has a folder of its "
                f"own: move it to {where}/{key if key != 'workflow' else 'KEY'}/{WORKFLOW_FILE}.",
            )


def _no_workflow(project: Project) -> Problem:
    where = project.path_of(WORKFLOWS, "", "")
    return Problem(
        rule="project.empty",
        file=where,
        message="There is no workflow in this project: each one is a folder named after its key, "
        f"such as {where}/welcome, with a file {WORKFLOW_FILE} in it.",
    )


def _folder(
    root: Path, folder: Path, problems: list[Problem]
) -> Iterator[tuple[str, dict[str, bytes]]]:
    loose: dict[str, bytes] = {}
    for entry in sorted(folder.iterdir()):
        name = entry.relative_to(root).as_posix()
        if entry.is_symlink() and not _stays_inside(entry, folder):
            problems.append(_escape(name))
        elif entry.is_file():
            loose[entry.name] = _read_file(entry, name, problems)
        elif not is_key(entry.name):
            problems.append(
                Problem(
                    rule="project.key",
                    file=name,
                    message=f"{entry.name!r} cannot be a key: use letters, digits, - and _.",
                )
            )
        else:
            before = len(problems)
            files = _files(root, entry, problems)
            # An empty folder of workflows is yielded too: it lacks its `workflow.json`.
            if files or (folder.name == WORKFLOWS and len(problems) == before):
                yield entry.name, files
    if loose:
        yield "", loose


def _files(root: Path, folder: Path, problems: list[Problem]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    total = 0
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in [n for n in folders if (Path(parent) / n).is_symlink()]:
            problems.append(_escape((Path(parent) / name).relative_to(root).as_posix()))
        for name in sorted(names):
            entry = Path(parent) / name
            shown = entry.relative_to(root).as_posix()
            if entry.is_symlink() and not _stays_inside(entry, folder):
                problems.append(_escape(shown))
                continue
            content = _read_file(entry, shown, problems)
            total += len(content)
            found[entry.relative_to(folder).as_posix()] = content
    if total > MAX_RESOURCE or len(found) > MAX_FILES:
        problems.append(
            Problem(
                rule="project.too_large",
                file=folder.relative_to(root).as_posix(),
                message=f"One resource may have {MAX_FILES} files of "
                f"{MAX_RESOURCE // 1024**2} MB together; this has {len(found)} files of "
                f"{total // 1024**2} MB.",
            )
        )
        return {}
    return found


def _read_file(path: Path, shown: str, problems: list[Problem]) -> bytes:
    try:
        if path.stat().st_size <= MAX_FILE:
            return path.read_bytes()
        message = f"A file may be {MAX_FILE // 1024**2} MB large; this one is larger."
        problems.append(Problem(rule="project.too_large", file=shown, message=message))
    except OSError as error:
        message = f"The file cannot be read: {error.strerror or error}."
        problems.append(Problem(rule="project.unreadable", file=shown, message=message))
    return b""


def _stays_inside(entry: Path, folder: Path) -> bool:
    return entry.resolve().is_relative_to(folder.resolve())


def _escape(shown: str) -> Problem:
    return Problem(
        rule="project.escape",
        file=shown,
        message="The link leads out of its folder: put a copy of the file here instead.",
    )


def _write(root: Path, name: str, content: bytes) -> None:
    target = root / name
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.parent.resolve().is_relative_to(root.resolve()):
        raise InvalidInput(f"{name} would be written outside {root}: a folder there is a link.")
    # A rename replaces a link instead of writing through it, and never leaves half a file.
    handle, temporary = tempfile.mkstemp(dir=target.parent)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    Path(temporary).chmod(0o644)
    Path(temporary).replace(target)
