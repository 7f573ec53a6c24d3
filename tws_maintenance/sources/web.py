"""A polite and suspicious HTTP client: https, known hosts, bounded size, time and patience.

A fault that may pass is tried again with back-off (`SourceUnreachable`), a final answer is not
(`SourceRefused`): a 403 asked again three times is how an address gets blocked.
"""

import email.utils
import functools
import time
from http import HTTPStatus
from importlib.metadata import version
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
import tenacity
import urllib3.exceptions

from tws_maintenance.config.sections import LOOPBACK_HOSTS, HttpSettings
from tws_maintenance.core.clock import utc_now
from tws_maintenance.core.digest import sha256
from tws_maintenance.core.errors import SourceRefused, SourceUnreachable
from tws_maintenance.sources.model import KnownCopy, RawCopy

CHUNK_BYTES = 1 << 16
MAX_REDIRECTS = 5
MAX_PAUSE = 10.0
# Errors of urllib3 in plain words.
PLAIN_FAULTS = {
    "RemoteDisconnected": "it was closed without an answer",
    "IncompleteRead": "the answer was cut off",
    "Connection reset": "it was reset",
    "Connection refused": "it was refused (nothing listens there)",
    "NameResolutionError": "the host's name could not be resolved",
    "Failed to resolve": "the host's name could not be resolved",
}
TRANSIENT_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})


@functools.cache
def _version() -> str:
    return version("tws_maintenance")


class UnredirectedSession(requests.Session):
    """A session that follows no redirect, because requests reads the body of one without limit.

    `allow_redirects=False` is not enough: it still reads that body to prepare the next request.
    """

    def get_redirect_target(self, resp: requests.Response) -> str | None:  # noqa: ARG002
        """Return None, as if there were no redirect."""
        return None


