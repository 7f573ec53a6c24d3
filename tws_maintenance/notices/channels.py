"""The ways of telling: mail, a webhook that takes Slack's JSON, a file of JSON lines.

Each either delivers or raises; nothing is tried again here, the next look is the next try.
"""

import json
import os
import smtplib
import ssl
from collections.abc import Callable, Iterator
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid

from tws_maintenance.clock import utc_text
from tws_maintenance.errors import TwsMaintenanceError
from tws_maintenance.home import Home
from tws_maintenance.notices.incidents import Incident
from tws_maintenance.settings import NoticeSettings

SECONDS = 15.0
FILE = "notices.jsonl"
Channel = Callable[[list[Incident], datetime], None]


class NoticeFailed(TwsMaintenanceError):
    """A notice could not be delivered; it is tried again at the next look."""


def channels_of(home: Home, settings: NoticeSettings) -> Iterator[tuple[str, Channel]]:
    """Yield the channels that the settings switch on, by name."""
    if settings.smtp_host:
        yield "mail", lambda found, at: _mail(settings, found, at)
    if settings.webhook_url:
        yield "webhook", lambda found, _: _webhook(settings, found)
    if settings.file:
        yield "file", lambda found, at: _file(home, found, at)


def subject_of(incidents: list[Incident]) -> str:
    """Return one line that names the first, and how many more there are."""
    more = f" and {len(incidents) - 1} more" if len(incidents) > 1 else ""
    return " ".join(f"{incidents[0].subject}{more}".split())


def text_of(incidents: list[Incident]) -> str:
    """Return all of them as plain text."""
    return "\n\n".join(f"[{one.kind}] {one.subject}\n{one.text}" for one in incidents)


def _mail(settings: NoticeSettings, incidents: list[Incident], at: datetime) -> None:
    message = EmailMessage()
    message["Subject"] = f"[tws_maintenance] {subject_of(incidents)}"
    message["From"] = settings.sender
    message["To"] = ", ".join(settings.recipients)
    message["Date"] = format_datetime(at)
    message["Message-ID"] = make_msgid(domain="tws-maintenance.local")
    message.set_content(text_of(incidents))
    where = f"{settings.smtp_host} port {settings.smtp_port}"
    try:
        with _server(settings) as server:
            if settings.smtp_user and settings.smtp_password:
                server.login(settings.smtp_user, settings.smtp_password.get_secret_value())
            server.send_message(message)
    except (OSError, smtplib.SMTPException) as error:
        raise NoticeFailed(f"The mail server {where} did not take the notice: {error}") from error


def _server(settings: NoticeSettings) -> smtplib.SMTP:
    host, port = settings.smtp_host, settings.smtp_port
    context = ssl.create_default_context()
    if settings.smtp_security == "tls":
        return smtplib.SMTP_SSL(host, port, timeout=SECONDS, context=context)
    server = smtplib.SMTP(host, port, timeout=SECONDS)
    if settings.smtp_security == "starttls":
        try:
            server.starttls(context=context)
        except BaseException:
            server.close()
            raise
    return server


def _webhook(settings: NoticeSettings, incidents: list[Incident]) -> None:
    import requests

    assert settings.webhook_url is not None
    told = {"text": f"*{subject_of(incidents)}*\n{text_of(incidents)}"}
    try:
        answer = requests.post(
            settings.webhook_url.get_secret_value(),
            json=told,
            timeout=SECONDS,
            allow_redirects=False,
        )
    except requests.RequestException as error:
        # The address is a secret: only what kind of error it was is told.
        raise NoticeFailed(f"The webhook was not reached: {type(error).__name__}") from None
    if not answer.ok or answer.is_redirect:
        raise NoticeFailed(f"The webhook answered {answer.status_code}, expected 2xx")


def _file(home: Home, incidents: list[Incident], at: datetime) -> None:
    lines = [
        {"at": utc_text(at), "kind": one.kind, "subject": one.subject, "text": one.text}
        for one in incidents
    ]
    content = "".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in lines).encode()
    path = home.logs / FILE
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # One write of whole lines: a reader never sees half of one.
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(descriptor, content)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise NoticeFailed(f"{home.relative(path)} cannot be written: {error.strerror}") from error
