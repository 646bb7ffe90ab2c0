"""Give templates plain data only, and count what they use.

A template reads mappings, lists and strings by key and index. No Python
attribute is ever looked up, so there is nothing to walk to.
"""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from io import StringIO
from typing import Any, TextIO

from liquid import BoundTemplate, RenderContext
from liquid.builtin.tags.for_tag import ForLoop
from liquid.builtin.tags.tablerow_tag import TableRow
from liquid.exceptions import (
    ContextDepthError,
    LiquidError,
    LocalNamespaceLimitError,
    UnknownFilterError,
)
from liquid.token import Token
from liquid.undefined import UNDEFINED
from liquid.utils import ReadOnlyChainMap

from engine.liquid.limits import MAX_LOCALS, MAX_PARTIAL_DEPTH, MAX_SCOPE_DEPTH, Budget
from engine.liquid.placeholders import Placeholders
from engine.liquid.values import Missing, StrictMissing

_READABLE = (Mapping, list, tuple, str, range)


@dataclass(slots=True, kw_only=True)
class Session:
    """Hold what the templates of one request share: scope, limits, warnings."""

    scope: Mapping[str, object]
    strict: bool = False
    now: dt.datetime | None = None
    budget: Budget = field(default_factory=Budget)
    warnings: list[str] = field(default_factory=list)

    def clock(self) -> dt.datetime:
        """Return the instant that `now` and `today` mean."""
        if self.now is None:
            raise LiquidError("the template asks for the time, and none was given", token=None)
        return self.now


class OutputBuffer(StringIO):
    """Collect output while counting it against the budget."""

    def __init__(self, budget: Budget) -> None:
        """Write against `budget`."""
        super().__init__()
        self._budget = budget

    def write(self, text: str) -> int:
        """Add text; raises when the request has written too much."""
        self._budget.write(len(text))
        return super().write(text)


