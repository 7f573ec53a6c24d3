"""Asking the robot over HTTP: what is listed here, and nothing else.

Every call reads, except the login and the refresh of its events. A call whose session has expired
logs in once more. Redirects are never followed: an anonymous call is sent to the login page,
and anything else that redirects is not the robot.
"""

import email.utils
import time
from collections.abc import Mapping
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import urljoin, urlsplit

import requests
import urllib3.exceptions
from pydantic import BaseModel, ValidationError

from tws_maintenance.config.environment import PREFIX
from tws_maintenance.config.settings import LOOPBACK_HOSTS, RobotSettings
from tws_maintenance.core.background import begin
from tws_maintenance.core.clock import utc_now
from tws_maintenance.core.errors import RobotChanged, RobotRefused, RobotUnreachable
from tws_maintenance.robot import answers
from tws_maintenance.robot.tokens import find_tokens
from tws_maintenance.sources.web import UnredirectedSession, plain_fault

FRONT = "/"
LOGIN = "/auth/login"
POSITIONS = "/api/account/positions"
STRATEGIES = "/api/strategies/"
UPCOMING = "/api/market-events/upcoming"
SYNC_LOG = "/api/market-events/sync-log"
CACHES = "/api/maintenance/caches"
REFRESH = "/api/market-events/refresh"
PASSWORD_VARIABLE = f"{PREFIX}ROBOT__PASSWORD"

# A timeout is for one read of a socket; a whole answer may take this much longer.
TIMES_THE_TIMEOUT, GRACE_SECONDS = 2, 1.0
MAX_BYTES = 5 << 20
CHUNK_BYTES = 1 << 16
LOGS_ASKED = 200
MAX_REDIRECTS = 3
_REDIRECTS = frozenset({301, 302, 303, 307, 308})

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class _Answer:
    status: int
    content: bytes
    location: str
    asked_at: datetime
    ended_at: datetime
    served_at: str | None

    @property
    def text(self) -> str:
        """The page, odd bytes replaced."""
        return self.content.decode("utf-8", "replace")

    @property
    def wants_login(self) -> bool:
        """Whether it is what an anonymous caller gets."""
        to_login = self.status in _REDIRECTS and urlsplit(self.location).path.startswith("/auth/")
        return to_login or self.status == HTTPStatus.UNAUTHORIZED


