"""Mail, webhook and file, each tried against a real server or a real disk."""

import json
import logging
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from tws_maintenance.config.home import Home
from tws_maintenance.config.settings import NoticeSettings
from tws_maintenance.operations.notices import channels
from tws_maintenance.operations.notices.channels import FILE, NoticeFailed, channels_of
from tws_maintenance.operations.notices.incidents import Incident, incident
from tws_maintenance_tests.disks import mounted
from tws_maintenance_tests.operations.notices.servers import (
    MailServer,
    Webhook,
    nobody_listening,
    self_signed,
)

AT = datetime(2026, 11, 22, 18, 30, tzinfo=UTC)
STALE = incident("stale:sti", "stale", "STI is stale", ["STI was never refreshed."])
FAILED = incident("failed:r", "failed", "Dry run failed.", ["No source answered.", "Report: r."])
# Of the server of these tests, and two that it does not take.
PASSWORD, WRONG, ODD = "open sesame", "guessed", "Schlüsselwort"


def mail(port: int, **changed: Any) -> NoticeSettings:
    """Return settings that send mail to this machine."""
    return NoticeSettings(
        **{
            "smtp_host": "127.0.0.1",
            "smtp_port": port,
            "smtp_security": "none",
            "sender": "Robot <robot@example.org>",
            "recipients": ("ops@example.org", "boss@example.org"),
            **changed,
        }
    )


def hooked(url: str) -> NoticeSettings:
    """Return settings that tell a webhook."""
    return NoticeSettings(webhook_url=SecretStr(url))


def send(home: Home, settings: NoticeSettings, *incidents: Incident) -> str:
    """Send by the one channel that is switched on."""
    (channel,) = channels_of(home, settings)
    return channel.send(list(incidents or (STALE,)), AT)


def fault(home: Home, settings: NoticeSettings) -> str:
    """Return why a notice was not delivered."""
    with pytest.raises(NoticeFailed) as caught:
        send(home, settings)
    return str(caught.value)


def test_nobody_is_told_unless_something_is_set(home: Home) -> None:
    assert list(channels_of(home, NoticeSettings())) == []


@pytest.mark.services
def test_a_mail_names_what_is_wrong_and_where(home: Home) -> None:
    with MailServer() as server:
        assert send(home, mail(server.port), FAILED, STALE) == ""
        (found,) = server.mails
    assert found.message["Subject"] == "[tws_maintenance] Dry run failed. and 1 more"
    assert found.message["From"] == "Robot <robot@example.org>"
    assert found.message["To"] == "ops@example.org, boss@example.org"
    assert found.recipients == ("ops@example.org", "boss@example.org")
    assert found.message["Date"] == "Sun, 22 Nov 2026 18:30:00 +0000"
    lines = found.message.get_content().splitlines()
    assert lines[:6] == [
        "[failed] Dry run failed.",
        "No source answered.",
        "Report: r.",
        "",
        "[stale] STI is stale",
        "STI was never refreshed.",
    ]
    assert lines[-1].startswith(f"Home: {home.root} on ")


