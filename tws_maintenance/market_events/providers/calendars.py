"""Holidays and early closes of the venues, from one package and checked against another.

`holidays` decides: it has names, half days and the days that Singapore and Hong Kong announced.
`exchange_calendars` is the second opinion where it can be: for Singapore it ends a year earlier and
has no half days. Nothing is fetched, so days announced after the packages' release are missing.
Belongs here: what the packages say. Does not: regular sessions (`config.venues`), or the closures
that the operator adds (`closures`).
"""

import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from importlib import import_module
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from tws_maintenance.config.venues import SATURDAY, Venue
from tws_maintenance.core.clock import utc_now
from tws_maintenance.core.errors import SourceError
from tws_maintenance.market_events.model import Confidence, Event, EventType, Window

FIRST = "holidays"
SECOND = "exchange_calendars"
# By default it answers in the language of the host, where "(estimated)" would be missed.
LANGUAGE = "en_US"
MAX_YEARS_BEHIND = 50
# A few venues, each with a few years around the present one.
YEARS_KEPT = 64
# exchange_calendars refuses a range without a session, such as a long weekend.
MARGIN = timedelta(days=14)
A_YEAR = timedelta(days=366)
_NOTE = re.compile(r" ?\(([^()]*)\)")


@dataclass(frozen=True)
class VenueCalendar:
    """The holidays and early closes of a venue in a window.

    Up to `known_until` (a local date, possibly before or after the window) a weekday without an
    event is open as usual; later ones may be closed.
    """

    events: tuple[Event, ...]
    known_until: date
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Day:
    """A weekday by one package; `closes` (local) is None if it is closed all day."""

    closes: time | None
    name: str = ""
    text: str = ""
    is_estimated: bool = False


# What says which weekdays of a year are irregular, as `days_of` does.
DaysOf = Callable[[Venue, int], Mapping[date, Day] | None]
# The closures that the operator added, by venue code, in addition to the packages' days.
Closures = Mapping[str, Mapping[date, Day]]
NO_CLOSURES: Closures = {}


@dataclass(frozen=True)
class SecondOpinion:
    """The days of exchange_calendars up to `until`; a weekday that is not in `days` is open."""

    days: dict[date, Day]
    until: date
    has_early_closes: bool


def answer(venue: Venue, window: Window) -> VenueCalendar:
    """Return the holidays and early closes of `venue` in `window`, sorted by date.

    A day is estimated if `holidays` says so, if it is after `known_until`, or if the two packages
    contradict each other. A contradiction is a warning and never opens the venue.

    Raises:
        SourceError: the holidays cannot be computed.
    """
    today, last = window.today(venue.timezone), window.last(venue.timezone)
    until = known_until(venue, today)
    notes = []
    if until < last:
        notes.append(f"{venue.name}'s holidays are known until {until}; later ones are unknown")
    first: dict[date, Day] = {}
    for year in range(today.year, last.year + 1):
        days = days_of(venue, year) or {}
        first |= {day: one for day, one in days.items() if today <= day <= last}
    try:
        second = _second_opinion(venue, today, last)
        if second.until < min(last, until):
            notes.append(only_one_knows(venue, second.until))
    # Any error costs only the comparison.
    except Exception as error:  # noqa: BLE001
        second = SecondOpinion({}, date.min, has_early_closes=False)
        notes.append(
            f"Could not cross-check {venue.name}'s holidays: {SECOND} failed with "
            f"{type(error).__name__}: {error}"
        )
    events, contradictions = compare(venue, first, second, until)
    return VenueCalendar(events, until, (*notes, *contradictions))


def only_one_knows(venue: Venue, ends: date) -> str:
    """Return the sentence about a second opinion on `venue` that ends with the day `ends`."""
    return (
        f"{venue.name}'s holidays after {ends} are known to the package {FIRST} only: {SECOND} "
        f"ends there and cannot cross-check them. Update {SECOND} when a longer release is out"
    )


def second_opinion_ends(venue: Venue) -> date | None:
    """Return the last day of exchange_calendars for `venue`, None if it has no end.

    Raises:
        SourceError: the package failed.
    """
    try:
        bound = _second_calendar(venue).bound_max()
    # No error may pass for a calendar without an end.
    except Exception as error:
        raise SourceError(
            f"could not find the last day of {SECOND} for {venue.name} ({venue.code}): "
            f"{type(error).__name__}: {error}. Reinstall or update it."
        ) from error
    return None if bound is None else bound.date()