class SandboxContext(RenderContext):
    """Resolve names in plain data and count loops, output and local values."""

    __slots__ = ("_size", "_sizes", "placeholders", "session")

    session: Session
    placeholders: Placeholders | None

    def __init__(
        self,
        template: BoundTemplate,
        *,
        session: Session | None = None,
        placeholders: Placeholders | None = None,
        globals: Mapping[str, object] | None = None,
        disabled_tags: list[str] | None = None,
        copy_depth: int = 0,
        parent_context: RenderContext | None = None,
        loop_iteration_carry: int = 1,
        local_namespace_size_carry: int = 0,
    ) -> None:
        """Start a context, or continue its parent's when python-liquid copies it.

        The library's own start is left out: it takes twice as long, and puts
        `now` and `today`, which read the machine's clock, into the scope.
        """
        self.env = template.env
        self.template = template
        self.locals = {}
        self.globals = globals or {}
        self.counters = {}
        self.scope = ReadOnlyChainMap(self.locals, self.globals, self.counters)
        # The library's other spaces are for tags that do not exist here.
        self.tag_namespace = {"cycles": {}, "ifchanged": "", "stopindex": {}, "extends": {}}
        self.loops = []
        self.disabled_tags = disabled_tags or []
        self.autoescape = self.env.autoescape
        self._copy_depth = copy_depth
        self.parent_context = parent_context
        self.loop_iteration_carry = loop_iteration_carry
        self.local_namespace_size_carry = local_namespace_size_carry
        if isinstance(parent_context, SandboxContext):
            session, placeholders = parent_context.session, parent_context.placeholders
        self.session = session or Session(scope={})
        self.placeholders = placeholders
        self._sizes: dict[str, int] = {}
        self._size = 0

    def warn(self, message: str) -> None:
        """Add a warning to the request's result, once."""
        if message not in self.session.warnings:
            self.session.warnings.append(message)

    def assign(self, key: str, val: Any) -> None:
        """Bind a local value; raises when all of them take too much memory."""
        self.locals[key] = val
        size = sys.getsizeof(val, 1)
        self._size += size - self._sizes.get(key, 0)
        self._sizes[key] = size
        if self._size > MAX_LOCALS:
            raise LocalNamespaceLimitError(
                f"assigned values take more than {MAX_LOCALS} bytes", token=None
            )

    def get(
        self, path: list[object], *, token: Token | None, default: object = UNDEFINED
    ) -> object:
        """Return the value at a path, or a stand-in for a missing one."""
        root = path[0]
        try:
            found = self.scope[root]  # type: ignore[index]  # an odd key is just not found
        except (KeyError, TypeError, IndexError):
            return self._missing(path, token) if default is UNDEFINED else default
        return self.walk(found, path, token, default)

    def walk(
        self, found: Any, path: list[object], token: Token | None, default: object = UNDEFINED
    ) -> object:
        """Return what the path leads to, from the value of its first segment on."""
        for segment in path[1:]:
            try:
                if type(found) is dict:
                    found = found[segment] if segment in found else self.get_item(found, segment)
                else:
                    found = self.get_item(found, segment)
            except (KeyError, TypeError, IndexError):
                return self._missing(path, token) if default is UNDEFINED else default
        return found

    def get_item(self, obj: Any, key: Any) -> Any:
        """Return one member of plain data; anything else has no members."""
        if not isinstance(obj, _READABLE):
            raise KeyError(key)
        return super().get_item(obj, key)

    def filter(self, name: str, token: Token | None) -> Callable[..., object]:
        """Return a filter, bound to this context when it asks for it."""
        found = self.env.filters.get(name)
        if found is None:
            raise UnknownFilterError(f"unknown filter '{name}'", token=token)
        return partial(found, context=self) if getattr(found, "with_context", False) else found

    @contextmanager
    def loop(
        self, namespace: Mapping[str, object], forloop: ForLoop | TableRow
    ) -> Iterator[RenderContext]:
        """Enter a loop whose every turn is counted."""
        forloop.it = _counted(forloop.it, self.session.budget)
        self.loops.append(forloop)
        try:
            with self.extend(namespace) as context:
                yield context
        finally:
            self.loops.pop()

    @contextmanager
    def extend(
        self, namespace: Mapping[str, object], template: BoundTemplate | None = None
    ) -> Iterator[RenderContext]:
        """Put a namespace before the others for the time of a block."""
        if self.scope.size() > MAX_SCOPE_DEPTH:
            raise ContextDepthError(
                f"blocks may be nested {MAX_SCOPE_DEPTH} deep at most", token=None
            )
        outer = self.template
        self.template = template or outer
        self.scope.push(namespace)
        try:
            yield self
        finally:
            self.template = outer
            self.scope.pop()

    def copy(self, namespace: Mapping[str, object], *args: Any, **kwargs: Any) -> RenderContext:
        """Start the context of a partial; partials nest five deep at most."""
        if self._copy_depth >= MAX_PARTIAL_DEPTH:
            raise ContextDepthError(
                f"partials may be nested {MAX_PARTIAL_DEPTH} deep at most", token=None
            )
        return super().copy(namespace, *args, **kwargs)

    def state(self) -> tuple[Any, ...]:
        """Return what `restore` needs to undo a rendering."""
        spaces = self.tag_namespace
        return (
            dict(self.locals), dict(self.counters), dict(self._sizes), self._size,
            dict(spaces["cycles"]), dict(spaces["stopindex"]), spaces["ifchanged"],
        )  # fmt: skip

    def restore(self, state: tuple[Any, ...]) -> None:
        """Forget what was bound and counted since `state` was taken."""
        bound, counters, self._sizes, self._size, cycles, stops, changed = state
        for names, before in ((self.locals, bound), (self.counters, counters)):
            # The scope looks into these very mappings.
            names.clear()
            names.update(before)
        self.tag_namespace.update(cycles=cycles, stopindex=stops, ifchanged=changed)

    def raise_for_loop_limit(self, length: int = 1) -> None:
        """Leave the counting to `loop`: only turns that are taken count."""

    def get_size_of_locals(self) -> int:
        """Leave the measuring to `assign`."""
        return 0

    def get_buffer(self, buf: TextIO | None = None) -> StringIO:
        """Return a buffer that counts against the same budget."""
        return OutputBuffer(self.session.budget)

    def _missing(self, path: list[object], token: Token | None) -> object:
        name = ".".join(str(segment) for segment in path)
        if path == ["now"] or path == ["today"]:
            moment = self.session.clock()
            return moment.isoformat() if path == ["now"] else moment.date().isoformat()
        kind = StrictMissing if self.session.strict else Missing
        return kind(str(path[0]), token=token, hint=f"'{name}' is undefined")


def _counted(items: Iterator[Any], budget: Budget) -> Iterator[Any]:
    for item in items:
        budget.step()
        yield item