@pytest.mark.services
@pytest.mark.process
def test_a_mail_is_encrypted_and_logged_in_by_default(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = self_signed(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    settings = {"smtp_user": "robot", "smtp_password": PASSWORD, "smtp_security": "starttls"}
    with MailServer("STARTTLS", "AUTH PLAIN", password=PASSWORD, certificate=certificate) as server:
        send(home, mail(server.port, **settings))
        (found,) = server.mails
    assert (found.user, found.is_encrypted) == ("robot", True)


@pytest.mark.services
@pytest.mark.process
def test_a_certificate_that_nobody_vouches_for_is_not_believed(home: Home, tmp_path: Path) -> None:
    certificate = self_signed(tmp_path)
    with MailServer("STARTTLS", certificate=certificate) as server:
        told = fault(home, mail(server.port, smtp_security="starttls"))
        assert "CERTIFICATE_VERIFY_FAILED" in told
        assert server.mails == []


@pytest.mark.services
def test_a_server_without_encryption_gets_nothing_where_it_is_asked_for(home: Home) -> None:
    with MailServer("AUTH PLAIN", password=PASSWORD) as server:
        settings = mail(
            server.port, smtp_security="starttls", smtp_user="u", smtp_password=PASSWORD
        )
        told = fault(home, settings)
        assert told == (
            f"The mail server 127.0.0.1 port {server.port} did not accept the notice: STARTTLS "
            "extension not supported by server."
        )
        assert "AUTH" not in server.commands
        assert server.mails == []


@pytest.mark.services
def test_a_wrong_password_is_told_and_not_shown(home: Home) -> None:
    with MailServer("AUTH PLAIN", password=PASSWORD) as server:
        told = fault(home, mail(server.port, smtp_user="robot", smtp_password=WRONG))
        assert "wrong user or password" in told
        assert "guessed" not in told


@pytest.mark.services
def test_a_password_that_mail_has_no_form_for_is_told_and_not_shown(home: Home) -> None:
    with MailServer("AUTH PLAIN", password=PASSWORD) as server:
        told = fault(home, mail(server.port, smtp_user="robot", smtp_password=ODD))
        assert "can't encode character" in told
        assert "sselwort" not in told


@pytest.mark.services
def test_a_password_that_is_not_in_the_environment_is_asked_for(home: Home) -> None:
    with MailServer("AUTH PLAIN") as server:
        told = fault(home, mail(server.port, smtp_user="robot"))
    assert "TWS_MAINTENANCE_NOTICES__SMTP_PASSWORD is not in the environment" in told


@pytest.mark.services
def test_a_server_that_is_not_there_is_told(home: Home) -> None:
    with nobody_listening() as port:
        told = fault(home, mail(port))
    assert told.startswith(f"The mail server 127.0.0.1 port {port} did not accept the notice: ")
    assert "refused" in told


@pytest.mark.services
def test_a_server_that_hangs_up_has_taken_nothing(home: Home) -> None:
    with MailServer(dies=True) as server:
        assert "did not accept the notice" in fault(home, mail(server.port))


@pytest.mark.services
def test_a_server_that_says_nothing_is_not_waited_for(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channels, "SECONDS", 0.2)
    with Webhook() as silent:  # waits for a request, as a mail server never does
        port = int(silent.url.split(":")[2].split("/")[0])
        assert "timed out" in fault(home, mail(port))


@pytest.mark.services
def test_one_recipient_that_is_refused_does_not_keep_it_from_the_others(home: Home) -> None:
    with MailServer(refused=("boss@example.org",)) as server:
        remark = send(home, mail(server.port))
        assert remark == f"The mail server 127.0.0.1 port {server.port} refused boss@example.org"
        assert [one.recipients for one in server.mails] == [("ops@example.org",)]


@pytest.mark.services
def test_a_mail_that_every_recipient_refuses_is_not_told(home: Home) -> None:
    with MailServer(refused=("ops@example.org", "boss@example.org")) as server:
        assert "no such user" in fault(home, mail(server.port))


HOSTILE = "Evil\r\nBcc: all@example.org\r\n\r\npython -m tws_maintenance promote X\x00\x1b[2J\u2028"


@pytest.mark.services
def test_a_hostile_name_forges_neither_a_header_nor_a_line(home: Home) -> None:
    found = incident("k", "failed", f"Failed: {HOSTILE}", [f"It says {HOSTILE}", "The end."])
    with MailServer() as server:
        send(home, mail(server.port), found)
        (arrived,) = server.mails
    assert arrived.message["Bcc"] is None
    assert arrived.recipients == ("ops@example.org", "boss@example.org")
    assert "Bcc: all@example.org" in arrived.message["Subject"]
    first, second, third, *_ = arrived.message.get_content().splitlines()
    assert first.startswith("[failed] Failed: Evil Bcc: all@example.org python -m")
    assert second.startswith("It says Evil Bcc: ")
    assert third == "The end."


@pytest.mark.services
def test_a_webhook_gets_the_json_that_slack_takes(home: Home) -> None:
    with Webhook() as hook:
        send(home, hooked(hook.url), FAILED)
        assert hook.asked == ["/services/T000/the-secret"]
        (body,) = hook.bodies
    assert list(body) == ["text"]
    assert body["text"].startswith("*Dry run failed.*\n[failed] Dry run failed.\nNo source")


@pytest.mark.services
def test_a_name_cannot_call_everybody_in_the_channel(home: Home) -> None:
    found = incident("k", "failed", "<!channel> & <http://evil|click>", [])
    with Webhook() as hook:
        send(home, hooked(hook.url), found)
        assert hook.bodies[0]["text"].startswith(
            "*&lt;!channel&gt; &amp; &lt;http://evil|click&gt;*\n"
        )


@pytest.mark.services
@pytest.mark.parametrize("status", [300, 304, 404, 500, 503])
def test_any_answer_but_success_is_a_failure(home: Home, status: int) -> None:
    with Webhook(status) as hook:
        settings = hooked(hook.url)
        assert fault(home, settings) == f"The webhook answered {status}, expected 2xx"


@pytest.mark.services
def test_a_refusal_says_why_in_the_words_of_the_channel(home: Home) -> None:
    with Webhook(404) as hook:
        hook.answer = b'{"message": "Unknown\n Webhook", "code": 10015}'
        told = fault(home, hooked(hook.url))
        assert told == (
            'The webhook answered 404, expected 2xx: {"message": "Unknown Webhook", "code": 10015}'
        )
        hook.answer = b"<p>\xff" + b"x" * 5000
        assert fault(home, hooked(hook.url)).endswith("x" * 196)


@pytest.mark.services
def test_a_refusal_that_repeats_the_address_does_not_show_it(home: Home) -> None:
    with Webhook(403) as hook:
        url = f"{hook.url}%2Fpart?token=abcdef123"
        echo = f"no {url} for https:\\/\\/x\\/THE-SECRET\\/part, the-secret/part, abcdef123 "
        hook.answer = echo.encode() + b"." * (199 - len(echo)) + b"the-secret/part"
        told = fault(home, hooked(url))
    assert told.startswith("The webhook answered 403, expected 2xx: no ")
    for secret in ("secret", "abcdef123"):
        assert secret not in told.casefold()
    assert told.endswith(".***")


@pytest.mark.services
def test_a_server_that_repeats_the_password_does_not_make_us_show_it(home: Home) -> None:
    with MailServer("AUTH PLAIN", password=PASSWORD, refusal="535 not guessed-by-me") as server:
        told = fault(home, mail(server.port, smtp_user="robot", smtp_password="guessed-by-me"))
    assert told.endswith("did not accept the notice: (535, b'not ***')")


@pytest.mark.services
def test_an_answer_whose_headers_trickle_in_is_not_waited_for(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channels, "SECONDS", 0.1)
    with Webhook() as hook:
        hook.trickles = True
        assert fault(home, hooked(hook.url)) == "Could not reach the webhook: TimeoutError"


@pytest.mark.services
def test_a_redirect_is_not_followed(home: Home) -> None:
    with Webhook(302) as hook:
        hook.headers = {"Location": "/elsewhere"}
        told = fault(home, hooked(hook.url))
        assert told == "The webhook answered 302, expected 2xx"
        assert hook.asked == ["/services/T000/the-secret"]


@pytest.mark.services
def test_a_slow_or_absent_webhook_is_told_without_its_secret_address(
    home: Home, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(channels, "SECONDS", 0.2)
    caplog.set_level(logging.INFO)
    with Webhook() as hook:
        hook.hangs = True
        told = fault(home, hooked(hook.url))
        assert told == "Could not reach the webhook: ReadTimeout"
    with nobody_listening() as port:
        gone = hooked(f"http://127.0.0.1:{port}/the-secret")
        assert fault(home, gone) == "Could not reach the webhook: ConnectionError"
    odd = hooked("https://hooks..example.invalid/the-secret")
    assert fault(home, odd).startswith("Could not reach the webhook: ")
    assert "the-secret" not in caplog.text + repr(gone) + str(gone.model_dump())


@pytest.mark.services
def test_a_failure_of_the_webhook_carries_no_trace_of_its_address(home: Home) -> None:
    with nobody_listening() as port, pytest.raises(NoticeFailed) as caught:
        send(home, hooked(f"http://127.0.0.1:{port}/the-secret"))
    assert caught.value.__suppress_context__
    assert caught.value.__cause__ is None


def lines_of(home: Home) -> list[dict[str, str]]:
    return [json.loads(line) for line in (home.logs / FILE).read_text().splitlines()]


def test_the_file_has_a_line_for_each_incident_and_only_grows(home: Home) -> None:
    settings = NoticeSettings(file=True)
    send(home, settings, STALE, FAILED)
    send(home, settings, STALE)
    assert [line["subject"] for line in lines_of(home)] == [
        "STI is stale",
        "Dry run failed.",
        "STI is stale",
    ]
    assert lines_of(home)[0] == {
        "at": "2026-11-22T18:30:00.000Z",
        "kind": "stale",
        "subject": "STI is stale",
        "text": "STI was never refreshed.",
    }


def test_a_file_that_cannot_be_written_is_told(home: Home) -> None:
    (home.logs / FILE).mkdir(parents=True)
    told = fault(home, NoticeSettings(file=True))
    assert told == ".dagster/run_logs/notices.jsonl cannot be written: Is a directory"


@pytest.mark.process
@pytest.mark.skipif(os.name != "posix", reason="needs mount")
def test_a_full_disk_leaves_no_half_line(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", kilobytes=256) as disk:
        settings = NoticeSettings(file=True)
        send(disk.home, settings)
        disk.fill(free_pages=0)
        many = [incident("k", "failed", "x" * 400, [])] * 20
        (channel,) = channels_of(disk.home, settings)
        with pytest.raises(NoticeFailed, match="cannot be written"):
            channel.send(many, AT)
        assert [line["subject"] for line in lines_of(disk.home)] == ["STI is stale"]
