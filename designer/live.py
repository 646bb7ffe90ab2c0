"""Keep parts of a page fresh without flicker: only what changed is drawn again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

from nicegui import background_tasks, ui

from designer.elements import Tag
from designer.visit import Visit
from storage.errors import StorageError

T = TypeVar("T")
R = TypeVar("R")
EVERY: Final = 2.0


@dataclass(slots=True)
class _Part:
    pick: Callable[[Any], Any]
    show: Callable[[Any], object]
    shown: Any = None


class Live(Generic[T]):
    """A value that is loaded again and again, and the parts of the page that show it.

    A part is drawn anew only when what it picks from the value has changed, so
    hover, focus and scrolling survive.
    """

    def __init__(self, load: Callable[[], Awaitable[T]], value: T) -> None:
        self._load = load
        self._parts: list[_Part] = []
        self.value = value

    def follow(self, pick: Callable[[T], R], show: Callable[[R], object]) -> None:
        """Call `show` with `pick(value)`, now and whenever that changes."""
        part = _Part(pick, show)
        self._parts.append(part)
        self._show(part)

    def part(self, container: Tag, pick: Callable[[T], R], draw: Callable[[R], object]) -> Tag:
        """Draw `pick(value)` inside `container`, anew whenever it changes."""

        def redraw(value: R) -> None:
            container.clear()
            with container:
                draw(value)

        self.follow(pick, redraw)
        return container

    def _show(self, part: _Part) -> None:
        wanted = part.pick(self.value)
        if wanted != part.shown:
            part.shown = wanted
            part.show(wanted)

    async def refresh(self) -> None:
        """Load once more and redraw what changed; a busy file is asked again next time."""
        try:
            self.value = await self._load()
        except StorageError:
            return
        for part in self._parts:
            self._show(part)

    def run(self, visit: Visit, every: float = EVERY) -> None:
        """Refresh in this rhythm while the page is open and its session lives."""

        async def tick() -> None:
            if visit.services.session_of(visit.request.scope) is not None:
                await self.refresh()

        ui.timer(every, tick, immediate=False)


@dataclass(slots=True)
class _Row:
    element: Tag
    shown: Any


@dataclass(slots=True)
class Rows(Generic[T]):
    """A list whose rows are kept by key: only changed rows are drawn again, moved ones move."""

    container: Tag
    key: Callable[[T], Hashable]
    draw: Callable[[T], None]
    element: Callable[[], Tag]
    _rows: dict[Hashable, _Row] = field(default_factory=dict)

    def show(self, items: Sequence[T]) -> None:
        """Make the list show these items in this order."""
        wanted = {self.key(item): item for item in items}
        for key in [key for key in self._rows if key not in wanted]:
            self._rows.pop(key).element.delete()
        for position, (key, item) in enumerate(wanted.items()):
            row = self._rows.get(key)
            if row is None:
                with self.container:
                    row = self._rows[key] = _Row(self.element(), None)
            if row.shown != item:
                row.shown = item
                row.element.clear()
                with row.element:
                    self.draw(item)
            children = self.container.default_slot.children
            if children.index(row.element) != position:
                row.element.move(self.container, position)


class Shared(Generic[T]):
    """A value that many open pages ask for: loaded once, kept for a moment.

    The costlier the loading, the longer the moment: at most a tenth of the
    time goes into it, however many pages are open.
    """

    def __init__(self, load: Callable[[], T], shortest: float = 1.0) -> None:
        self._load = load
        self._shortest = shortest
        self._value: T | None = None
        self._until = 0.0
        self._loading: asyncio.Task[T] | None = None

    async def get(self) -> T:
        """Return the value, at most a moment old."""
        loop = asyncio.get_running_loop()
        if self._value is not None and loop.time() < self._until:
            return self._value
        if self._loading is None or self._loading.done():
            self._loading = background_tasks.create(self._fetch(), name="shared value")
        # Shielded: a page that closes meanwhile must not take the value from the others.
        return await asyncio.shield(self._loading)

    async def _fetch(self) -> T:
        loop = asyncio.get_running_loop()
        started = loop.time()
        self._value = value = await asyncio.to_thread(self._load)
        took = loop.time() - started
        self._until = loop.time() + max(self._shortest, took * 9)
        return value
