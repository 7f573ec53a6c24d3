"""Full holidays and early closes of the venues, by one package and checked against another.

`holidays` knows names, half days and what Singapore and Hong Kong have announced; it is believed.
`exchange_calendars` is the second opinion, as far as it goes: for Singapore it ends a year
earlier and knows no half days. Regular sessions are in `tws_maintenance.config.indices`; nothing is
fetched here, so what an exchange announced after the packages were released is not known.
"""

import re
import warnings
from collections.abc import Mapping
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
# Left to itself it answers in the language of the host, and "(estimated)" would go unseen.
LANGUAGE = "en_US"
MAX_YEARS_BEHIND = 50
# A few venues, and each with a few years around the present one.
YEARS_KEPT = 64
# exchange_calendars refuses a range without any session, such as a long weekend.
MARGIN = timedelta(days=14)
A_YEAR = timedelta(days=366)
_NOTE = re.compile(r" ?\(([^()]*)\)")


@dataclass(frozen=True)
class VenueCalendar:
    """What is known of a venue in a window.

    Up to `known_until` (a local date; it may lie beyond the window, or before it) a weekday
    without an event is open as usual; later it may or may not be.
    """

    events: tuple[Event, ...]
    known_until: date
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Day:
    """What a package says of a weekday; `closes` (local) is None where it is closed all day."""

    closes: time | None
    name: str = ""
    text: str = ""
    is_estimated: bool = False


# What the operator knows of the venues, by code: it stands beside what the packages say.
Closures = Mapping[str, Mapping[date, Day]]
NO_CLOSURES: Closures = {}


@dataclass(frozen=True)
class SecondOpinion:
    """What exchange_calendars says up to `until`; a weekday that is not in `days` is open."""

    days: dict[date, Day]
    until: date
    has_early_closes: bool


def answer(venue: Venue, window: Window) -> VenueCalendar:
    """Return the holidays and early closes of `venue` in `window`, sorted by date.

    One is estimated where `holidays` says so, where it lies beyond `known_until`, and where the
    two packages contradict each other. A contradiction is a warning and never opens the venue.

    Raises:
        SourceError: the holidays cannot be told.
    """
    today, last = window.today(venue.timezone), window.last(venue.timezone)
    until = known_until(venue, today)
    told = []
    if until < last:
        told.append(f"{venue.name}'s holidays are known until {until}; what comes after is unknown")
    first: dict[date, Day] = {}
    for year in range(today.year, last.year + 1):
        days = days_of(venue, year) or {}
        first |= {day: one for day, one in days.items() if today <= day <= last}
    try:
        second = _second_opinion(venue, today, last)
        if second.until < min(last, until):
            told.append(only_one_knows(venue, second.until))
    # Whatever it raises, only the comparison is lost.
    except Exception as error:  # noqa: BLE001
        second = SecondOpinion({}, date.min, has_early_closes=False)
        told.append(
            f"{venue.name}'s holidays could not be cross-checked: {SECOND} failed with "
            f"{type(error).__name__}: {error}"
        )
    events, contradictions = compare(venue, first, second, until)
    return VenueCalendar(events, until, (*told, *contradictions))


def only_one_knows(venue: Venue, ends: date) -> str:
    """Return what it means that the second opinion about `venue` ends with the day `ends`."""
    return (
        f"{venue.name}'s holidays after {ends} are known to the package {FIRST} only: {SECOND} "
        f"ends there, so that nothing cross-checks them. Update {SECOND} when it knows more"
    )


def second_opinion_ends(venue: Venue) -> date | None:
    """Return the last day that exchange_calendars knows of `venue`, None where it has no end.

    Raises:
        SourceError: it cannot be told.
    """
    try:
        bound = _second_calendar(venue).bound_max()
    # Whatever it raises must not pass for a calendar without an end.
    except Exception as error:
        raise SourceError(
            f"the end of {SECOND}' record of {venue.name} ({venue.code}) cannot be told: "
            f"{type(error).__name__}: {error}. Reinstall or update it."
        ) from error
    return None if bound is None else bound.date()


