from __future__ import annotations

import pytest
from conformance import CASES, Case, ProviderConformance

from engine.net.exchange import HttpAnswer
from engine.providers.base import PROVIDERS, Accepted, LocalDelivery, Provider, Rejected, provider


@pytest.fixture(params=CASES, ids=lambda case: f"{case.provider}-{case.channel_type}")
def case(request: pytest.FixtureRequest) -> Case:
    return request.param


class TestEveryProvider(ProviderConformance):
    pass


def test_every_registered_provider_has_a_case() -> None:
    assert {case.provider for case in CASES} == set(PROVIDERS)


def test_an_id_cannot_be_taken_twice() -> None:
    with pytest.raises(ValueError, match="registered twice"):

        @provider("smtp", title="Other", channel_types=["email"])
        class Other(Provider):  # type: ignore[type-arg]
            pass


@pytest.mark.parametrize(
    "channel_type",
    ["email", "sms", "push", "chat", "http", "in_app_feed", "in_app", "in_app_guide"],
)
def test_the_catch_all_takes_every_channel_type(channel_type: str) -> None:
    assert channel_type in PROVIDERS["catch_all"].channel_types


def test_the_catch_all_only_reads_its_own_answers() -> None:
    assert PROVIDERS["catch_all"].classify(LocalDelivery("m1")) == Accepted("m1")
    assert isinstance(PROVIDERS["catch_all"].classify(HttpAnswer(status=200)), Rejected)
