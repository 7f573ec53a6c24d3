"""The ways of telling: mail, a webhook that takes Slack's JSON, a file of JSON lines.

Each either delivers or raises; nothing is tried again here, the next look is the next try.
"""

import json
import os
import platform
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

# A look has a minute, in which Dagster waits for its sensor: for all channels together.
SECONDS = 10.0
FILE = "notices.jsonl"
# Delivers, and returns what is amiss all the same, "" for nothing.
Channel = Callable[[list[Incident], datetime], str]


class NoticeFailed(TwsMaintenanceError):
    """A notice could not be delivered; it is tried again at the next look."""


def channels_of(home: Home, settings: NoticeSettings) -> Iterator[tuple[str, Channel]]:
    """Yield the channels that the settings switch on, by name."""
    if settings.smtp_host:
        yield "mail", lambda found, at: _mail(home, settings, found, at)
    if settings.webhook_url:
        yield "webhook", lambda found, _: _webhook(home, settings, found)
    if settings.file:
        yield "file", lambda found, at: _file(home, found, at)


def subject_of(incidents: list[Incident]) -> str:
    """Return one line that names the first, and how many more there are."""
    more = f" and {len(incidents) - 1} more" if len(incidents) > 1 else ""
    return f"{incidents[0].subject}{more}"


def text_of(home: Home, incidents: list[Incident]) -> str:
    """Return all of them as plain text, and which home it is about."""
    told = [f"[{one.kind}] {one.subject}\n{one.text}" for one in incidents]
    return "\n\n".join([*told, f"Home: {home.root} on {platform.node()}"])


def _mail(home: Home, settings: NoticeSettings, incidents: list[Incident], at: datetime) -> str:
    where = f"{settings.smtp_host} port {settings.smtp_port}"
    try:
        message = _message(home, settings, incidents, at)
        with _server(settings) as server:
            _log_in(server, settings)
            refused = server.send_message(message)
    # ValueError: an address or a password with characters that mail has no form for.
    except (OSError, smtplib.SMTPException, ValueError) as error:
        raise NoticeFailed(f"The mail server {where} did not take the notice: {error}") from error
    # The others have it: sent again, they would get it at every look.
    return f"The mail server {where} refused {', '.join(sorted(refused))}" if refused else ""


def _message(
    home: Home, settings: NoticeSettings, incidents: list[Incident], at: datetime
) -> EmailMessage:
    message = EmailMessage()
    message["Subject"] = f"[tws_maintenance] {subject_of(incidents)}"
    message["From"] = settings.sender
    message["To"] = ", ".join(settings.recipients)
    message["Date"] = format_datetime(at)
    message["Message-ID"] = make_msgid(domain="tws-maintenance.local")
    message.set_content(text_of(home, incidents))
    return message


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


def _log_in(server: smtplib.SMTP, settings: NoticeSettings) -> None:
    if not settings.smtp_user:
        return
    if settings.smtp_password is None:
        # Not a mistake of the settings: only the daemon's environment needs to hold it.
        raise NoticeFailed(
            "[notices] smtp_user is set, but TWS_MAINTENANCE_NOTICES__SMTP_PASSWORD is not in the "
            "environment of the daemon: no mail was sent."
        )
    server.login(settings.smtp_user, settings.smtp_password.get_secret_value())


def _webhook(home: Home, settings: NoticeSettings, incidents: list[Incident]) -> str:
    import requests

    assert settings.webhook_url is not None
    told = f"*{_escaped(subject_of(incidents))}*\n{_escaped(text_of(home, incidents))}"
    try:
        with requests.post(
            settings.webhook_url.get_secret_value(),
            json={"text": told},
            timeout=SECONDS,
            allow_redirects=False,
            stream=True,  # an answer that never ends is not waited for
        ) as answer:
            status = answer.status_code
    except (requests.RequestException, ValueError) as error:
        # The address is a secret: only what kind of error it was is told.
        raise NoticeFailed(f"The webhook was not reached: {type(error).__name__}") from None
    if status // 100 != 2:  # noqa: PLR2004 - success, whatever it is called
        raise NoticeFailed(f"The webhook answered {status}, expected 2xx")
    return ""


def _escaped(text: str) -> str:
    """Return `text` as Slack takes it: a name such as <!channel> must not call everybody.

    https://docs.slack.dev/messaging/formatting-message-text#escaping
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _file(home: Home, incidents: list[Incident], at: datetime) -> str:
    lines = [
        {"at": utc_text(at), "kind": one.kind, "subject": one.subject, "text": one.text}
        for one in incidents
    ]
    content = "".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in lines).encode()
    path = home.logs / FILE
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _append(path, content)
    except OSError as error:
        told = error.strerror or str(error)
        raise NoticeFailed(f"{home.relative(path)} cannot be written: {told}") from error
    return ""


def _append(path: os.PathLike[str], content: bytes) -> None:
    """Add whole lines or nothing; a reader never sees half of one."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        before = os.fstat(descriptor).st_size
        if os.write(descriptor, content) < len(content):
            os.ftruncate(descriptor, before)
            raise OSError("the disk is full")
    finally:
        os.close(descriptor)
