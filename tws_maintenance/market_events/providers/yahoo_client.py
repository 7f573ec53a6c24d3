"""Asking Yahoo about many symbols at once, through yfinance: one request for each symbol.

Each symbol ends with one of the outcomes in `SymbolOutcome`, and a failure is never "no event".
Asking stops at the first rate limit: an address that goes on gets blocked for a day.
Belongs here: asking, retries, and outcomes. Does not: limits of the connection (`yahoo_session`),
or reading an answer (`yahoo`).
"""

import json
import logging
import os
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

import tenacity
import yfinance
from yfinance.data import YfData

from tws_maintenance.config.sections import EventSettings, HttpSettings
from tws_maintenance.config.symbol_markets import venue_of
from tws_maintenance.config.venues import Venue
from tws_maintenance.core.errors import PageChanged, SourceError, SourceRefused, SourceUnreachable
from tws_maintenance.market_events.model import (
    ANSWERED,
    YAHOO,
    Answer,
    Event,
    EventType,
    SymbolOutcome,
)
from tws_maintenance.market_events.providers import yahoo
from tws_maintenance.market_events.providers.yahoo_session import (
    BadCrumb,
    BudgetSpent,
    QuoteMissing,
    RateLimited,
    YahooSession,
    shown,
)

PATH = "/v10/finance/quoteSummary/"
PARAMETERS = {"modules": "calendarEvents", "formatted": "false"}
# After so many symbols in a row without an answer, Yahoo or the network counts as gone.
HOPELESS = 6
# yfinance renews its crumb after a 401; another 401 is a refusal.
OUTCOMES: tuple[tuple[type[BaseException], SymbolOutcome], ...] = (
    (RateLimited, SymbolOutcome.RATE_LIMITED),
    (BudgetSpent, SymbolOutcome.NOT_ASKED),
    (BadCrumb, SymbolOutcome.BAD_PAYLOAD),
    (PageChanged, SymbolOutcome.BAD_PAYLOAD),
    (SourceRefused, SymbolOutcome.REFUSED),
    (SourceError, SymbolOutcome.UNREACHABLE),
)


class YahooClient:
    """Asks for the calendars of many symbols, until `until` or until the batch is stopped."""

    def __init__(self, http: HttpSettings, events: EventSettings, *, until: float) -> None:
        # No caches on disk: nothing may be written outside the home.
        yfinance.set_tz_cache_location(os.devnull)
        logging.getLogger("yfinance").setLevel(logging.CRITICAL)
        self._http = http
        self._threads = events.threads
        self._until = until
        self._session = YahooSession(
            http.yahoo_url,
            until=until,
            max_requests=events.max_requests,
            timeout=http.connect_timeout + http.read_timeout,
        )
        self._data = YfData(session=self._session)
        self._stopped = ""
        self._silent = 0
        self._lock = threading.Lock()

    def ask(self, symbols: Sequence[str]) -> Answer:
        """Return Yahoo's answer for `symbols`; failures are part of it and are not raised."""
        started = time.monotonic()
        with ThreadPoolExecutor(self._threads, thread_name_prefix="yahoo") as pool:
            answers = list(pool.map(self._ask, symbols))
        outcomes = {one.symbol: (one.outcome, one.text) for one in answers}
        failed = [one for one in answers if one.outcome in FAILURES]
        missing = [one.symbol for one in answers if one.outcome == SymbolOutcome.UNKNOWN_SYMBOL]
        return Answer(
            provider=YAHOO.name,
            source=self._http.yahoo_url,
            events=tuple(event for one in answers for event in one.events),
            covers={one.symbol: date.max for one in answers if one.outcome in ANSWERED},
            errors=_summary(failed),
            warnings=(*_unknown(missing), *_without_earnings(answers)),
            symbols=outcomes,
            silent={one.symbol: one.silent for one in answers if one.silent},
            duration_seconds=round(time.monotonic() - started, 3),
            raw={"yahoo.json": json.dumps({one.symbol: one.payload for one in answers}, indent=1)},
        )

    def _ask(self, symbol: str) -> "_SymbolAnswer":
        """Ask about one symbol, and again after a fault that may pass."""
        venue = venue_of(symbol)
        if venue is None:
            return _SymbolAnswer(symbol, SymbolOutcome.REFUSED, "not a symbol of a known market")
        if self._stopped:
            return _SymbolAnswer(symbol, SymbolOutcome.NOT_ASKED, self._stopped)
        last: list[Exception] = []
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(self._is_worth_another_try),
            stop=tenacity.stop_after_attempt(self._http.attempts),
            wait=tenacity.wait_random_exponential(multiplier=self._http.backoff, max=5),
            before_sleep=lambda state: last.append(_fault_of(state)),
            reraise=True,
        )
        try:
            answer = retrying(self._ask_once, symbol, venue)
        except Exception as error:  # noqa: BLE001 - only this symbol fails
            # The budget left no second try: the first fault is the outcome.
            was_asked = isinstance(error, BudgetSpent) and last
            answer = _fault_answer(symbol, last[-1] if was_asked else error)
        self._note(answer)
        return answer

    def _ask_once(self, symbol: str, venue: Venue) -> "_SymbolAnswer":
        url = f"https://query2.finance.yahoo.com{PATH}{symbol}"
        answer = self._data.get(url, params={**PARAMETERS, "symbol": symbol})
        try:
            payload = json.loads(answer.content)
        except (ValueError, RecursionError) as error:
            raise PageChanged(
                f"Yahoo's answer is not JSON: {shown(answer.content.decode('utf-8', 'replace'))}"
            ) from error
        events = yahoo.parse(symbol, venue, payload)
        outcome = SymbolOutcome.OK if events else SymbolOutcome.NO_EVENT
        return _SymbolAnswer(symbol, outcome, "", events, payload, yahoo.silent_types(payload))

    def _is_worth_another_try(self, error: BaseException) -> bool:
        is_passing = isinstance(error, SourceUnreachable)
        return is_passing and not self._stopped and time.monotonic() < self._until

    def _note(self, answer: "_SymbolAnswer") -> None:
        """Count an answer, and stop the batch at a rate limit or when Yahoo seems gone."""
        with self._lock:
            is_silent = answer.outcome in {SymbolOutcome.UNREACHABLE, SymbolOutcome.REFUSED}
            self._silent = self._silent + 1 if is_silent else 0
            if self._stopped:
                return
            if answer.outcome == SymbolOutcome.RATE_LIMITED:
                self._stopped = f"stopped at the first rate limit, at {answer.symbol}"
            elif self._session.welcome_fault is not None:
                self._stopped = f"stopped without a crumb: {self._session.welcome_fault}"
            elif answer.outcome == SymbolOutcome.NOT_ASKED:
                self._stopped = answer.text
            elif self._silent >= HOPELESS:
                self._stopped = f"stopped: {HOPELESS} symbols in a row got no usable answer"