class WebClient:
    """Fetches addresses of one origin; one client a thread.

    `until` is the `time.monotonic()` after which no more time is spent on this source.
    """

    def __init__(self, settings: HttpSettings, origin: str, *, until: float) -> None:
        self._settings = settings
        self._origin = urlsplit(origin)
        self._until = until
        self._session = UnredirectedSession()
        self._session.headers.update(
            {
                "User-Agent": f"tws-maintenance/{_version()} ({settings.contact})",
                "Accept-Encoding": "gzip, deflate",
            }
        )

    def get(self, url: str, known: KnownCopy | None = None) -> RawCopy:
        """Fetch `url`, trying again what may pass, and return its bytes.

        Raises:
            SourceUnreachable: no good answer came within the attempts and the time.
            SourceRefused: it refused, or its answer may not be read.
        """
        if not self._is_allowed(url):
            raise SourceRefused(f"{url} is not an https address of {self._origin.hostname}")
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(self._is_worth_another_try),
            stop=tenacity.stop_after_attempt(self._settings.attempts),
            wait=self._pause,
            reraise=True,
        )
        return retrying(self._get_once, url, known)

    def _is_allowed(self, url: str) -> bool:
        try:
            parts = urlsplit(url)
            place = (parts.hostname, parts.port)
        except ValueError:  # a redirect may hold any text
            return False
        if place != (self._origin.hostname, self._origin.port):
            return False
        return parts.scheme == "https" or (
            self._origin.scheme == "http" and parts.hostname in LOOPBACK_HOSTS
        )

    def _is_worth_another_try(self, error: BaseException) -> bool:
        if not isinstance(error, SourceUnreachable):
            return False
        pause = error.retry_after or 0.0
        return pause <= self._settings.retry_after_limit and time.monotonic() + pause < self._until

    def _pause(self, state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after if isinstance(error, SourceUnreachable) else None
        if asked is not None:
            return asked
        wave = tenacity.wait_random_exponential(multiplier=self._settings.backoff, max=MAX_PAUSE)
        return min(wave(state), max(0.0, self._until - time.monotonic()))

    def _get_once(self, url: str, known: KnownCopy | None) -> RawCopy:
        headers = {}
        if known and known.etag:
            headers["If-None-Match"] = known.etag
        if known and known.last_modified:
            headers["If-Modified-Since"] = known.last_modified
        for _ in range(MAX_REDIRECTS + 1):
            connect, read = self._timeouts()
            try:
                with self._session.get(
                    url, headers=headers, timeout=(connect, read), stream=True
                ) as answer:
                    if not answer.is_redirect:
                        return self._read(answer, known)
                    url = self._redirected(answer)
            except requests.ConnectTimeout as error:
                raise SourceUnreachable(f"no connection within {connect:.1f} s") from error
            except (requests.Timeout, urllib3.exceptions.ReadTimeoutError) as error:
                raise SourceUnreachable(f"no answer within {read:.1f} s") from error
            except urllib3.exceptions.DecodeError as error:
                raise SourceUnreachable("the compressed answer is damaged") from error
            except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
                raise SourceUnreachable(f"the connection failed: {plain_fault(error)}") from error
        raise SourceRefused(f"more than {MAX_REDIRECTS} redirects, the last one to {url}")

    def _timeouts(self) -> tuple[float, float]:
        """Return the seconds that are left for connecting and for reading."""
        left = self._until - time.monotonic()
        if left <= 0:
            raise SourceUnreachable(
                f"not asked again: the limit of {self._settings.deadline:g} s is over"
            )
        return min(self._settings.connect_timeout, left), min(self._settings.read_timeout, left)

    def _redirected(self, answer: requests.Response) -> str:
        """Return the target of a redirect; SourceRefused outside the hosts of this source."""
        # Header bytes arrive as Latin-1 text, while addresses are UTF-8.
        location = answer.headers["Location"].encode("latin-1").decode("utf-8", "replace")
        try:
            target = urljoin(answer.url, location)
        except ValueError:
            target = location
        if not self._is_allowed(target):
            refused = SourceRefused(
                f"redirected to {target}, which is not one of the hosts of this source. "
                "Nothing was read from there."
            )
            refused.status = answer.status_code
            raise refused
        return target

    def _read(self, answer: requests.Response, known: KnownCopy | None) -> RawCopy:
        status = answer.status_code
        etag = answer.headers.get("ETag")
        last_modified = answer.headers.get("Last-Modified")
        if status == HTTPStatus.NOT_MODIFIED and known is not None:
            content = known.content
            # A 304 need not repeat them (RFC 9110, 15.4.5), and the next run asks with them.
            etag, last_modified = etag or known.etag, last_modified or known.last_modified
        elif status == HTTPStatus.OK:
            content = self._body(answer)
        else:
            raise _refusal(answer, self._settings)
        return RawCopy(
            url=answer.url,
            status=status,
            content=content,
            sha256=sha256(content),
            fetched_at=utc_now(),
            etag=etag,
            last_modified=last_modified,
            served_at=answer.headers.get("Date"),
        )

    def _body(self, answer: requests.Response) -> bytes:
        limit = int(self._settings.max_megabytes * (1 << 20))
        content = bytearray()
        # read1 comes back with whatever is there; iter_content waits for 64 KB, and one byte every
        # few seconds kept it past any deadline.
        while chunk := answer.raw.read1(CHUNK_BYTES, decode_content=True):
            content += chunk
            if len(content) > limit:
                raise SourceRefused(
                    f"the answer is larger than {self._settings.max_megabytes:g} MB after "
                    "decompression; expected about 1 MB. It was not read further."
                )
            if time.monotonic() > self._until:
                raise SourceUnreachable("the answer arrived too slowly")
        if not content.strip():
            raise SourceUnreachable("the answer is empty")
        return bytes(content)


def _refusal(answer: requests.Response, settings: HttpSettings) -> Exception:
    status = answer.status_code
    said = f"HTTP {status} {answer.reason or ''}".strip()
    if status not in TRANSIENT_STATUSES:
        error: SourceRefused | SourceUnreachable = SourceRefused(f"refused with {said}")
    else:
        pause = _retry_after(answer.headers.get("Retry-After"))
        if pause is not None and pause > settings.retry_after_limit:
            said += (
                f"; it asks for a pause of {pause:.0f} s, more than the "
                f"{settings.retry_after_limit:g} s that a run waits. Run again after that"
            )
        error = SourceUnreachable(f"answered {said}", retry_after=pause)
    error.status = status
    return error


def _retry_after(value: str | None) -> float | None:
    """Return the seconds of a Retry-After header: a number or an HTTP date (RFC 9110, 10.2.3)."""
    if value is None:
        return None
    if value.strip().isdecimal():
        return float(value)
    try:
        at = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (at - utc_now()).total_seconds()) if at.tzinfo else None


def plain_fault(error: Any) -> str:
    """Return the innermost reason of a nested requests error, without object addresses."""
    while error.args and isinstance(error.args[0], BaseException):
        error = error.args[0]
    reason = getattr(error, "reason", None)
    text = str(reason if reason is not None else error).rsplit(">: ", maxsplit=1)[-1]
    for sign, fault in PLAIN_FAULTS.items():
        if sign in text:
            return fault
    return text.split("object at 0x", maxsplit=1)[0].strip() or type(error).__name__
