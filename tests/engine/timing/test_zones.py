from __future__ import annotations

from datetime import UTC, datetime

import pytest

from engine.timing.zones import (
    FIRST_INSTANT,
    LAST_INSTANT,
    instant_of,
    is_zone,
    load_zone,
    pick_zone,
    wall_of,
    zone_names,
)


@pytest.mark.req("R-16")
def test_every_listed_zone_loads_from_the_pinned_package(monkeypatch):
    monkeypatch.setattr("zoneinfo.TZPATH", ("/nonexistent",))
    assert len(zone_names()) > 500
    for name in zone_names():
        assert load_zone(name).key == name


@pytest.mark.parametrize(
    ("recipient", "account", "zone"),
    [
        ("Europe/Paris", "Asia/Tokyo", "Europe/Paris"),
        ("Mars/Olympus", "Asia/Tokyo", "Asia/Tokyo"),
        (None, "Asia/Tokyo", "Asia/Tokyo"),
        ("", None, "Etc/UTC"),
        (5, {"a": 1}, "Etc/UTC"),
        (["Europe/Paris"], "nope", "Etc/UTC"),
        ("../../etc/passwd", "/etc/localtime", "Etc/UTC"),
        ("US/Eastern", None, "US/Eastern"),
    ],
)
def test_the_first_known_zone_is_picked(recipient, account, zone):
    assert pick_zone(recipient, account) == zone


def test_only_names_of_zones_are_zones():
    assert is_zone("Australia/Lord_Howe")
    assert not any(map(is_zone, ["tzdata.zi", "Europe", "__init__.py", "", None, 3, b"UTC", []]))


def test_an_unknown_zone_loads_as_utc_without_filling_the_cache():
    for number in range(50):
        assert load_zone(f"Made/Up{number}").key == "Etc/UTC"


def test_wall_times_at_the_calendars_edges_do_not_overflow():
    for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago"):
        for edge in (FIRST_INSTANT, LAST_INSTANT):
            assert instant_of(wall_of(edge, zone), zone) == edge
        last_wall = datetime.max  # noqa: DTZ901  # a wall time carries no zone
        assert instant_of(last_wall, zone) == LAST_INSTANT
        assert instant_of(datetime.min, zone) == FIRST_INSTANT  # noqa: DTZ901  # as above
    assert wall_of(datetime.max.replace(tzinfo=UTC), "Asia/Tokyo").year == 9999
