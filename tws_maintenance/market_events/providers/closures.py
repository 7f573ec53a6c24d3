"""Closures that the operator adds before the packages know them: closed days and early closes.

An exchange may announce such a day at short notice (New York announced 9 January 2025 ten days
ahead), and the packages learn it only with a later release. A closure is stored as an event with
the source `operator`, which no sync reads or changes. It never opens a venue.
Belongs here: adding, removing and checking them. Does not: the packages' own days (`calendars`).
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from zoneinfo import ZoneInfo

from tws_maintenance.config.home import Home
from tws_maintenance.config.settings import Settings
from tws_maintenance.config.venues import SATURDAY, VENUES, Venue
from tws_maintenance.core.clock import utc_text
from tws_maintenance.core.errors import SourceError, StoreError, UsageError
from tws_maintenance.market_events.model import (
    CALENDARS,
    OPERATOR,
    UPCOMING_STATUSES,
    Event,
    EventType,
    Pair,
    StoredEvent,
    Window,
)
from tws_maintenance.market_events.providers.calendars import (
    FIRST,
    SECOND,
    Closures,
    Day,
    SecondOpinion,
    compare,
    days_of,
)
from tws_maintenance.market_events.store.event_store import EventStore

# No exchange announces a closure earlier; beyond that, the year is mistyped.
FURTHEST = timedelta(days=2 * 365)
MAX_TITLE = 120
MAX_REASON = 500


class ClosureType(StrEnum):
    """The type of a closure, as the command line names it."""

    HOLIDAY = "holiday"
    EARLY_CLOSE = "early_close"


_EVENT_TYPES = {
    ClosureType.HOLIDAY: EventType.MARKET_HOLIDAY,
    ClosureType.EARLY_CLOSE: EventType.MARKET_EARLY_CLOSE,
}


class UnknownClosure(UsageError):
    """The operator added no such closure; nothing was removed."""


@dataclass(frozen=True)
class Closure:
    """A day on which `venue` is closed, or closes early at `closes` (local), and who added it."""

    venue: Venue
    day: date
    closes: time | None
    title: str
    actor: str
    reason: str

    @property
    def type(self) -> ClosureType:
        """The type: an early close if it has a time, else a holiday."""
        return ClosureType.EARLY_CLOSE if self.closes else ClosureType.HOLIDAY

    def today(self, at: datetime) -> date:
        """Return the date at the venue."""
        return Window(at, 0).today(self.venue.timezone)


def check_time(type_name: str, closes: time | str | None, named: str) -> None:
    """Refuse an early close without a time and a holiday with one; `named` is the option for it.

    Raises:
        UsageError: type and time do not match.
    """
    if type_name == ClosureType.EARLY_CLOSE and closes is None:
        raise UsageError(f"An early close needs its time, by the exchange's clock ({named}).")
    if type_name == ClosureType.HOLIDAY and closes is not None:
        raise UsageError(f"A holiday is closed all day: leave its time out ({named}).")


def venue_named(code: str, venues: Collection[Venue]) -> Venue:
    """Return the venue with that code. Raises UsageError if `venues` has no such code."""
    for venue in venues:
        if venue.code == code:
            return venue
    known = ", ".join(f"{venue.code} ({venue.name})" for venue in venues)
    raise UsageError(f"{code!r} is not a known venue. Expected one of {known}.")


def add(home: Home, settings: Settings, closure: Closure, at: datetime) -> StoredEvent:
    """Store a closure and return it.

    Raises:
        UsageError: the venue is closed on that day anyway, the time is outside its session, or
            that day already has a closure; nothing was stored.
        StoreError: the closure cannot be stored.
    """
    _check(closure, at)
    event = _event(closure, at)
    with EventStore(home, settings) as store:
        store.prepare()
        with store.transaction() as writer:
            known = [one for one in writer.read(OPERATOR) if _is_of(one, closure)]
            for one in known:
                if one.status in UPCOMING_STATUSES:
                    raise UsageError(
                        f"{closure.venue.name} already has a closure on {closure.day}: "
                        f"{one.event.title}. Remove it first: {remove_command(one)}"
                    )
            same = [one for one in known if one.event.event_type is event.event_type]
            if same:  # removed before: it keeps the id by which calendars know it
                writer.change([Pair(same[-1], event)], at, ())
            else:
                writer.insert(OPERATOR, [event], at, ())
            (added,) = (
                one
                for one in writer.read(OPERATOR)
                if _is_of(one, closure) and one.status in UPCOMING_STATUSES
            )
    return added


def remove(
    home: Home,
    settings: Settings,
    venue: Venue,
    day: date,
    *,
    actor: str,
    reason: str,
    at: datetime,
) -> StoredEvent:
    """Withdraw a closure and return it as it was; the store keeps who removed it, and why.

    Raises:
        UnknownClosure: the operator added no closure on that day.
        StoreError: the store cannot be changed.
    """
    with EventStore(home, settings) as store:
        if not _active(store.read(source=OPERATOR), venue, day):
            raise UnknownClosure(_unknown(venue, day))
        store.prepare()
        with store.transaction() as writer:
            found = _active(writer.read(OPERATOR), venue, day)
            if not found:
                raise UnknownClosure(_unknown(venue, day))
            removal = {"removed_by": actor, "removed_why": reason, "removed_at": utc_text(at)}
            for one in found:
                noted = replace(one.event, detail=one.event.detail | removal)
                writer.seen([Pair(one, noted)], at, ())
                writer.retire([replace(one, event=noted)], at)
    return found[0]


def read_closures(home: Home, settings: Settings) -> Closures:
    """Return the days that the operator added, by venue; {} if they cannot be read.

    Without them a venue counts as open on such a day, which is the careful mistake.
    """
    try:
        with EventStore(home, settings) as store:
            return as_days(store.read(source=OPERATOR))
    except StoreError:
        return {}


def as_days(stored: Iterable[StoredEvent]) -> Closures:
    """Return {venue: {day: closure}} of the operator's events that were not removed."""
    found: dict[str, dict[date, Day]] = {}
    for one in stored:
        if one.source == OPERATOR and one.status in UPCOMING_STATUSES:
            event = one.event
            day = Day(event.event_time, str(event.detail.get("name", "")), event.title)
            found.setdefault(event.subject, {})[event.event_date] = day
    return found


