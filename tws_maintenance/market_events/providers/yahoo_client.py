"""Asking Yahoo about many symbols at once, through yfinance: one request a symbol.

Each symbol ends with one of seven outcomes, and a failure is never "no event". At the first rate
limit nothing more is asked: going on is how an address gets blocked for a day.
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

from tws_maintenance.config.markets import venue_of
from tws_maintenance.config.sections import EventSettings, HttpSettings
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
# So many symbols in a row without any answer: Yahoo, or the network, is gone.
HOPELESS = 6
# yfinance renews what 401 refuses; what comes after its renewal is a refusal.
OUTCOMES: tuple[tuple[type[BaseException], SymbolOutcome], ...] = (
    (RateLimited, SymbolOutcome.RATE_LIMITED),
    (BudgetSpent, SymbolOutcome.NOT_ASKED),
    (BadCrumb, SymbolOutcome.BAD_PAYLOAD),
    (PageChanged, SymbolOutcome.BAD_PAYLOAD),
    (SourceRefused, SymbolOutcome.REFUSED),
    (SourceError, SymbolOutcome.UNREACHABLE),
)


class YahooClient:
    """Asks for the calendars of many symbols, until the batch is stopped or `until` has come."""

    def __init__(self, http: HttpSettings, events: EventSettings, *, until: float) -> None:
        # None of its caches on disk: nothing may be written outside the home.
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
        """Return what Yahoo said of each of `symbols`; nothing is raised for a failure."""
        started = time.monotonic()
        with ThreadPoolExecutor(self._threads, thread_name_prefix="yahoo") as pool:
            told = list(pool.map(self._ask, symbols))
        outcomes = {one.symbol: (one.outcome, one.text) for one in told}
        failed = [one for one in told if one.outcome in FAILURES]
        missing = [one.symbol for one in told if one.outcome == SymbolOutcome.UNKNOWN_SYMBOL]
        return Answer(
            provider=YAHOO.name,
            source=self._http.yahoo_url,
            events=tuple(event for one in told for event in one.events),
            covers={one.symbol: date.max for one in told if one.outcome in ANSWERED},
            errors=_summary(failed),
            warnings=(*_unknown(missing), *_without_earnings(told)),
            symbols=outcomes,
            silent={one.symbol: one.silent for one in told if one.silent},
            duration_seconds=round(time.monotonic() - started, 3),
            raw={"yahoo.json": json.dumps({one.symbol: one.payload for one in told}, indent=1)},
        )

    def _ask(self, symbol: str) -> "_Told":
        """Ask about one symbol, again where a fault may pass."""
        venue = venue_of(symbol)
        if venue is None:
            return _Told(symbol, SymbolOutcome.REFUSED, "no symbol of a known market")
        if self._stopped:
            return _Told(symbol, SymbolOutcome.NOT_ASKED, self._stopped)
        last: list[Exception] = []
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(self._is_worth_another_try),
            stop=tenacity.stop_after_attempt(self._http.attempts),
            wait=tenacity.wait_random_exponential(multiplier=self._http.backoff, max=5),
            before_sleep=lambda state: last.append(_fault_of(state)),
            reraise=True,
        )
        try:
            told = retrying(self._ask_once, symbol, venue)
        except Exception as error:  # noqa: BLE001 - a symbol's fault is its own
            # Asked, and the budget left no second try: the first fault is what happened.
            was_asked = isinstance(error, BudgetSpent) and last
            told = _told_of(symbol, last[-1] if was_asked else error)
        self._note(told)
        return told

    def _ask_once(self, symbol: str, venue: Venue) -> "_Told":
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
        return _Told(symbol, outcome, "", events, payload, yahoo.silent_types(payload))

    def _is_worth_another_try(self, error: BaseException) -> bool:
        is_passing = isinstance(error, SourceUnreachable)
        return is_passing and not self._stopped and time.monotonic() < self._until

    def _note(self, told: "_Told") -> None:
        """Stop the batch where going on would be rude or hopeless."""
        with self._lock:
            is_silent = told.outcome in {SymbolOutcome.UNREACHABLE, SymbolOutcome.REFUSED}
            self._silent = self._silent + 1 if is_silent else 0
            if self._stopped:
                return
            if told.outcome == SymbolOutcome.RATE_LIMITED:
                self._stopped = f"stopped at the first rate limit, of {told.symbol}"
            elif self._session.welcome_fault is not None:
                self._stopped = f"stopped without a crumb: {self._session.welcome_fault}"
            elif told.outcome == SymbolOutcome.NOT_ASKED:
                self._stopped = told.text
            elif self._silent >= HOPELESS:
                self._stopped = f"stopped: {HOPELESS} symbols in a row got no good answer"


class _Told:
    """What came of asking about one symbol."""

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


def _told_of(symbol: str, error: Exception) -> _Told:
    if isinstance(error, QuoteMissing):
        return _missing(symbol, error)
    for kind, outcome in OUTCOMES:
        if isinstance(error, kind):
            return _Told(symbol, outcome, str(error))
    return _Told(symbol, SymbolOutcome.UNREACHABLE, f"{type(error).__name__}: {error}"[:200])


def _missing(symbol: str, error: QuoteMissing) -> _Told:
    """Tell "no such symbol" from a 404 of whatever stands between Yahoo and us."""
    try:
        said = json.loads(error.content)["quoteSummary"]["error"]
        is_yahoo = said["code"] == "Not Found"
    except (ValueError, KeyError, TypeError):
        is_yahoo = False
    if not is_yahoo:
        text = "HTTP 404, but not in the words of Yahoo's own answer about an unknown symbol"
        return _Told(symbol, SymbolOutcome.REFUSED, text)
    return _Told(symbol, SymbolOutcome.UNKNOWN_SYMBOL, str(said.get("description"))[:200])


def _summary(failed: Sequence[_Told]) -> tuple[str, ...]:
    """Return a sentence for each kind of failure, naming its symbols."""
    sentences = []
    for outcome in SymbolOutcome:
        group = [one for one in failed if one.outcome == outcome]
        if group:
            names = ", ".join(one.symbol for one in group)
            reasons = sorted({one.text for one in group if one.text})
            told = f": {'; '.join(reasons[:3])}" if reasons else ""
            what = outcome.value.replace("_", " ")
            sentences.append(f"{what}{told} ({names}; what is stored of them stays)")
    return tuple(sentences)


def _without_earnings(told: Sequence[_Told]) -> tuple[str, ...]:
    """Name those without a node of earnings; whether one had to be there, the store decides."""
    symbols = [one.symbol for one in told if EventType.EARNINGS in one.silent]
    if not symbols:
        return ()
    return (f"Yahoo's answer says nothing about earnings of {', '.join(symbols)}, as of a fund",)


def _unknown(symbols: Sequence[str]) -> tuple[str, ...]:
    if not symbols:
        return ()
    told = "a fund, an index, a delisted share or a misspelt symbol"
    return (f"Yahoo has no calendar for {', '.join(symbols)}: {told}",)
