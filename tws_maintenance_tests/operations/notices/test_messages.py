"""No incident is lost to the length of a message: several are sent, the gravest first."""

import pytest
from pydantic import SecretStr

from tws_maintenance.config.home import Home
from tws_maintenance.config.settings import NoticeSettings
from tws_maintenance.operations.notices import delivery
from tws_maintenance.operations.notices.incidents import Incident, incident
from tws_maintenance.operations.notices.messages import MARK, cut, gravest_first, messages
from tws_maintenance_tests.operations.notices.servers import MailServer, Webhook
from tws_maintenance_tests.operations.notices.test_channels import lines_of, mail
from tws_maintenance_tests.operations.notices.test_delivery import AT, looks

DISCORD = 2000


def failed(number: int, *lines: str) -> Incident:
    told = lines or ("No source answered, not one of them. " * 8, f"Report: r{number}.")
    return incident(f"failed:{number}", "failed", f"Run {number} failed", told)


def texts(hook: Webhook) -> list[str]:
    return [body["text"] for body in hook.bodies]


def test_incidents_are_divided_in_order_and_none_is_lost() -> None:
    many = [failed(number) for number in range(7)]
    divided = messages(many, lambda found: len(found) <= 3)
    assert [len(one) for one in divided] == [3, 3, 1]
    assert [one for part in divided for one in part] == many


def test_the_gravest_comes_first_and_the_order_within_a_kind_stays() -> None:
    kinds = ["waiting", "stale", "failed", "drifted", "broken", "failed"]
    found = gravest_first([Incident(str(n), kind, "s", "t") for n, kind in enumerate(kinds)])
    assert [one.key for one in found] == ["2", "5", "4", "1", "3", "0"]


@pytest.mark.parametrize("room", [0, len(MARK), len(MARK) + 1, 20, 29])
def test_what_is_cut_has_a_mark_and_uses_the_room(room: int) -> None:
    text = "abcdefghij" * 3
    expected = text[: max(0, room - len(MARK))] + MARK
    assert cut(text, lambda told: len(told) <= room) == expected
    assert cut(text, lambda told: len(told) <= 30) == text


@pytest.mark.services
def test_a_webhook_with_a_limit_gets_every_incident(home: Home) -> None:
    many = [failed(number) for number in range(9)]
    with Webhook(limit=DISCORD) as hook:
        settings = NoticeSettings(webhook_url=SecretStr(hook.url))
        done, again = looks(home, settings, many, many)
        assert (done.sent, done.failures, again.sent) == ({"webhook": 9}, [], {})
        told = texts(hook)
    assert len(told) == 2
    assert max(map(len, told)) <= DISCORD
    found = [n for text in told for n in range(9) if f"\n[failed] Run {n} failed\n" in text]
    assert found == list(range(9))
    assert told[0].startswith("*Run 0 failed and 4 more*\n")
    assert all(f"\n\nHome: {home.root} on " in text for text in told)


@pytest.mark.services
def test_one_very_long_incident_is_shortened_and_the_rest_goes_out(home: Home) -> None:
    long = failed(1, *["It is a long story. " * 20] * 30, "Report: maintenance_1.")
    with Webhook(limit=DISCORD) as hook:
        settings = NoticeSettings(webhook_url=SecretStr(hook.url))
        (done,) = looks(home, settings, [failed(0), long, failed(2)])
        first, second, third = texts(hook)
    assert (done.sent, done.failures) == ({"webhook": 3}, [])
    assert DISCORD - 1 <= len(second) <= DISCORD
    # What it is about, the beginning of its story and where the rest is are all there.
    assert second.startswith("*Run 1 failed*\n[failed] Run 1 failed\nIt is a long story.")
    assert f"{MARK}\nReport: maintenance_1.\n\nHome: " in second
    assert "Run 0 failed" in first
    assert "Run 2 failed" in third