def known_until(venue: Venue, today: date) -> date:
    """Return the last day of which the absence of a holiday means that `venue` is open.

    `holidays` computes decades ahead, while Singapore and Hong Kong announce one year at a time,
    during the year before. So nothing beyond next year is believed. A year of which any holiday is
    marked as estimated had not been announced when the package was released, and no day of it is
    believed: a lunar holiday that moves changes two days, and those without a mark beside it
    (Deepavali never has one) are no surer. Hong Kong and New York are never marked, because their
    days follow from an ordinance and from the exchange's own rule; only what is closed at short
    notice can be missing there. Where the package has grown so old that this year is estimated,
    the answer lies in the past.

    Raises:
        SourceError: the holidays cannot be told.
    """
    year = today.year
    while year > today.year - MAX_YEARS_BEHIND and not _is_announced(venue, year):
        year -= 1
    if _is_announced(venue, year + 1):
        year += 1
    return date(year, 12, 31)


@lru_cache(YEARS_KEPT)  # computing a year takes milliseconds, and each look asks for several
def days_of(venue: Venue, year: int) -> Mapping[date, Day] | None:
    """Return what `holidays` says of a year's weekdays; None for a year that it does not know.

    A weekday that is not among them is open as usual, if it lies up to `known_until`. A year is
    computed once a process: it depends on the package and on nothing else.

    Raises:
        SourceError: the holidays cannot be told.
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
    # Whatever it raises must not pass for a year without holidays.
    except Exception as error:
        raise SourceError(
            f"the holidays of {venue.name} ({venue.code}) in {year} cannot be told: the package "
            f"{FIRST} failed with {type(error).__name__}: {error}. Reinstall or update it."
        ) from error
    if not full.start_year <= year <= full.end_year:
        return None
    if not full:
        raise SourceError(
            f"the package {FIRST} knows no holiday of {venue.name} ({venue.code}) in {year}, "
            "which cannot be. Reinstall or update it."
        )
    days = {day: _day(text, venue.closes_early) for day, text in half_days.items()}
    days |= {day: _day(text, None) for day, text in full.items()}
    return MappingProxyType({day: one for day, one in days.items() if day.weekday() < SATURDAY})


def with_closures(venue: Venue, days: Mapping[date, Day], closures: Closures) -> dict[date, Day]:
    """Return `days` with those that the operator knows of: closed wins over closing early."""
    merged = dict(days)
    for day, own in closures.get(venue.code, {}).items():
        is_closed = day in merged and merged[day].closes is None
        merged[day] = merged[day] if is_closed else own
    return merged


def is_closed_day(
    venue: Venue, day: date, *, at: datetime | None = None, closures: Closures = NO_CLOSURES
) -> bool | None:
    """Tell whether `venue` is closed all of `day` (local): True, False, or None for unknown.

    `at` (aware) is the present instant, now unless given. Only `holidays` is asked, and the
    operator's `closures`.

    Raises:
        SourceError: the holidays cannot be told.
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
    """Tell whether `at` (aware) falls into a session; a day of which nothing is known may be one.

    Early closes are left out: whoever asks wants to know when to be careful.
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
    """Return the events of what the two packages say, and a warning for each contradiction.

    Closed wins over closing early, and that over open. The missing half days of a package that
    has none at all contradict nothing.
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
            told = " and ".join(f"{source} says {word}" for source, word in words.items())
            contradictions.append(f"{venue.name} on {day}: {told}. Kept as '{event.title}'")
        if is_contradicted or day > until:
            event = replace(event, confidence=Confidence.ESTIMATED)
        events.append(event)
    return tuple(events), tuple(contradictions)


def _word(day: Day | None) -> str:
    if day is None:
        return "open"
    return "closed" if day.closes is None else "closes early"


def _event(venue: Venue, day: date, said: dict[str, Day | None], words: dict[str, str]) -> Event:
    """Return the event of a day: the gravest of what is said, with those who say it."""
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


def _is_announced(venue: Venue, year: int) -> bool:
    days = days_of(venue, year)
    return days is not None and not any(one.is_estimated for one in days.values())


def _day(text: str, closes: time | None) -> Day:
    """Read a name such as `Vesak Day (observed, estimated)`; of its notes only observed stays."""
    name = _NOTE.sub(lambda note: note[0] if note[1] == "observed" else "", text)
    is_estimated = any("estimated" in note for note in _NOTE.findall(text))
    return Day(closes, name, text, is_estimated=is_estimated)


def _second_calendar(venue: Venue) -> Any:
    """Return the class of exchange_calendars for `venue`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pandas' deprecations, of which it has its share
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
    """Return what exchange_calendars says from `first` to `last`, or to where its record ends."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pandas' deprecations, of which it has its share
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