def known_until(venue: Venue, today: date, of: "DaysOf | None" = None) -> date:
    """Return the last day up to which a weekday without a holiday means that `venue` is open.

    `holidays` computes decades ahead, but Singapore and Hong Kong announce one year at a time,
    during the year before, so nothing after next year is used. A year with any holiday marked as
    estimated was not yet announced when the package was released. No day of such a year is used:
    a lunar holiday that moves changes two days, and unmarked ones (Deepavali is never marked) are
    no more certain. Hong Kong and New York are never marked, because an ordinance and the
    exchange's rules fix their days; only closures at short notice can be missing there. If the
    package is so old that this year is estimated, the returned day lies in the past.

    `of` is asked for a year's days instead of `days_of`.

    Raises:
        SourceError: the holidays cannot be computed.
    """
    year, of = today.year, of or days_of
    while year > today.year - MAX_YEARS_BEHIND and not _is_announced(of(venue, year)):
        year -= 1
    if _is_announced(of(venue, year + 1)):
        year += 1
    return date(year, 12, 31)


@lru_cache(YEARS_KEPT)  # a year takes milliseconds, and each run needs several
def days_of(venue: Venue, year: int) -> Mapping[date, Day] | None:
    """Return the closed and half weekdays of a year by `holidays`, None for a year it lacks.

    Any other weekday up to `known_until` is open as usual. A year is computed once in a process: it
    depends only on the package.

    Raises:
        SourceError: the holidays cannot be computed.
    """
    try:
        import holidays

        code = venue.holidays_code or venue.code
        full = holidays.financial_holidays(
            code, years=year, categories=("public",), language=LANGUAGE
        )
        # A market without half days has no such category.
        half_days = (
            holidays.financial_holidays(
                code, years=year, categories=("half_day",), language=LANGUAGE
            )
            if "half_day" in full.supported_categories
            else {}
        )
    # No error may pass for a year without holidays.
    except Exception as error:
        raise SourceError(
            f"could not compute the holidays of {venue.name} ({venue.code}) in {year}: the package "
            f"{FIRST} failed with {type(error).__name__}: {error}. Reinstall or update it."
        ) from error
    if not full.start_year <= year <= full.end_year:
        return None
    if not full:
        raise SourceError(
            f"the package {FIRST} has no holidays for {venue.name} ({venue.code}) in {year}; every "
            "year has some. Reinstall or update it."
        )
    days = {day: _day(text, venue.closes_early) for day, text in half_days.items()}
    days |= {day: _day(text, None) for day, text in full.items()}
    return MappingProxyType({day: one for day, one in days.items() if day.weekday() < SATURDAY})


def with_closures(venue: Venue, days: Mapping[date, Day], closures: Closures) -> dict[date, Day]:
    """Return `days` with the operator's closures: closed wins over closing early."""
    merged = dict(days)
    for day, own in closures.get(venue.code, {}).items():
        is_closed = day in merged and merged[day].closes is None
        merged[day] = merged[day] if is_closed else own
    return merged


def is_closed_day(
    venue: Venue, day: date, *, at: datetime | None = None, closures: Closures = NO_CLOSURES
) -> bool | None:
    """Return whether `venue` is closed all of `day` (local): True, False, or None for unknown.

    `at` (aware) is the present instant, by default now. Uses only `holidays` and the operator's
    `closures`.

    Raises:
        SourceError: the holidays cannot be computed.
    """
    if day.weekday() >= SATURDAY:
        return True
    own = closures.get(venue.code, {}).get(day)
    if own is not None and own.closes is None:
        return True
    today = (at or utc_now()).astimezone(ZoneInfo(venue.timezone)).date()
    days = days_of(venue, day.year)
    if days is None or day > known_until(venue, today):
        return None
    return day in days and days[day].closes is None


def may_be_open(venue: Venue, at: datetime, closures: Closures = NO_CLOSURES) -> bool:
    """Return whether `at` (aware) may fall into a session; an unknown day may have one.

    Ignores early closes: callers ask when to be careful.
    """
    if not venue.may_be_open(at):
        return False
    try:
        day = at.astimezone(ZoneInfo(venue.timezone)).date()
        return is_closed_day(venue, day, closures=closures) is not True
    except SourceError:
        return True


def compare(
    venue: Venue, first: dict[date, Day], second: SecondOpinion, until: date
) -> tuple[tuple[Event, ...], tuple[str, ...]]:
    """Return the events of the two packages, and a warning for each contradiction.

    Closed wins over closing early, which wins over open. A package without any half days does not
    contradict the half days of the other.
    """
    events, contradictions = [], []
    for day in sorted(first.keys() | second.days.keys()):
        said = {FIRST: first.get(day)}
        if day <= second.until:
            said[SECOND] = second.days.get(day)
        words = {source: _word(one) for source, one in said.items()}
        event = _event(venue, day, said, words)
        is_contradicted = len(set(words.values())) > 1 and (
            second.has_early_closes or event.event_type is EventType.MARKET_HOLIDAY
        )
        if is_contradicted:
            both = " and ".join(f"{source} says {word}" for source, word in words.items())
            contradictions.append(f"{venue.name} on {day}: {both}. Kept as '{event.title}'")
        if is_contradicted or day > until:
            event = replace(event, confidence=Confidence.ESTIMATED)
        events.append(event)
    return tuple(events), tuple(contradictions)