def to_dict(one: StoredEvent) -> dict[str, str | None]:
    """Return {venue, type, date, closes, title, reason, actor, added_at} of a stored closure."""
    event, detail = one.event, one.event.detail
    closes = event.event_time
    return {
        "venue": event.subject,
        "type": (ClosureType.EARLY_CLOSE if closes else ClosureType.HOLIDAY).value,
        "date": event.event_date.isoformat(),
        "closes": f"{closes:%H:%M}" if closes else None,
        "title": event.title,
        "reason": str(detail.get("reason", "")),
        "actor": str(detail.get("actor", "")),
        "added_at": str(detail.get("added_at", "")),
    }


def to_come(home: Home, settings: Settings, at: datetime) -> list[StoredEvent]:
    """Return the operator's closures from today on, by date. Raises StoreError."""
    with EventStore(home, settings) as store:
        stored = store.read(source=OPERATOR)
    return [
        one
        for one in stored
        if one.status in UPCOMING_STATUSES
        and one.event.event_date >= Window(at, 0).today(one.event.market_timezone)
    ]


def remove_command(one: StoredEvent) -> str:
    """Return the command that removes a closure."""
    named = f"--venue {one.event.subject} --date {one.event.event_date}"
    return f"python -m tws_maintenance events remove {named}"


def judge(stored: Iterable[StoredEvent], known: Sequence[Event], at: datetime) -> list[str]:
    """Return a sentence for each coming closure that the packages confirm or contradict.

    `known` are the events of both packages, as answered or stored; other days are looked up in
    `holidays`.
    """
    found = []
    for one in stored:
        zone = one.event.market_timezone
        is_to_come = one.event.event_date >= Window(at, 0).today(zone)
        if one.source == OPERATOR and one.status in UPCOMING_STATUSES and is_to_come:
            found += list(_verdict(one, _of_day(one.event, known)))
    return found


def _verdict(one: StoredEvent, listed: Event | None) -> Iterator[str]:
    event = one.event
    named = f"{event.event_date} '{event.title}' (added by {event.detail.get('actor', OPERATOR)})"
    if listed is None:
        if newer := _newer(event.detail.get("packages")):
            yield (
                f"{named}: still not known to {newer}, released since. Check the exchange's "
                f"announcement; if the closure is off: {remove_command(one)}"
            )
        return
    who = " and ".join(_sources(listed) or [FIRST])
    has = "have" if " and " in who else "has"
    if _is_the_same(event, listed):
        yield (
            f"{named}: confirmed, {who} {has} '{listed.title}'. You can remove it: "
            f"{remove_command(one)}"
        )
        return
    counted = "closed" if EventType.MARKET_HOLIDAY in (event.event_type, listed.event_type) else ""
    counted = counted or f"closing at {event.event_time:%H:%M}"
    yield (
        f"{named}: contradicted, {who} {has} '{listed.title}'; treated as {counted}. Check the "
        f"exchange's announcement; if the closure is wrong: {remove_command(one)}"
    )


