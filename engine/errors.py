"""The errors that the engine raises; only `app.http.errors` turns them into wire form.

TocsinError                     code · message · http_status · is_retryable
├─ RequestError                 4xx: the caller can fix it
│  ├─ InvalidInput              (problems: one `Problem` per fault, with its path)
│  ├─ MalformedBody             400: not JSON
│  ├─ Unauthenticated · Forbidden · NotFound · Conflict · IdempotencyMismatch
│  └─ TooLarge · RateLimited (retry_after)
├─ DefinitionError              a workflow, template or condition is wrong
│  ├─ TemplateError (line, column) · ConditionError · GraphError
│  └─ ResourceLimit             a template or payload passed a limit
├─ DeliveryError                a provider's answer, already classified
└─ StorageError                 see `storage.errors`
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from storage.errors import StorageError, TocsinError

__all__ = [
    "ConditionError",
    "Conflict",
    "DefinitionError",
    "DeliveryError",
    "Forbidden",
    "GraphError",
    "IdempotencyMismatch",
    "InvalidInput",
    "MalformedBody",
    "NotFound",
    "Problem",
    "RateLimited",
    "RequestError",
    "ResourceLimit",
    "StorageError",
    "TemplateError",
    "TocsinError",
    "TooLarge",
    "Unauthenticated",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Name one fault: where it is, what is wrong, and how to mend it.

    `rule` is a stable id such as `branch.no_default`; `path` is a field path
    such as `settings.delay_for.value`; `step_ref`, `file` and `line` are given
    where they are known.
    """

    message: str
    path: str = ""
    rule: str = "invalid"
    step_ref: str | None = None
    file: str | None = None
    line: int | None = None


class RequestError(TocsinError):
    """The caller can fix it."""

    code = "invalid_request"
    http_status = 400


class InvalidInput(RequestError):
    """One or more parameters are wrong; `problems` lists each with its path."""

    code = "invalid_params"
    http_status = 422

    def __init__(
        self,
        message: str = "One or more parameters supplied were invalid",
        problems: Sequence[Problem] = (),
        *,
        code: str | None = None,
    ) -> None:
        """Keep the list; `code` replaces the default code on the wire."""
        super().__init__(message)
        self.problems = tuple(problems)
        if code is not None:
            self.code = code  # type: ignore[misc]  # one instance may carry a narrower code


class MalformedBody(RequestError):
    """The body is not JSON, or not a JSON object."""

    code = "invalid_params"
    http_status = 400


class Unauthenticated(RequestError):
    """No usable credential was sent."""

    code = "authentication_required"
    http_status = 401

    def __init__(self, message: str, *, code: str = "authentication_required") -> None:
        """Keep the documented code: which credential was wrong, and how."""
        super().__init__(message)
        self.code = code  # type: ignore[misc]  # documented codes differ per fault


class Forbidden(RequestError):
    """The credential may not do this."""

    code = "forbidden"
    http_status = 403


class NotFound(RequestError):
    """The resource or path does not exist in this environment."""

    code = "resource_missing"
    http_status = 404

    def __init__(
        self,
        message: str = "The resource you requested does not exist",
        *,
        code: str = "resource_missing",
    ) -> None:
        """Keep the documented code, `workflow_missing` for one."""
        super().__init__(message)
        self.code = code  # type: ignore[misc]  # documented codes differ per resource


class Conflict(RequestError):
    """A transient conflict; clients retry it, so never a permanent one."""

    code = "conflict"
    http_status = 409
    is_retryable = True


class IdempotencyMismatch(RequestError):
    """The idempotency key was used before with other parameters (never 409)."""

    code = "idempotency_mismatch"
    http_status = 422


class TooLarge(RequestError):
    """The body, or a part of it, passes a limit."""

    code = "payload_too_large"
    http_status = 413


class RateLimited(RequestError):
    """Too many requests or too long a backlog; try again later."""

    code = "rate_limited"
    http_status = 429
    is_retryable = True

    def __init__(self, message: str, *, retry_after: float) -> None:
        """Keep the seconds after which a retry makes sense."""
        super().__init__(message)
        self.retry_after = retry_after


class DefinitionError(TocsinError):
    """A workflow, template or condition is wrong; `problems` lists every fault."""

    code = "definition_invalid"
    http_status = 422

    def __init__(self, message: str, problems: Sequence[Problem] = ()) -> None:
        """Keep every fault found, not only the first."""
        super().__init__(message)
        self.problems = tuple(problems)


class TemplateError(DefinitionError):
    """A template does not parse or render; `kind` is the class named in the docs."""

    code = "template_error"

    def __init__(
        self,
        message: str,
        *,
        kind: str = "syntax",
        line: int | None = None,
        column: int | None = None,
        field: str | None = None,
    ) -> None:
        """Keep class (`syntax`, `undefined`, `limit` …), position and field."""
        super().__init__(message)
        self.kind = kind
        self.line = line
        self.column = column
        self.field = field


class ConditionError(DefinitionError):
    """A condition names an unknown operator or an impossible argument."""

    code = "condition_invalid"


class GraphError(DefinitionError):
    """A workflow's steps do not form a well-shaped tree."""

    code = "graph_invalid"


class ResourceLimit(DefinitionError):
    """A template or payload passed a limit."""

    code = "limit_exceeded"


class DeliveryError(TocsinError):
    """A provider's answer, already classified; never leaves `engine.delivery`."""

    code = "delivery_failed"
    http_status = 502
