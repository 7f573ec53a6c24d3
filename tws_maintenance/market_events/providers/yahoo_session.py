"""The HTTP session for yfinance, with limits on size, time, hosts and the number of requests.

yfinance has a fixed timeout of 30 s, reads answers of any size, follows any redirect, asks twice
more after each refusal, and would use an error text as its crumb. It has no settings for these, but
all its requests go through a session.
Belongs here: limits and refusals. Does not: what is asked (`yahoo_client`).
"""

import re
import threading
import time
from collections import Counter
from collections.abc import Mapping
from enum import StrEnum
from http import HTTPStatus
from typing import Any
from urllib.parse import urljoin, urlsplit, urlunsplit

from curl_cffi import CurlError
from curl_cffi.requests import Response, Session
from curl_cffi.requests.exceptions import RequestException

from tws_maintenance.config.sections import LOOPBACK_HOSTS
from tws_maintenance.core.errors import SourceError, SourceRefused, SourceUnreachable
from tws_maintenance.sources.web import TRANSIENT_STATUSES

YAHOO_DOMAIN = "yahoo.com"
MAX_BYTES = 4 << 20
MAX_REDIRECTS = 5
REDIRECTS = range(HTTPStatus.MULTIPLE_CHOICES, HTTPStatus.BAD_REQUEST)
# An expired crumb is renewed once; another 401 is a refusal.
RENEWALS = 1
WELCOME_FAULTS = 2
_CRUMB = re.compile(r"[!-;=?-~]{1,64}")
# The return value by which a callback makes libcurl stop.
_STOP = 0xFFFFFFFF


class RateLimited(SourceError):
    """Yahoo asks for a pause (HTTP 429); the whole batch stops."""


class BadCrumb(SourceError):
    """Yahoo gave a text that is not a crumb; nothing can be asked with it."""


class BudgetSpent(SourceError):
    """This run has used up its requests or its seconds."""


class QuoteMissing(SourceError):
    """Yahoo answered HTTP 404 for one symbol; `content` is the body."""

    def __init__(self, message: str, content: bytes) -> None:
        super().__init__(message)
        self.content = content


class Kind(StrEnum):
    """The purpose of a request."""

    COOKIE = "cookie"
    CRUMB = "crumb"
    QUOTE = "quote"