def _is_the_same(event: Event, listed: Event) -> bool:
    """Return whether the packages list the same; a half day without its own time matches any."""
    if event.event_type is not listed.event_type:
        return False
    has_its_own_time = SECOND in _sources(listed)
    return not has_its_own_time or event.event_time == listed.event_time


def _of_day(event: Event, known: Iterable[Event]) -> Event | None:
    """Return the packages' event on the day of `event`, None for a regular day."""
    for one in known:
        if one.subject == event.subject and one.event_date == event.event_date:
            return one
    venue = VENUES.get(event.subject)
    if venue is None:
        return None
    try:
        days = days_of(venue, event.event_date.year) or {}
    except SourceError:
        return None
    only = {day: one for day, one in days.items() if day == event.event_date}
    none = SecondOpinion({}, date.min, has_early_closes=False)
    events, _ = compare(venue, only, none, event.event_date)
    return next(iter(events), None)


def known_now(stored: Iterable[StoredEvent]) -> list[Event]:
    """Return the stored events of the packages, as of the last sync."""
    return [
        one.event
        for one in stored
        if one.source == CALENDARS.name and one.status in UPCOMING_STATUSES
    ]


def _sources(listed: Event) -> list[str]:
    """Return the packages that list an event."""
    found = listed.detail.get("sources")
    return [str(one) for one in found] if isinstance(found, list | tuple) else []


def _packages() -> dict[str, str]:
    found = {}
    for name in (FIRST, SECOND):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _newer(before: object) -> str:
    """Return the packages whose version differs from `before`, such as "holidays 0.110"."""
    known = before if isinstance(before, Mapping) else {}
    changed = [f"{n} {now}" for n, now in _packages().items() if n in known and known[n] != now]
    return " and ".join(changed)


def _check(closure: Closure, at: datetime) -> None:
    venue, day = closure.venue, closure.day
    today = closure.today(at)
    if abs(day - today) > FURTHEST:
        raise UsageError(f"{day} is more than two years away. Check the year.")
    if day.weekday() >= SATURDAY:
        raise UsageError(f"{day} is a {day:%A}: {venue.name} is closed anyway.")
    closes = closure.closes
    if closes is not None and not venue.opens < closes < venue.closes:
        raise UsageError(
            f"{closes:%H:%M} is outside the session of {venue.name}, {venue.opens:%H:%M} to "
            f"{venue.closes:%H:%M}. Expected the local time at which it closes early."
        )
    for name, text, longest in (
        ("title", closure.title, MAX_TITLE),
        ("reason", closure.reason, MAX_REASON),
    ):
        if not text.strip():
            raise UsageError(f"The {name} is empty. Describe the announcement in a few words.")
        if len(text) > longest or not text.isprintable():
            raise UsageError(
                f"The {name} must be one line of at most {longest} printable characters."
            )


def _event(closure: Closure, at: datetime) -> Event:
    venue, closes = closure.venue, closure.closes
    zone = ZoneInfo(venue.timezone)
    what = f"closes early at {closes:%H:%M}" if closes else "closed"
    starts = datetime.combine(closure.day, closes, zone).astimezone(UTC) if closes else None
    return Event(
        event_type=_EVENT_TYPES[closure.type],
        subject=venue.code,
        title=f"{venue.name} {what}: {closure.title.strip()}",
        event_date=closure.day,
        market_timezone=venue.timezone,
        event_time=closes,
        start_at_utc=starts,
        description=closure.reason.strip(),
        detail={
            "venue": venue.code,
            "name": closure.title.strip(),
            "actor": closure.actor,
            "reason": closure.reason.strip(),
            "added_at": utc_text(at),
            "packages": _packages(),
        },
    )


def _is_of(one: StoredEvent, closure: Closure) -> bool:
    return (one.event.subject, one.event.event_date) == (closure.venue.code, closure.day)


def _active(stored: Iterable[StoredEvent], venue: Venue, day: date) -> list[StoredEvent]:
    return [
        one
        for one in stored
        if (one.event.subject, one.event.event_date) == (venue.code, day)
        and one.status in UPCOMING_STATUSES
    ]


def _unknown(venue: Venue, day: date) -> str:
    return (
        f"No operator added a closure of {venue.name} on {day}, so nothing was removed. "
        "Closures from the packages cannot be removed. List them with: "
        "python -m tws_maintenance events list"
    )
