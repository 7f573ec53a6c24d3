"""The channels for notices: mail, a webhook that takes Slack's JSON, a file of JSON lines.

Each delivers one message or raises; nothing is tried again before the next look. Does not belong
here: which incidents one message holds (`messages`).
"""

import contextlib
import http.client
import json
import os
import platform
import re
import smtplib
import ssl
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from tws_maintenance.config.home import Home
from tws_maintenance.config.settings import NoticeSettings
from tws_maintenance.core.background import begin
from tws_maintenance.core.clock import utc_text
from tws_maintenance.core.errors import TwsMaintenanceError
from tws_maintenance.core.text import some_of
from tws_maintenance.operations.notices.incidents import Incident, one_line
from tws_maintenance.operations.notices.messages import cut

if TYPE_CHECKING:
    import requests

# A look has a minute, in which Dagster waits for its sensor: for all channels together.
SECONDS = 10.0
FILE = "notices.jsonl"
# How many characters of a refusal are shown: enough for its reason.
ANSWER_CHARACTERS = 200
# Shorter parts of an address are words such as `api`, not secrets.
SHORTEST_SECRET = 6
# These refuse this one message, not the sender.
CONTENT_REFUSED = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
    }
)
EXCEEDED_STORAGE = 552  # RFC 1870: the message is too large
PERMANENT = 500


class NoticeFailed(TwsMaintenanceError):
    """A notice could not be delivered; it is tried again at the next look."""


class MessageRefused(NoticeFailed):
    """The channel works but refuses this one message; another may go through."""


@dataclass(frozen=True)
class Channel:
    """One way to send notices.

    `fits` returns whether one message can hold these incidents. `send` delivers them as one message
    and returns what went wrong all the same, "" for nothing; it raises NoticeFailed.
    """

    name: str
    fits: Callable[[list[Incident]], bool]
    send: Callable[[list[Incident], datetime], str]


def channels_of(home: Home, settings: NoticeSettings) -> Iterator[Channel]:
    """Yield the channels that the settings switch on."""
    if settings.smtp_host:
        yield Channel(
            "mail",
            lambda found: _fits(text_of(home, found), settings.mail_max_characters),
            lambda found, at: _mail(home, settings, found, at),
        )
    if settings.webhook_url:
        yield Channel(
            "webhook",
            lambda found: _fits(_escaped(_hooked(home, found)), settings.webhook_max_characters),
            lambda found, _: _webhook(home, settings, found),
        )
    if settings.file:
        yield Channel("file", lambda _: True, lambda found, at: _file(home, found, at))


def subject_of(incidents: list[Incident]) -> str:
    """Return one line that names the first, and how many more there are."""
    return some_of([one.subject for one in incidents], 1)


def text_of(home: Home, incidents: list[Incident]) -> str:
    """Return all of them as plain text, and which home it is about."""
    parts = [f"[{one.kind}] {one.subject}\n{one.text}" for one in incidents]
    return "\n\n".join([*parts, f"Home: {home.root} on {platform.node()}"])


def _mail(home: Home, settings: NoticeSettings, incidents: list[Incident], at: datetime) -> str:
    where = f"{settings.smtp_host} port {settings.smtp_port}"
    try:
        message = _message(home, settings, incidents, at)
        with _server(settings) as server:
            _log_in(server, settings)
            refused = server.send_message(message)
    # ValueError: an address or a password with characters that mail has no form for.
    except (OSError, smtplib.SMTPException, ValueError) as error:
        password = settings.smtp_password
        said = _beginning(str(error), [password.get_secret_value()] if password else [])
        kind = MessageRefused if _is_about_the_message(error) else NoticeFailed
        # Not "from error": it may repeat what was sent.
        raise kind(f"The mail server {where} did not accept the notice: {said}") from None
    # The others have it: sent again, they would get it at every look.
    return f"The mail server {where} refused {', '.join(sorted(refused))}" if refused else ""