class YahooSession(Session[Response]):
    """A curl session that looks like a browser's, with limits.

    Args:
        origin: `https://query2.finance.yahoo.com`, or a stand-in server on this machine.
        until: the `time.monotonic()` after which no request is sent.
        max_requests: how many requests may be sent at most.
        timeout: seconds for one answer.

    Attributes:
        welcome_fault: why there is no cookie or crumb, without which nothing can be asked.
    """

    def __init__(self, origin: str, *, until: float, max_requests: int, timeout: float) -> None:
        super().__init__(impersonate="chrome", allow_redirects=False)
        self._origin = urlsplit(origin)
        self._until = until
        self._left = max_requests
        self._seconds = timeout
        self._count_lock = threading.Lock()
        self._seen: Counter[str] = Counter()
        self.welcome_fault: SourceError | None = None
        # Without a cache on disk, yfinance asks for its cookie before every request.
        self._cookie_answers: dict[str, Response] = {}

    def get(self, url: str, **options: Any) -> Response:
        """Send a GET for yfinance, within the limits."""
        return self._limited("GET", url, options)

    def post(self, url: str, **options: Any) -> Response:
        """Send a POST (Yahoo's form of consent), within the limits."""
        return self._limited("POST", url, options)

    def _limited(self, method: str, url: str, options: Mapping[str, Any]) -> Response:
        kind = _kind_of(url)
        if kind != Kind.QUOTE and self.welcome_fault is not None:
            raise self.welcome_fault
        if method == "GET" and url in self._cookie_answers:
            return self._cookie_answers[url]
        try:
            answer = self._follow(method, url, options)
        except SourceUnreachable as error:
            if kind != Kind.QUOTE:
                self._note_fault(error)
            raise
        if kind == Kind.CRUMB:
            self._judge_crumb(answer)
        elif kind == Kind.QUOTE:
            self._judge_quote(answer)
        elif method == "GET" and answer.cookies:
            self._cookie_answers[url] = answer
        return answer

    def _follow(self, method: str, url: str, options: Mapping[str, Any]) -> Response:
        for _ in range(MAX_REDIRECTS + 1):
            answer = self._send(method, self._placed(url), options)
            location = answer.headers.get("Location")
            if not location or answer.status_code not in REDIRECTS:
                return answer
            url, method = urljoin(url, location), "GET"
            options = {"timeout": options.get("timeout")}
        raise SourceRefused(f"more than {MAX_REDIRECTS} redirects, the last one to {url:.120}")

    def _send(self, method: str, url: str, options: Mapping[str, Any]) -> Response:
        body = bytearray()

        def collect(chunk: bytes) -> int:
            body.extend(chunk)
            return len(chunk) if len(body) <= MAX_BYTES else _STOP

        asked = {
            **options,
            "allow_redirects": False,
            "timeout": self._take(options.get("timeout")),
            "content_callback": collect,
        }
        try:
            answer = self.request(method, url, **asked)  # type: ignore[arg-type]
        except (RequestException, CurlError) as error:
            if len(body) > MAX_BYTES:
                raise SourceRefused(
                    f"the answer is larger than {MAX_BYTES >> 20} MB; expected about 1 kB"
                ) from error
            raise SourceUnreachable(_plain(error)) from error
        answer.content = bytes(body)
        return answer

    def _take(self, timeout: Any) -> float:
        """Take one request from the budget and return the seconds that it may last."""
        with self._count_lock:
            left = self._until - time.monotonic()
            if left <= 0:
                raise BudgetSpent("this run has used up its time")
            if self._left <= 0:
                raise BudgetSpent("this run has used up its requests")
            self._left -= 1
        asked = timeout if isinstance(timeout, int | float) else self._seconds
        return float(min(asked, self._seconds, left))

    def _placed(self, url: str) -> str:
        """Return the address for a request to `url`: Yahoo's or that of its stand-in, no other."""
        parts = urlsplit(url)
        host = parts.hostname or ""
        is_yahoo = host == YAHOO_DOMAIN or host.endswith(f".{YAHOO_DOMAIN}")
        is_stand_in = host == self._origin.hostname
        if self._origin.hostname in LOOPBACK_HOSTS and (is_yahoo or is_stand_in):
            place = {"scheme": self._origin.scheme, "netloc": self._origin.netloc}
            return urlunsplit(parts._replace(**place))
        if parts.scheme != "https" or not is_yahoo:
            raise SourceRefused(
                f"redirected to {url:.120}, which is not Yahoo. Nothing was read from it."
            )
        return url

    def _note_fault(self, error: SourceError) -> None:
        with self._count_lock:
            self._seen["welcome"] += 1
            if self._seen["welcome"] >= WELCOME_FAULTS:
                self.welcome_fault = error

    def _judge_crumb(self, answer: Response) -> None:
        """Raise SourceError unless the answer is a crumb: yfinance would use any text as one."""
        status, text = answer.status_code, answer.text.strip()
        if status == HTTPStatus.TOO_MANY_REQUESTS or "too many requests" in text.casefold():
            self.welcome_fault = RateLimited(
                "Yahoo gives no crumb: too many requests (HTTP 429). Wait an hour, then run again"
            )
        elif status in TRANSIENT_STATUSES:
            self._note_fault(error := SourceUnreachable(f"Yahoo gives no crumb: HTTP {status}"))
            raise error
        elif status >= HTTPStatus.BAD_REQUEST:
            self.welcome_fault = SourceRefused(f"Yahoo gives no crumb: HTTP {status}")
        elif not _CRUMB.fullmatch(text):
            self.welcome_fault = BadCrumb(f"Yahoo's answer is not a crumb: {shown(text)}")
        if self.welcome_fault is not None:
            raise self.welcome_fault

    def _judge_quote(self, answer: Response) -> None:
        """Raise SourceError for a refusal, before yfinance asks again with another crumb."""
        status = answer.status_code
        if status < HTTPStatus.BAD_REQUEST:
            return
        if status == HTTPStatus.UNAUTHORIZED:
            with self._count_lock:
                self._seen["unauthorized"] += 1
                if self._seen["unauthorized"] <= RENEWALS:
                    self._cookie_answers.clear()
                    return
        text = f"HTTP {status}"
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            raise RateLimited(f"{text}: too many requests. Wait an hour, then run again")
        if status == HTTPStatus.NOT_FOUND:
            raise QuoteMissing(text, answer.content)
        if status in TRANSIENT_STATUSES or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise SourceUnreachable(text)
        raise SourceRefused(text)


def shown(text: str) -> str:
    """Return the beginning of an unexpected text, quoted, or what it is if nobody can read it."""
    if not text:
        return "an empty text"
    return repr(text[:60]) if text[:60].isprintable() else "unreadable bytes"


def _kind_of(url: str) -> Kind:
    path = urlsplit(url).path
    if "/quoteSummary/" in path:
        return Kind.QUOTE
    return Kind.CRUMB if path.endswith("/getcrumb") else Kind.COOKIE


def _plain(error: BaseException) -> str:
    """Return libcurl's message without its numbers and the link to its manual."""
    if "timed out" in str(error):
        return "no answer in time"
    text = re.sub(r"^Failed to perform, curl: \(\d+\) |\. See https?://\S+.*$", "", str(error))
    return f"the connection failed: {text.strip() or type(error).__name__}"
