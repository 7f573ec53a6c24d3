"""Asking all providers at the same time; the failure of one does not affect the others.

Belongs here: threads, deadlines and failures. Does not: reading an answer (one module each).
"""

import contextlib
import importlib
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import date
from typing import TypedDict

from tws_maintenance.config.sections import EventSettings, HttpSettings
from tws_maintenance.config.venues import VENUES, Venue
from tws_maintenance.core.errors import SourceError, TwsMaintenanceError
from tws_maintenance.market_events.model import (
    CALENDARS,
    FEDERAL_RESERVE,
    PROVIDERS,
    YAHOO,
    Answer,
    Event,
    Json,
    Window,
    WindowJson,
)

# Extra seconds after the deadline, for parsing and for what no socket timeout covers.
GRACE_SECONDS = 4.0
YAHOO_CLIENT = "tws_maintenance.market_events.providers.yahoo_client"


class QuestionJson(TypedDict):
    """A question in the form that is sent to the process."""

    symbols: list[str]
    venues: list[str]
    window: WindowJson
    http: Json
    events: Json


@dataclass(frozen=True)
class Question:
    """The question to the providers: the events of `symbols` and `venues` in `window`."""

    symbols: tuple[str, ...]
    venues: tuple[Venue, ...]
    window: Window
    http: HttpSettings
    events: EventSettings

    def to_dict(self) -> QuestionJson:
        """Return the question as plain values."""
        return {
            "symbols": list(self.symbols),
            "venues": [venue.code for venue in self.venues],
            "window": self.window.to_dict(),
            "http": self.http.model_dump(mode="json"),
            "events": self.events.model_dump(mode="json"),
        }

    @classmethod
    def from_dict(cls, value: QuestionJson) -> "Question":
        """Read what `to_dict` wrote."""
        return cls(
            symbols=tuple(value["symbols"]),
            venues=tuple(VENUES[code] for code in value["venues"]),
            window=Window.from_dict(value["window"]),
            http=HttpSettings.model_validate(value["http"]),
            events=EventSettings.model_validate(value["events"]),
        )


def failed_answers(question: Question, why: str) -> tuple[Answer, ...]:
    """Return for each provider an answer that holds only the error `why`."""
    return tuple(_failed(question, name, why) for name in PROVIDERS)


def ask_all(
    question: Question, meanwhile: Callable[[], object] = lambda: None
) -> tuple[Answer, ...]:
    """Return each provider's answer; one that hangs gets an answer with an error.

    `meanwhile` is called in a thread, once only the network is busy.
    """
    until = time.monotonic() + question.events.deadline
    asked = {FEDERAL_RESERVE.name: _start(FEDERAL_RESERVE.name, question, until)}
    if question.symbols:
        # Yahoo takes longest: its requests go out before the calendars use the processor.
        with contextlib.suppress(Exception):  # asking raises it again and reports it
            importlib.import_module(YAHOO_CLIENT)
    asked[YAHOO.name] = _start(YAHOO.name, question, until)
    asked[CALENDARS.name] = _start(CALENDARS.name, question, until, meanwhile)
    answers = []
    for name in PROVIDERS:
        answer = asked[name]
        left = until + GRACE_SECONDS - time.monotonic()
        try:
            answers.append(answer.result(timeout=max(0.0, left)))
        except TimeoutError:
            why = f"no complete answer within {question.events.deadline:g} s. Run again"
            answers.append(_failed(question, name, why))
    return tuple(answers)


def _start(
    name: str, question: Question, until: float, then: Callable[[], object] = lambda: None
) -> "Future[Answer]":
    answer: Future[Answer] = Future()

    def work() -> None:
        started = time.monotonic()
        try:
            answer.set_result(ASK[name](question, until))
        except Exception as error:  # noqa: BLE001 - only this provider fails
            why = str(error)
            if not isinstance(error, TwsMaintenanceError):
                why = f"unexpected {type(error).__name__}: {error}"
            seconds = round(time.monotonic() - started, 3)
            answer.set_result(_failed(question, name, why, seconds))
        then()

    # A daemon thread: a provider that hangs must not keep the process from ending.
    threading.Thread(target=work, name=name, daemon=True).start()
    return answer


def _failed(question: Question, name: str, why: str, seconds: float = 0.0) -> Answer:
    source = {
        YAHOO.name: question.http.yahoo_url,
        FEDERAL_RESERVE.name: question.http.federal_reserve_url,
    }.get(name, name)
    return Answer(provider=name, source=source, errors=(why,), duration_seconds=seconds)


def _ask_yahoo(question: Question, until: float) -> Answer:
    if not question.symbols:
        text = "no symbols to ask about: hold a position, watch a symbol, or use --symbol"
        return Answer(provider=YAHOO.name, source=question.http.yahoo_url, warnings=(text,))
    from tws_maintenance.market_events.providers.yahoo import judge_days
    from tws_maintenance.market_events.providers.yahoo_client import YahooClient

    answer = YahooClient(question.http, question.events, until=until).ask(question.symbols)
    return judge_days(answer, question.window)


def _ask_federal_reserve(question: Question, until: float) -> Answer:
    from tws_maintenance.market_events.providers import fomc
    from tws_maintenance.sources.web import WebClient

    started = time.monotonic()
    origin = question.http.federal_reserve_url
    raw = WebClient(question.http, origin, until=until).get(f"{origin}{fomc.PAGE_PATH}")
    calendar = fomc.parse(raw.content, today=question.window.today(fomc.TIMEZONE))
    return Answer(
        provider=FEDERAL_RESERVE.name,
        source=raw.url,
        events=fomc.events(calendar, source_url=raw.url),
        covers=dict.fromkeys(map(str, fomc.MeetingKind), calendar.complete_until),
        counts=Counter(
            str(one.last.year)
            for one in calendar.meetings
            if one.kind == fomc.MeetingKind.SCHEDULED
        ),
        warnings=calendar.warnings,
        duration_seconds=round(time.monotonic() - started, 3),
        raw={"fomc.html": raw.content.decode("utf-8", "replace")},
    )


def _ask_calendars(question: Question, until: float) -> Answer:  # noqa: ARG001 - it computes
    from tws_maintenance.market_events.providers import calendars

    started = time.monotonic()
    events: list[Event] = []
    covers: dict[str, date] = {}
    warnings: list[str] = []
    errors: list[str] = []
    for venue in question.venues:
        try:
            found = calendars.answer(venue, question.window)
        except SourceError as error:
            errors.append(f"{venue.name}: {error}")
            continue
        events += found.events
        warnings += found.warnings
        covers[venue.code] = found.known_until
    return Answer(
        provider=CALENDARS.name,
        source="the Python packages holidays and exchange_calendars",
        events=tuple(events),
        covers=covers,
        errors=tuple(errors),
        warnings=tuple(warnings),
        duration_seconds=round(time.monotonic() - started, 3),
    )


ASK: dict[str, Callable[[Question, float], Answer]] = {
    YAHOO.name: _ask_yahoo,
    FEDERAL_RESERVE.name: _ask_federal_reserve,
    CALENDARS.name: _ask_calendars,
}
