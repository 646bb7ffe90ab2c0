"""The page of the error codes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from docs.generate.markdown import code, first_line, sections, table
from docs.generate.sources import error_codes, modules
from docs.generate.wording import CODES, ERRORS
from storage.errors import TocsinError

_INTRODUCTION: Final = """
# Error codes

The API answers every error with the same JSON. `message` is for people, `code` is for programs and
does not change. Each answer carries the request's id in `x-request-id`; the log has the cause of
a 5xx under it.

```json
{
  "code": "invalid_params",
  "message": "One or more parameters supplied were invalid",
  "status": 422,
  "type": "invalid_request_error",
  "errors": [{"field": "recipients", "message": "…", "type": "…"}]
}
```

`type` is `invalid_request_error` where parameters or a definition are wrong,
`authentication_error` for keys, tokens and rights, and `api_error` for everything else. Where a
retry makes sense, a client may repeat the request as it is, after `Retry-After` seconds if that
header is there.
"""
_COMMANDS: Final = """
## Codes of the command line and the log

A command prints the message of its error and ends with 1. These never come from the API.
"""
# Where errors arise that no answer of the API carries.
_LOCAL_MODULES: Final = ("app.settings", "app.declaration", "app.imports", "app.commands")
_LOCAL_CODES: Final = frozenset({"already_running", "delivery_failed", "schema_too_new"})


def page() -> str:
    """Write the page."""
    known = list(_classes())
    api = [error for error in known if not _is_local(error)]
    local = [error for error in known if _is_local(error)]
    rows = [(e.code, e.http_status, e.is_retryable, _meaning(e)) for e in api]
    listed = {row[0] for row in rows}
    rows += [(name, *CODES[name]) for name in sorted(error_codes() - listed) if name in CODES]
    rows.sort(key=lambda row: (row[1], row[0]))
    return sections(
        _INTRODUCTION,
        table(
            ("Status", "Code", "Retry", "Meaning"),
            [(str(s), code(c), "yes" if again else "", text) for c, s, again, text in rows],
        ),
        _COMMANDS,
        table(("Code", "Meaning"), sorted((code(e.code), _meaning(e)) for e in local)),
    )


def _classes() -> Iterator[type[TocsinError]]:
    """Give each class that brings a code of its own."""
    for _ in modules("storage", "engine", "app"):
        pass
    seen: set[str] = set()
    queue: list[type[TocsinError]] = [TocsinError]
    while queue:
        error = queue.pop(0)
        queue += sorted(error.__subclasses__(), key=lambda e: e.__qualname__)
        is_ours = error.__module__.partition(".")[0] in ("storage", "engine", "app")
        is_own = "code" in vars(error) and (error.code not in seen)
        if is_ours and is_own:
            seen.add(error.code)
            yield error


def _is_local(error: type[TocsinError]) -> bool:
    return error.code in _LOCAL_CODES or error.__module__.startswith(_LOCAL_MODULES)


def _meaning(error: type[TocsinError]) -> str:
    return ERRORS.get(error.code) or first_line(error)
