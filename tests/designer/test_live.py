from __future__ import annotations

import asyncio
import threading
import time

import pytest
from nicegui import ui
from nicegui.testing import User

from designer.elements import Tag, span, tag
from designer.live import Live, Rows, Shared
from storage.errors import Busy


async def test_only_what_changed_is_drawn_again(user: User) -> None:
    value = {"a": 1, "b": 1}
    drawn: list[str] = []
    live: Live[dict[str, int]]

    @ui.page("/")
    def page() -> None:
        nonlocal live

        async def load() -> dict[str, int]:
            return dict(value)

        live = Live(load, dict(value))
        for key in value:
            live.part(tag("div"), lambda v, k=key: v[k], lambda n, k=key: drawn.append(f"{k}{n}"))

    await user.open("/")
    assert drawn == ["a1", "b1"]
    await live.refresh()
    value["b"] = 2
    await live.refresh()
    assert drawn == ["a1", "b1", "b2"]


async def test_a_busy_file_leaves_the_page_as_it_is(user: User) -> None:
    shown: list[int] = []

    async def load() -> int:
        raise Busy("The database was busy for too long.")

    live = Live(load, 1)
    live.follow(lambda v: v, shown.append)
    await live.refresh()

    assert (shown, live.value) == ([1], 1)


async def test_rows_keep_their_elements_move_and_vanish(user: User) -> None:
    drawn: list[str] = []
    rows: Rows[tuple[str, int]]
    body: Tag

    @ui.page("/")
    def page() -> None:
        nonlocal rows, body
        body = tag("ul")

        def draw(item: tuple[str, int]) -> None:
            drawn.append(f"{item[0]}{item[1]}")
            span(f"{item[0]}={item[1]}")

        rows = Rows(body, lambda item: item[0], draw, lambda: tag("li"))

    def texts() -> list[str]:
        return [child.default_slot.children[0].text for child in body.default_slot.children]

    await user.open("/")
    with user:
        rows.show([("a", 1), ("b", 1), ("c", 1)])
        kept = body.default_slot.children[1]
        rows.show([("d", 1), ("b", 1), ("a", 2)])
        assert texts() == ["d=1", "b=1", "a=2"]
        assert body.default_slot.children[1] is kept
        assert drawn == ["a1", "b1", "c1", "d1", "a2"]
        rows.show([])
        assert texts() == []


async def test_many_pages_share_one_loading(user: User) -> None:
    calls: list[int] = []
    gate = threading.Event()

    def load() -> int:
        calls.append(len(calls))
        gate.wait(5)
        return calls[-1]

    shared = Shared(load, shortest=60)
    waiting = [asyncio.create_task(shared.get()) for _ in range(20)]
    await asyncio.sleep(0)
    gate.set()

    assert await asyncio.gather(*waiting) == [0] * 20
    assert await shared.get() == 0
    assert calls == [0]


async def test_a_page_that_closes_does_not_take_the_value_from_the_others(user: User) -> None:
    gate = threading.Event()

    def load() -> str:
        gate.wait(5)
        return "value"

    shared = Shared(load)
    leaving, staying = (asyncio.create_task(shared.get()) for _ in range(2))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.sleep(0)
    gate.set()

    assert await staying == "value"
    with pytest.raises(asyncio.CancelledError):
        await leaving


async def test_what_is_costly_to_load_is_kept_longer(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []

    def load() -> int:
        calls.append(1)
        time.sleep(0.05)  # the cost itself is what is measured
        return len(calls)

    shared = Shared(load, shortest=0.0)
    await shared.get()
    loop = asyncio.get_running_loop()
    now = loop.time()
    monkeypatch.setattr(loop, "time", lambda: now + 0.3)
    assert await shared.get() == 1
    monkeypatch.setattr(loop, "time", lambda: now + 5)
    assert await shared.get() == 2
