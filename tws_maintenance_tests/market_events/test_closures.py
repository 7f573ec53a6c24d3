"""Closures that an operator knows of before the packages do: stored, counted, judged, removed."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time
from typing import Any

import pytest

from tws_maintenance.config.home import Home
from tws_maintenance.config.settings import Settings
from tws_maintenance.config.venues import XHKG, XNYS, XSES, Venue
from tws_maintenance.core.errors import UsageError
from tws_maintenance.market_events.agenda import read_agenda, read_calendar
from tws_maintenance.market_events.diff import compare
from tws_maintenance.market_events.market_hours import VenueState, clock
from tws_maintenance.market_events.model import (
    CALENDARS,
    OPERATOR,
    Answer,
    Event,
    EventStatus,
    EventType,
    StoredEvent,
    Window,
)
from tws_maintenance.market_events.providers import closures
from tws_maintenance.market_events.providers.calendars import Day, is_closed_day, may_be_open
from tws_maintenance.market_events.providers.closures import Closure, UnknownClosure
from tws_maintenance.market_events.store.event_store import EventStore
from tws_maintenance.operations.policy import opened

# A Friday; the closure is of a Thursday thirteen days later.
AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
LATER = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
THURSDAY = date(2026, 12, 3)
NOON = datetime(2026, 12, 3, 17, 0, tzinfo=UTC)
MOURNING = Closure(
    XNYS, THURSDAY, None, "National Day of Mourning", "ada", "press release of the NYSE"
)
EARLY = replace(MOURNING, closes=time(13, 0), title="Storm")


@pytest.fixture
def embedded(home: Home) -> tuple[Home, Settings]:
    """A home whose events lie in its own file."""
    return home, Settings()


def stored(home: Home, settings: Settings) -> list[StoredEvent]:
    with EventStore(home, settings) as store:
        return store.read()


def told_by_packages(
    kind: EventType, *sources: str, closes: time | None = None, title: str = "New York closed"
) -> Event:
    start = datetime.combine(THURSDAY, closes, UTC) if closes else None
    return Event(
        kind,
        "XNYS",
        title,
        THURSDAY,
        XNYS.timezone,
        event_time=closes,
        start_at_utc=start,
        detail={"sources": list(sources)},
    )


def verdict(one: StoredEvent, *known: Event) -> Sequence[str]:
    return closures.judge([one], known, AT)


def test_a_closure_is_stored_with_who_and_why(embedded: tuple[Home, Settings]) -> None:
    added = closures.add(*embedded, MOURNING, AT)

    assert stored(*embedded) == [added]
    assert (added.source, added.status) == (OPERATOR, EventStatus.ACTIVE)
    event = added.event
    assert (event.event_type, event.title, event.event_date, event.start_at_utc, event.symbol) == (
        EventType.MARKET_HOLIDAY,
        "New York closed: National Day of Mourning",
        THURSDAY,
        None,
        None,
    )
    assert closures.to_dict(added) == {
        "venue": "XNYS",
        "type": "holiday",
        "date": "2026-12-03",
        "closes": None,
        "title": "New York closed: National Day of Mourning",
        "reason": "press release of the NYSE",
        "actor": "ada",
        "added_at": "2026-11-20T12:00:00.000Z",
    }


def test_an_early_close_is_an_instant_by_the_clock_of_its_venue(
    embedded: tuple[Home, Settings],
) -> None:
    event = closures.add(*embedded, EARLY, AT).event
    assert event.event_type is EventType.MARKET_EARLY_CLOSE
    assert event.title == "New York closes early at 13:00: Storm"
    assert event.start_at_utc == datetime(2026, 12, 3, 18, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ({"day": date(2026, 12, 5)}, "2026-12-05 is a Saturday: New York is closed anyway"),
        ({"day": date(2062, 12, 4)}, "more than two years away. Check the year."),
        ({"closes": time(16, 0)}, "16:00 is outside the session of New York, 09:30 to 16:00"),
        ({"closes": time(9, 30)}, "09:30 is outside the session"),
        ({"title": "  "}, "The title is empty"),
        ({"reason": ""}, "The reason is empty"),
        ({"title": "a\nb"}, "The title must be one line of at most 120 printable characters"),
        ({"reason": "x" * 501}, "The reason must be one line of at most 500"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_not_stored(
    embedded: tuple[Home, Settings], wanted: dict[str, Any], told: str
) -> None:
    with pytest.raises(UsageError) as refused:
        closures.add(*embedded, replace(MOURNING, **wanted), AT)
    assert told in str(refused.value)
    assert not embedded[0].market_events.exists()


def test_a_day_has_one_closure_that_is_removed_with_who_and_why_and_may_come_back(
    embedded: tuple[Home, Settings],
) -> None:
    added = closures.add(*embedded, MOURNING, AT)
    with pytest.raises(UsageError, match="events remove --venue XNYS --date 2026-12-03"):
        closures.add(*embedded, EARLY, AT)

    removed = closures.remove(*embedded, XNYS, THURSDAY, actor="bob", reason="called off", at=LATER)
    assert removed == added
    (gone,) = stored(*embedded)
    assert (gone.status, gone.sequence) == (EventStatus.STALE, 1)
    said = {"removed_by": "bob", "removed_why": "called off"}
    assert said.items() <= gone.event.detail.items()
    assert gone.event.detail["actor"] == "ada"
    assert closures.read_closures(*embedded) == {}
    content, _ = read_calendar(*embedded, LATER)
    assert b"STATUS:CANCELLED\r\n" in content

    back = closures.add(*embedded, MOURNING, LATER)
    assert (back.event_id, back.sequence, back.status) == (added.event_id, 2, EventStatus.UPDATED)
    assert stored(*embedded) == [back]


@pytest.mark.parametrize("venue", [XNYS, XSES])
def test_what_no_operator_added_cannot_be_removed(
    embedded: tuple[Home, Settings], venue: Venue
) -> None:
    """A home without a store is left without one."""
    with pytest.raises(UnknownClosure, match="Closures from the packages cannot be removed"):
        closures.remove(*embedded, venue, THURSDAY, actor="a", reason="", at=AT)
    assert list(embedded[0].root.iterdir()) == []


def test_the_clocks_count_it_at_once(embedded: tuple[Home, Settings]) -> None:
    assert clock(XNYS, NOON).state is VenueState.OPEN
    closures.add(*embedded, MOURNING, AT)
    known = closures.read_closures(*embedded)

    found = clock(XNYS, NOON, known)
    assert (found.state, found.until) == (
        VenueState.CLOSED,
        datetime(2026, 12, 4, 14, 30, tzinfo=UTC),
    )
    assert is_closed_day(XNYS, THURSDAY, at=AT, closures=known) is True
    assert may_be_open(XNYS, NOON) is True
    assert may_be_open(XNYS, NOON, known) is False
    assert (opened(XNYS, NOON), opened(XNYS, NOON, known)) == (
        "New York is open until 21:00 UTC",
        "",
    )
    assert clock(XHKG, NOON, known) == clock(XHKG, NOON), "others are not concerned"


def test_an_early_close_ends_the_session(embedded: tuple[Home, Settings]) -> None:
    closures.add(*embedded, EARLY, AT)
    found = clock(XNYS, NOON, closures.read_closures(*embedded))
    assert (found.state, found.until) == (
        VenueState.OPEN,
        datetime(2026, 12, 3, 18, 0, tzinfo=UTC),
    )


def test_a_closure_never_opens_a_venue() -> None:
    """Thanksgiving, of which the operator says that it closes early."""
    thanksgiving = datetime(2026, 11, 26, 16, 0, tzinfo=UTC)
    own = {"XNYS": {date(2026, 11, 26): Day(time(13, 0))}}
    assert clock(XNYS, thanksgiving, own).state is VenueState.CLOSED


def test_a_day_of_which_the_packages_know_nothing_is_known_by_the_operator() -> None:
    at = datetime(2060, 6, 16, 3, 0, tzinfo=UTC)
    assert clock(XSES, at).state is VenueState.UNKNOWN
    own = {"XSES": {date(2060, 6, 16): Day(None)}}
    found = clock(XSES, at, own)
    assert (found.state, found.until) == (VenueState.CLOSED, None)


def test_no_answer_of_the_packages_makes_it_stale_or_changes_it(
    embedded: tuple[Home, Settings],
) -> None:
    """Sync compares an answer with what its own provider has stored."""
    added = closures.add(*embedded, MOURNING, AT)
    answer = Answer(CALENDARS.name, "packages", (), {"XNYS": date(2027, 12, 31)})
    with EventStore(*embedded) as store, store.transaction() as writer:
        diff = compare(writer.read(answer.provider), answer, Window(AT, 28))
    assert (diff.stale, diff.changed, diff.unchanged) == ((), (), ())
    assert compare([added], answer, Window(AT, 28)).stale == (added,), "were it theirs"


def test_the_agenda_and_the_calendar_show_it_as_the_operators(
    embedded: tuple[Home, Settings],
) -> None:
    closures.add(*embedded, MOURNING, AT)
    (shown,) = read_agenda(*embedded, AT).events
    assert (shown.stored.source, shown.event.detail["actor"]) == ("operator", "ada")
    content, _ = read_calendar(*embedded, AT)
    unfolded = content.replace(b"\r\n ", b"")
    assert b"SUMMARY:New York closed: National Day of Mourning\r\n" in unfolded
    assert b"DESCRIPTION:press release of the NYSE\\nSource: operator" in unfolded


def test_what_the_packages_know_by_now_is_said_aloud(embedded: tuple[Home, Settings]) -> None:
    holiday = closures.add(*embedded, MOURNING, AT)
    closed, early = EventType.MARKET_HOLIDAY, EventType.MARKET_EARLY_CLOSE
    assert verdict(holiday) == []
    (told,) = verdict(holiday, told_by_packages(closed, "holidays", "exchange_calendars"))
    assert told == (
        "2026-12-03 'New York closed: National Day of Mourning' (added by ada): confirmed, "
        "holidays and exchange_calendars have 'New York closed'. You can remove it: "
        "python -m tws_maintenance events remove --venue XNYS --date 2026-12-03"
    )
    (told,) = verdict(holiday, told_by_packages(early, "holidays", closes=time(13, 0)))
    assert "contradicted, holidays has 'New York closed'; treated as closed" in told


@pytest.mark.parametrize(
    ("sources", "closes", "expected"),
    [
        (("exchange_calendars",), time(13, 0), "confirmed"),
        (("exchange_calendars",), time(12, 0), "contradicted"),
        # `holidays` knows that it is a half day and nothing of the hour.
        (("holidays",), time(12, 0), "confirmed"),
    ],
)
def test_an_early_close_is_confirmed_with_its_time(
    embedded: tuple[Home, Settings], sources: tuple[str, ...], closes: time, expected: str
) -> None:
    early = closures.add(*embedded, EARLY, AT)
    (told,) = verdict(
        early, told_by_packages(EventType.MARKET_EARLY_CLOSE, *sources, closes=closes)
    )
    assert f"(added by ada): {expected}, " in told
    (told,) = verdict(early, told_by_packages(EventType.MARKET_HOLIDAY, *sources))
    assert "contradicted" in told
    assert "treated as closed" in told


def test_a_package_that_came_out_since_and_knows_nothing_is_named(
    embedded: tuple[Home, Settings],
) -> None:
    added = closures.add(*embedded, MOURNING, AT)
    older = added.event.detail | {"packages": {"holidays": "0.1"}}
    (told,) = verdict(replace(added, event=replace(added.event, detail=older)))
    assert "still not known to holidays " in told
    assert "Check the exchange's announcement" in told


def test_what_holidays_knows_is_looked_up_where_no_sync_was(
    embedded: tuple[Home, Settings],
) -> None:
    """Also where the robot's service keeps the events, which knows no venues."""
    christmas = replace(MOURNING, day=date(2026, 12, 25))
    closures.add(*embedded, christmas, AT)
    agenda = read_agenda(*embedded, AT, days=60)
    assert len(agenda.verdicts) == 1
    assert "confirmed, holidays has 'New York closed: Christmas Day'" in agenda.verdicts[0]
    assert agenda.verdicts[0] in agenda.warnings


def test_a_store_that_cannot_be_read_leaves_the_venue_open(
    embedded: tuple[Home, Settings],
) -> None:
    home, settings = embedded
    home.data.mkdir()
    home.market_events.write_bytes(b"no database at all, of any length that would be one" * 40)
    assert closures.read_closures(home, settings) == {}