class _SymbolAnswer:
    """The outcome of asking about one symbol."""

    def __init__(
        self,
        symbol: str,
        outcome: SymbolOutcome,
        text: str = "",
        events: tuple[Event, ...] = (),
        payload: Any = None,
        silent: tuple[EventType, ...] = (),
    ) -> None:
        self.symbol = symbol
        self.outcome = outcome
        self.text = text
        self.events = events
        self.payload = payload
        self.silent = silent


FAILURES = frozenset(SymbolOutcome) - ANSWERED - {SymbolOutcome.UNKNOWN_SYMBOL}


def _fault_of(state: tenacity.RetryCallState) -> Exception:
    assert state.outcome is not None
    fault = state.outcome.exception()
    assert isinstance(fault, Exception)
    return fault


def _fault_answer(symbol: str, error: Exception) -> _SymbolAnswer:
    if isinstance(error, QuoteMissing):
        return _missing(symbol, error)
    for kind, outcome in OUTCOMES:
        if isinstance(error, kind):
            return _SymbolAnswer(symbol, outcome, str(error))
    return _SymbolAnswer(
        symbol, SymbolOutcome.UNREACHABLE, f"{type(error).__name__}: {error}"[:200]
    )


def _missing(symbol: str, error: QuoteMissing) -> _SymbolAnswer:
    """Return "unknown symbol" if the 404 is Yahoo's own; another server's 404 is a refusal."""
    try:
        reported = json.loads(error.content)["quoteSummary"]["error"]
        is_yahoo = reported["code"] == "Not Found"
    except (ValueError, KeyError, TypeError):
        is_yahoo = False
    if not is_yahoo:
        text = "HTTP 404, but not in the form of Yahoo's answer for an unknown symbol"
        return _SymbolAnswer(symbol, SymbolOutcome.REFUSED, text)
    return _SymbolAnswer(
        symbol, SymbolOutcome.UNKNOWN_SYMBOL, str(reported.get("description"))[:200]
    )


def _summary(failed: Sequence[_SymbolAnswer]) -> tuple[str, ...]:
    """Return a sentence for each kind of failure, naming its symbols."""
    sentences = []
    for outcome in SymbolOutcome:
        group = [one for one in failed if one.outcome == outcome]
        if group:
            names = ", ".join(one.symbol for one in group)
            reasons = sorted({one.text for one in group if one.text})
            why = f": {'; '.join(reasons[:3])}" if reasons else ""
            what = outcome.value.replace("_", " ")
            sentences.append(f"{what}{why} ({names}; stored events stay)")
    return tuple(sentences)


def _without_earnings(answers: Sequence[_SymbolAnswer]) -> tuple[str, ...]:
    """Return a warning about symbols without earnings; the store decides if some were expected."""
    symbols = [one.symbol for one in answers if EventType.EARNINGS in one.silent]
    if not symbols:
        return ()
    return (f"Yahoo's answer has no earnings for {', '.join(symbols)}, as for a fund",)


def _unknown(symbols: Sequence[str]) -> tuple[str, ...]:
    if not symbols:
        return ()
    kinds = "a fund, an index, a delisted share or a misspelt symbol"
    return (f"Yahoo has no calendar for {', '.join(symbols)}: {kinds}",)