def _word(day: Day | None) -> str:
    if day is None:
        return "open"
    return "closed" if day.closes is None else "closes early"


def _event(venue: Venue, day: date, said: dict[str, Day | None], words: dict[str, str]) -> Event:
    """Return the event of a day: the most severe of the two, with the packages that list it."""
    word = "closed" if "closed" in words.values() else "closes early"
    first, second = said[FIRST], said.get(SECOND)
    name = first.name if first else ""
    closes = start_at = None
    title = f"{venue.name} closed"
    if word == "closes early":
        closes = (second and second.closes) or venue.closes_early
        start_at = datetime.combine(day, closes, ZoneInfo(venue.timezone)).astimezone(UTC)
        title = f"{venue.name} closes early at {closes:%H:%M}"
    is_estimated = first is not None and first.is_estimated
    return Event(
        event_type=EventType.MARKET_EARLY_CLOSE if closes else EventType.MARKET_HOLIDAY,
        subject=venue.code,
        title=f"{title}: {name}" if name else title,
        event_date=day,
        market_timezone=venue.timezone,
        confidence=Confidence.ESTIMATED if is_estimated else Confidence.CONFIRMED,
        event_time=closes,
        start_at_utc=start_at,
        detail={
            "venue": venue.code,
            "name": name,
            "sources": [source for source, one in words.items() if one == word],
        },
        raw={source: one.text if one else "open" for source, one in said.items()},
    )


def _is_announced(days: Mapping[date, Day] | None) -> bool:
    return days is not None and not any(one.is_estimated for one in days.values())


def _day(text: str, closes: time | None) -> Day:
    """Return the day named such as `Vesak Day (observed, estimated)`; only "observed" stays."""
    name = _NOTE.sub(lambda note: note[0] if note[1] == "observed" else "", text)
    is_estimated = any("estimated" in note for note in _NOTE.findall(text))
    return Day(closes, name, text, is_estimated=is_estimated)


def _second_calendar(venue: Venue) -> Any:
    """Return the class of exchange_calendars for `venue`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecation warnings of pandas
        module = import_module(f"{SECOND}.exchange_calendar_{venue.code.lower()}")
    return getattr(module, f"{venue.code}ExchangeCalendar")


def _around(kind: Any, first: date, last: date) -> Any:
    """Return the calendar class `kind`, whose regular holidays end a year around these days.

    Left to itself it has those of 1970 to 2200, which pandas takes a tenth of a second to compute.
    """
    from pandas.tseries.holiday import AbstractHolidayCalendar

    class OfYears(AbstractHolidayCalendar):
        def holidays(self, start: Any = None, end: Any = None, return_name: bool = False) -> Any:
            whole: Any = super()
            return whole.holidays(start or first - A_YEAR, end or last + A_YEAR, return_name)

    class Around(kind):  # type: ignore[misc]
        @property
        def regular_holidays(self) -> Any:
            regular = super().regular_holidays
            return regular and OfYears(rules=regular.rules)

    return Around


def _second_opinion(venue: Venue, first: date, last: date) -> SecondOpinion:
    """Return the second opinion from `first` to `last`, or to the end of exchange_calendars."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecation warnings of pandas
        kind = _second_calendar(venue)
        bound = kind.bound_max()
        until = last if bound is None else min(last, bound.date())
        if until < first:
            return SecondOpinion({}, until, has_early_closes=False)
        calendar: Any = _around(kind, first, until)(start=first - MARGIN, end=until)
        early = {at.date(): calendar.session_close(at) for at in calendar.early_closes}
        open_days = {at.date() for at in calendar.sessions}
        has_early_closes = bool(calendar.special_closes or calendar.special_closes_adhoc)
    days = {}
    for number in range((until - first).days + 1):
        day = first + timedelta(days=number)
        if day in early:
            closes = early[day].to_pydatetime().astimezone(ZoneInfo(venue.timezone)).time()
            days[day] = Day(closes, text=f"closes at {closes:%H:%M}")
        elif day not in open_days and day.weekday() < SATURDAY:
            days[day] = Day(None, text="closed")
    return SecondOpinion(days, until, has_early_closes)
