"""Each incident is delivered once on each channel, whatever becomes of the others."""

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from tws_maintenance.config.home import Home
from tws_maintenance.config.settings import NoticeSettings
from tws_maintenance.operations.notices.delivery import DeliveryResult, deliver
from tws_maintenance.operations.notices.incidents import Incident, incident
from tws_maintenance_tests.operations.notices.servers import MailServer, Webhook
from tws_maintenance_tests.operations.notices.test_channels import lines_of, mail

AT = datetime(2026, 11, 22, 18, 30, tzinfo=UTC)
STALE = incident("stale:sti", "stale", "STI is stale", ["never"])
FAILED = incident("failed:r", "failed", "Dry run failed.", ["no source"])
WAITING = incident("waiting:r", "waiting", "Waiting to be applied: STI", ["+1"])
FILE_ONLY = NoticeSettings(file=True)


def looks(home: Home, settings: NoticeSettings, *seen: list[Incident]) -> list[DeliveryResult]:
    """Return what came of looking again and again, each time with the memory of before."""
    delivered: dict[str, list[str]] = {}
    done = []
    for number, incidents in enumerate(seen):
        done.append(
            deliver(home, settings, incidents, delivered, AT + number * timedelta(minutes=5))
        )
        delivered = done[-1].delivered
    return done


def test_an_incident_is_told_once_however_often_one_looks(home: Home) -> None:
    done = looks(home, FILE_ONLY, [STALE], [STALE], [STALE, FAILED], [STALE, FAILED])
    assert [one.sent for one in done] == [{"file": 1}, {}, {"file": 1}, {}]
    assert [line["subject"] for line in lines_of(home)] == ["STI is stale", "Dry run failed."]


def test_what_was_over_and_comes_back_is_told_again(home: Home) -> None:
    done = looks(home, FILE_ONLY, [STALE], [], [STALE])
    assert [one.sent for one in done] == [{"file": 1}, {}, {"file": 1}]


@pytest.mark.services
def test_all_that_is_new_comes_in_one_message(home: Home) -> None:
    with MailServer() as server:
        looks(home, mail(server.port), [FAILED, STALE, WAITING])
        (arrived,) = server.mails
    assert arrived.message["Subject"].endswith("Dry run failed. and 2 more")


def test_only_the_kinds_that_are_wanted_are_told(home: Home) -> None:
    settings = NoticeSettings(file=True, kinds=("failed",))
    done = looks(home, settings, [STALE, FAILED, WAITING], [STALE])
    assert [one.sent for one in done] == [{"file": 1}, {}]
    # Asked for later, what is still so is delivered.
    assert deliver(home, FILE_ONLY, [STALE], done[-1].delivered, AT).sent == {"file": 1}


@pytest.mark.services
def test_a_channel_that_fails_is_tried_again_and_does_not_hold_up_the_others(home: Home) -> None:
    with MailServer() as server, Webhook(500) as hook:
        settings = mail(server.port, webhook_url=SecretStr(hook.url), file=True)
        first, second = looks(home, settings, [STALE], [STALE])
        assert first.sent == {"mail": 1, "file": 1}
        assert second.sent == {}
        assert first.failures == second.failures == ["The webhook answered 500, expected 2xx"]
        hook.status = 204
        third = deliver(home, settings, [STALE], second.delivered, AT)
        assert (third.sent, third.failures) == ({"webhook": 1}, [])
        assert deliver(home, settings, [STALE], third.delivered, AT).sent == {}
        assert (len(server.mails), len(hook.bodies), len(lines_of(home))) == (1, 3, 1)


@pytest.mark.services
def test_what_is_over_before_a_channel_works_again_is_not_told_there(home: Home) -> None:
    with Webhook(500) as hook:
        settings = NoticeSettings(webhook_url=SecretStr(hook.url))
        (first,) = looks(home, settings, [STALE])
        hook.status = 200
        assert deliver(home, settings, [], first.delivered, AT).sent == {}
        assert len(hook.bodies) == 1


@pytest.mark.services
def test_a_recipient_that_is_refused_is_remarked_once(home: Home) -> None:
    with MailServer(refused=("boss@example.org",)) as server:
        first, second = looks(home, mail(server.port), [STALE], [STALE])
    assert "refused boss@example.org" in first.remarks[0]
    assert (first.failures, second.remarks) == ([], [])


@pytest.mark.services
def test_a_channel_that_is_switched_on_later_is_told_what_is_so_now(home: Home) -> None:
    (first,) = looks(home, FILE_ONLY, [STALE])
    with MailServer() as server:
        settings = mail(server.port, file=True)
        assert deliver(home, settings, [STALE], first.delivered, AT).sent == {"mail": 1}
