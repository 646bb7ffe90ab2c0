"""Write batches for the render process, each template and scope only once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Any, Final

import orjson

from engine.render.plain import packed
from engine.render.requests import RenderRequest

_KEPT_TEMPLATES: Final = 1024
_KEPT_BYTES: Final = 8 * 1024 * 1024
# Parsed, a scope takes about ten times its JSON; the process has 256 MB.
_MESSAGE_BYTES: Final = 8 * 1024 * 1024
_MESSAGE_ITEMS: Final = 256


class Outbox:
    """Know which templates the process has, and write messages accordingly."""

    def __init__(self) -> None:
        """Start as for a new process."""
        self._keys: OrderedDict[bytes, int] = OrderedDict()
        self._bytes = 0
        self._next_key = 0
        self._dropped: list[int] = []
        # Scopes of the batch at hand; the requests keep the objects alive.
        self._scopes: dict[int, bytes] = {}

    def chunks(self, batch: Sequence[RenderRequest]) -> Iterator[Sequence[RenderRequest]]:
        """Yield the batch in parts that fit into one message."""
        start = size = 0
        seen: set[int] = set()
        self._scopes = {}
        for index, request in enumerate(batch):
            if id(request.scope) not in seen:
                length = len(self._packed(request.scope))
                if index > start and size + length > _MESSAGE_BYTES:
                    yield batch[start:index]
                    start, size, seen = index, 0, set()
                seen.add(id(request.scope))
                size += length
            if index + 1 - start >= _MESSAGE_ITEMS:
                yield batch[start : index + 1]
                start, size, seen = index + 1, 0, set()
        if start < len(batch):
            yield batch[start:]
        self._scopes = {}

    def message(self, chunk: Sequence[RenderRequest]) -> bytes:
        """Return the message for these requests."""
        scopes: list[orjson.Fragment] = []
        scope_places: dict[int, int] = {}
        new: list[tuple[int, orjson.Fragment]] = []
        keys: dict[int, int] = {}
        requests: list[tuple[Any, ...]] = []
        for request in chunk:
            place = scope_places.get(id(request.scope))
            if place is None:
                place = scope_places[id(request.scope)] = len(scopes)
                scopes.append(orjson.Fragment(self._packed(request.scope)))
            key = keys.get(id(request.template))
            if key is None:
                key = keys[id(request.template)] = self._key(request.template, new)
            now = request.now.isoformat() if request.now else None
            requests.append((request.kind, key, place, request.strict, request.autoescape, now))
        dropped, self._dropped = self._dropped, []
        self._shrink()
        return orjson.dumps(
            {"dropped": dropped, "templates": new, "scopes": scopes, "requests": requests}
        )

    def forget(self) -> None:
        """Start again as for a new process, which has no templates."""
        self._keys.clear()
        self._dropped.clear()
        self._bytes = 0

    def _packed(self, scope: Any) -> bytes:
        found = self._scopes.get(id(scope))
        if found is None:
            found = self._scopes[id(scope)] = packed(scope)
        return found

    def _key(self, template: Any, new: list[tuple[int, orjson.Fragment]]) -> int:
        content = packed(template)
        key = self._keys.get(content)
        if key is not None:
            self._keys.move_to_end(content)
            return key
        key = self._keys[content] = self._next_key
        self._next_key += 1
        self._bytes += len(content)
        new.append((key, orjson.Fragment(content)))
        return key

    def _shrink(self) -> None:
        # What is dropped now is told with the next message: this one may use it.
        while len(self._keys) > _KEPT_TEMPLATES or self._bytes > _KEPT_BYTES:
            content, key = self._keys.popitem(last=False)
            self._bytes -= len(content)
            self._dropped.append(key)