def _is_about_the_message(error: Exception) -> bool:
    """Return whether a mail server refused this one message for good, and may take another."""
    code = getattr(error, "smtp_code", 0)
    is_permanent = isinstance(error, smtplib.SMTPDataError) and code >= PERMANENT
    return is_permanent or code == EXCEEDED_STORAGE


def _message(
    home: Home, settings: NoticeSettings, incidents: list[Incident], at: datetime
) -> EmailMessage:
    message = EmailMessage()
    message["Subject"] = f"[tws_maintenance] {subject_of(incidents)}"
    message["From"] = settings.sender
    message["To"] = ", ".join(settings.recipients)
    message["Date"] = format_datetime(at)
    message["Message-ID"] = make_msgid(domain="tws-maintenance.local")
    limit = settings.mail_max_characters
    message.set_content(cut(text_of(home, incidents), lambda text: _fits(text, limit)))
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
    url, limit = settings.webhook_url.get_secret_value(), settings.webhook_max_characters
    shown = cut(_hooked(home, incidents), lambda text: _fits(_escaped(text), limit))
    try:
        # In a thread: a timeout of `requests` begins anew with every byte that trickles in.
        answer = begin(lambda: _posted(url, _escaped(shown)), "notices webhook")
        status, said = answer.result(2 * SECONDS)
    except (requests.RequestException, ValueError, TimeoutError) as error:
        # The address is a secret, so only the kind of the error is shown.
        raise NoticeFailed(f"Could not reach the webhook: {type(error).__name__}") from None
    if status // 100 != 2:  # noqa: PLR2004 - success, whatever it is called
        reason = _beginning(said, _secrets_of(url))
        kind = MessageRefused if status in CONTENT_REFUSED else NoticeFailed
        raise kind(f"The webhook answered {status}, expected 2xx{reason and f': {reason}'}")
    return ""


def _hooked(home: Home, incidents: list[Incident]) -> str:
    """Return the text for a webhook, which has no subject line of its own."""
    return f"*{subject_of(incidents)}*\n{text_of(home, incidents)}"


def _posted(url: str, text: str) -> tuple[int, str]:
    """Post `text` and return the status and, unless it is a success, how the answer begins."""
    import requests

    with requests.post(
        url,
        json={"text": text},
        headers={"Accept-Encoding": "identity"},
        timeout=SECONDS,
        allow_redirects=False,
        stream=True,  # an answer that never ends is not waited for
    ) as answer:
        is_read = not answer.ok
        return answer.status_code, _said(answer, ANSWER_CHARACTERS + len(url)) if is_read else ""


def _said(answer: "requests.Response", limit: int) -> str:
    import urllib3

    content = b""
    # What did arrive may still say why.
    with contextlib.suppress(OSError, http.client.HTTPException, urllib3.exceptions.HTTPError):
        while len(content) < limit and (chunk := answer.raw.read1(limit)):
            content += chunk
    return content[:limit].decode("utf-8", "replace")


def _secrets_of(url: str) -> list[str]:
    """Return each part of the address that may be the secret: an answer may repeat any of them."""
    parts = urlsplit(url)
    text = "/".join((parts.path, parts.query, parts.username or "", parts.password or ""))
    found = {word for form in (text, unquote(text)) for word in re.split(r"[/&=]", form)}
    return [word for word in found if len(word) >= SHORTEST_SECRET]


def _beginning(text: str, secrets: Iterable[str]) -> str:
    """Return the beginning of a server's answer as one line, without the secrets."""
    for secret in sorted(secrets, key=len, reverse=True):
        # As long as the secret, so that the end never cuts one in two.
        text = re.sub(re.escape(secret), "\0" * len(secret), text, flags=re.IGNORECASE)
    return one_line(re.sub("\0+", "***", text[:ANSWER_CHARACTERS]))


def _fits(text: str, limit: int) -> bool:
    """Return whether `text` has at most `limit` characters, by the strictest way to count them.

    JavaScript and Java count a character beyond the first 65,536 as two.
    """
    return len(text.encode("utf-16-le", "surrogatepass")) // 2 <= limit


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
        fault = error.strerror or str(error)
        raise NoticeFailed(f"{home.relative(path)} cannot be written: {fault}") from error
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