class RobotClient:
    """One session with the robot; for one thread at a time.

    Every method raises RobotUnreachable, RobotRefused or RobotChanged.
    """

    def __init__(self, settings: RobotSettings) -> None:
        self._settings = settings
        self._is_local = urlsplit(settings.url).hostname in LOOPBACK_HOSTS
        self._is_logged_in = False
        self._csrf_token = ""
        self._form_token = ""
        self._begin_session()

    def positions(self) -> list[answers.Position]:
        """Return what the robot holds, options and zero quantities too."""
        return self._read(POSITIONS, answers.Positions).positions

    def strategies(self) -> answers.Strategies:
        """Return the robot's strategies and the symbols that they trade."""
        return self._read(STRATEGIES, answers.Strategies)

    def upcoming(self, days: int) -> answers.Upcoming:
        """Return the robot's stored events of the next `days`, unreadable ones separately."""
        return self._read(UPCOMING, answers.Upcoming, {"days": days})

    def sync_log(self) -> answers.SyncLog:
        """Return the newest lines of the robot's log of refreshes."""
        return self._read(SYNC_LOG, answers.SyncLog, {"limit": LOGS_ASKED})

    def caches(self) -> answers.Caches:
        """Return what the robot's `CacheGuard` reports about its caches."""
        return self._read(CACHES, answers.Caches)

    def refresh(self, days: int) -> tuple[answers.RefreshStarted, datetime]:
        """Ask for a refresh of the robot's events; return the answer and the robot's time.

        It returns at once: the refresh goes on in the robot. The instant is exact where the robot
        runs on this machine, else of its Date header, which knows whole seconds, less the time
        that the call took: the refresh may have begun before the answer was dated.
        """
        self._log_in_first()
        answer = self._post_refresh(days)
        if answer.status == HTTPStatus.BAD_REQUEST or answer.wants_login:
            # The session or its token was over: the robot has done nothing yet.
            self._is_logged_in, self._csrf_token = False, ""
            self._log_in_first()
            answer = self._post_refresh(days)
        at = answer.asked_at
        if not self._is_local and (served_at := _instant(answer.served_at)):
            at = served_at - (answer.ended_at - answer.asked_at)
        return self._checked(REFRESH, answer, answers.RefreshStarted), at

    def _post_refresh(self, days: int) -> _Answer:
        if not self._csrf_token:
            self._csrf_token = self._page_token()
        headers = {"X-CSRFToken": self._csrf_token, "Referer": self._settings.url + FRONT}
        return self._send("POST", REFRESH, params={"days": days}, headers=headers)

    def _read(
        self, path: str, model: type[Model], params: Mapping[str, int] | None = None
    ) -> Model:
        if self._settings.password is not None:
            self._log_in_first()
        answer = self._send("GET", path, params=params)
        if answer.wants_login:
            self._is_logged_in = False
            self._log_in_first()
            answer = self._send("GET", path, params=params)
        return self._checked(path, answer, model)

    def _checked(self, path: str, answer: _Answer, model: type[Model]) -> Model:
        where = f"{self._settings.url}{path}"
        if answer.wants_login:
            raise RobotRefused(
                f"{where} still asks for a login after one as {self._settings.username!r} "
                "succeeded. Check that the robot keeps sessions and that its clock is right."
            )
        if answer.status != HTTPStatus.OK:
            raise RobotRefused(f"{where} answered HTTP {answer.status}")
        try:
            return model.model_validate_json(answer.content)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"]) or "the answer"
            message = first["msg"].removeprefix("Value error, ")
            raise RobotChanged(
                f"{where} answered in an unexpected form: {place}: {message}. "
                "Check that [robot] url is the robot's own address."
            ) from error

    def _log_in_first(self) -> None:
        if self._is_logged_in:
            return
        if self._settings.password is None:
            raise RobotRefused(
                f"{self._settings.url} asks for a login, but no password is set. "
                f"Set {PASSWORD_VARIABLE} where tws_maintenance is started."
            )
        page = self._send("GET", LOGIN)
        self._form_token = find_tokens(page.text).form
        if page.status != HTTPStatus.OK or not self._form_token:
            raise RobotChanged(
                f"{self._settings.url}{LOGIN} (HTTP {page.status}) has no login form of the "
                "robot. Check that [robot] url is the robot's own address."
            )
        form = {
            "username": self._settings.username,
            "password": self._settings.password.get_secret_value(),
            "csrf_token": self._form_token,
        }
        headers = {"Referer": self._settings.url + LOGIN}
        answer = self._send("POST", LOGIN, data=form, headers=headers)
        if answer.status not in _REDIRECTS or answer.wants_login:
            raise RobotRefused(
                f"{self._settings.url} refused the login as {self._settings.username!r} (HTTP "
                f"{answer.status}). Correct [robot] username or {PASSWORD_VARIABLE}."
            )
        self._is_logged_in = True

    def _page_token(self) -> str:
        """Return the token of the front page, following its redirects within the robot.

        The login form's token is of the same session and serves as well.
        """
        url = self._settings.url + FRONT
        for _ in range(MAX_REDIRECTS):
            if not url.startswith(self._settings.url + "/"):
                break
            page = self._send("GET", url.removeprefix(self._settings.url))
            if page.status not in _REDIRECTS:
                return find_tokens(page.text).page or self._form_token
            url = page.location
        return self._form_token

    def _send(self, method: str, path: str, **asked: Any) -> _Answer:
        """Ask in a thread, because no socket timeout covers headers that trickle in."""
        session = self._session
        answer = begin(lambda: self._sent(session, method, path, **asked), "robot-call")
        limit = TIMES_THE_TIMEOUT * self._settings.timeout + GRACE_SECONDS
        try:
            return answer.result(limit)
        except FutureTimeout as error:
            self._begin_session()  # the former is still in use
            raise RobotUnreachable(
                f"{self._settings.url}{path} did not answer completely within {limit:g} s"
            ) from error

    def _begin_session(self) -> None:
        self._session = UnredirectedSession()
        # A proxy of the environment is for the internet; nor has ~/.netrc anything to say here.
        self._session.trust_env = not self._is_local
        self._is_logged_in, self._csrf_token, self._form_token = False, "", ""

    def _sent(self, session: requests.Session, method: str, path: str, **asked: Any) -> _Answer:
        url = f"{self._settings.url}{path}"
        limit, asked_at = self._settings.timeout, utc_now()
        until = time.monotonic() + TIMES_THE_TIMEOUT * limit
        try:
            with session.request(
                method, url, timeout=limit, stream=True, allow_redirects=False, **asked
            ) as answer:
                content = self._body(answer, url, until)
                location = urljoin(url, answer.headers.get("Location", ""))
                served_at = answer.headers.get("Date")
                return _Answer(
                    answer.status_code, content, location, asked_at, utc_now(), served_at
                )
        except (requests.Timeout, urllib3.exceptions.ReadTimeoutError) as error:
            raise RobotUnreachable(f"{url} did not answer within {limit:g} s") from error
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise RobotUnreachable(
                f"The connection to {url} failed: {plain_fault(error)}. Is the robot running, and "
                "is [robot] url right?"
            ) from error

    @staticmethod
    def _body(answer: requests.Response, url: str, until: float) -> bytes:
        content = bytearray()
        while chunk := answer.raw.read1(CHUNK_BYTES, decode_content=True):
            content += chunk
            if len(content) > MAX_BYTES:
                raise RobotChanged(f"{url} answered with more than {MAX_BYTES >> 20} MB")
            if time.monotonic() > until:
                raise RobotUnreachable(f"{url} answered too slowly")
        return bytes(content)


def _instant(http_date: str | None) -> datetime | None:
    """Return the instant of a Date header (RFC 9110, 5.6.7), in whole seconds."""
    try:
        at = email.utils.parsedate_to_datetime(http_date or "")
    except ValueError:
        return None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
