from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from designer.times import clock_time, day_name, exact, relative, span, start_of_day

NOW = datetime(2026, 6, 3, 14, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("ago", "said"),
    [
        (0, "just now"), (4, "just now"), (-4, "just now"), (9, "9 s ago"), (60, "1 min ago"),
        (3599, "59 min ago"), (3600, "1 h ago"), (86_400, "1 day ago"), (3 * 86_400, "3 days ago"),
        (-120, "in 2 min"), (40 * 86_400, "24 Apr"), (400 * 86_400, "29 Apr 2025"),
    ],
)  # fmt: skip
def test_an_instant_is_said_as_people_say_it(ago: int, said: str) -> None:
    assert relative(NOW - timedelta(seconds=ago), NOW) == said


def test_the_exact_instant_names_its_zone() -> None:
    assert exact(NOW, "Europe/Berlin") == "Wed 3 Jun 2026, 16:20:00 (Europe/Berlin)"
    assert clock_time(NOW, "Asia/Kolkata") == "19:50:00"


def test_days_are_those_of_the_zone() -> None:
    late = datetime(2026, 6, 2, 23, 30, tzinfo=UTC)

    assert day_name(late, NOW, "Etc/UTC") == "Yesterday"
    assert day_name(late, NOW, "Europe/Berlin") == "Today"
    assert day_name(late - timedelta(days=9), NOW, "Etc/UTC") == "Sun 24 May 2026"


def test_a_day_begins_at_midnight_in_the_zone_also_when_clocks_change() -> None:
    berlin = "Europe/Berlin"
    assert start_of_day(NOW, berlin) == datetime(2026, 6, 2, 22, tzinfo=UTC)
    after_the_change = datetime(2026, 3, 29, 12, tzinfo=UTC)
    assert start_of_day(after_the_change, berlin) == datetime(2026, 3, 28, 23, tzinfo=UTC)


@pytest.mark.parametrize(
    ("length", "said"),
    [(0.34, "340 ms"), (2.5, "2.5 s"), (125, "2 min 5 s"), (12_000, "3 h 20 min"),
     (200_000, "2 days 7 h")],
)  # fmt: skip
def test_a_span_has_at_most_two_units(length: float, said: str) -> None:
    assert span(timedelta(seconds=length)) == said