@pytest.mark.services
@pytest.mark.parametrize("character", ["&", "\U0001f4c9"])
def test_characters_that_count_more_than_one_are_counted_as_sent(
    home: Home, character: str
) -> None:
    wide = incident("w", "failed", character * 400, [character * 450] * 3)
    with Webhook() as hook:
        settings = NoticeSettings(webhook_url=SecretStr(hook.url))
        (done,) = looks(home, settings, [failed(0), wide, failed(2)])
        told = texts(hook)
    assert done.sent == {"webhook": 3}
    assert max(len(text.encode("utf-16-le")) // 2 for text in told) <= DISCORD
    assert MARK in told[1]


@pytest.mark.services
def test_a_message_that_is_refused_for_one_incident_costs_no_other(home: Home) -> None:
    many = [failed(0, "a"), failed(1, "nonsense"), failed(2, "c")]
    with Webhook(unwanted="nonsense") as hook:
        settings = NoticeSettings(webhook_url=SecretStr(hook.url))
        first, second = looks(home, settings, many, many)
        assert first.sent == {"webhook": 2}
        told = "The webhook answered 422, expected 2xx: unwanted words (to: Run 1 failed)"
        assert first.failures == second.failures == [told]
        assert second.sent == {}


@pytest.mark.services
def test_a_channel_that_takes_less_than_the_setting_says_why(home: Home) -> None:
    with Webhook(limit=300) as hook:
        settings = NoticeSettings(webhook_url=SecretStr(hook.url))
        (done,) = looks(home, settings, [failed(0), failed(1, "Short.")])
    assert done.sent == {"webhook": 1}
    (told,) = done.failures
    assert told.startswith("The webhook answered 400, expected 2xx: ")
    assert "Must be 300 or fewer in length." in told


@pytest.mark.services
def test_mail_has_a_limit_of_its_own_and_the_file_has_none(home: Home) -> None:
    many = [failed(number) for number in range(9)]
    with MailServer(limit=1300) as server:
        settings = mail(server.port, mail_max_characters=1300, file=True)
        (done,) = looks(home, settings, many)
        subjects = [one.message["Subject"] for one in server.mails]
    assert done.sent == {"mail": 9, "file": 9}
    assert subjects == [f"[tws_maintenance] Run {first} failed and 2 more" for first in (0, 3, 6)]
    assert [line["subject"] for line in lines_of(home)] == [f"Run {n} failed" for n in range(9)]


@pytest.mark.services
def test_a_mail_that_is_too_large_for_its_server_costs_no_other(home: Home) -> None:
    with MailServer(limit=700) as server:
        (done,) = looks(home, mail(server.port), [failed(0, *["x" * 400] * 3), failed(1, "b")])
        assert [one.message["Subject"] for one in server.mails] == [
            "[tws_maintenance] Run 1 failed"
        ]
    assert done.sent == {"mail": 1}
    assert "552" in done.failures[0]
    assert done.failures[0].endswith("(to: Run 0 failed)")


@pytest.mark.services
def test_what_takes_too_long_for_one_look_follows_at_the_next(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "SECONDS", 0)
    many = [failed(number) for number in range(9)]
    with Webhook() as hook:
        settings = NoticeSettings(webhook_url=SecretStr(hook.url))
        first, second, third = looks(home, settings, many, many, many)
    assert first.remarks == ["webhook: 4 more will follow at the next look"]
    assert [one.sent.get("webhook") for one in (first, second, third)] == [5, 4, None]
    assert [one.failures for one in (first, second, third)] == [[], [], []]


@pytest.mark.services
def test_a_channel_that_breaks_down_in_between_is_told_the_rest_later(home: Home) -> None:
    many = [failed(number) for number in range(9)]
    with Webhook(limit=DISCORD, refuses_after=1) as hook:
        settings = NoticeSettings(webhook_url=SecretStr(hook.url))
        first, second = looks(home, settings, many, many)
        assert first.sent == {"webhook": 5}
        assert first.failures == ["The webhook answered 429, expected 2xx: slow down"]
        hook.refuses_after = 0
        third = delivery.deliver(home, settings, many, second.delivered, AT)
        assert third.sent == {"webhook": 4}
        numbers = [n for text in texts(hook) for n in range(9) if f"[failed] Run {n} " in text]
        assert sorted(set(numbers)) == list(range(9))
