"""`events`: list and export the coming events, add and remove closures."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tws_maintenance.cli.context import HomeChoice, json_option, pass_home, settings_of
from tws_maintenance.cli.output import print_json
from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import DEFAULT_DAYS, MAX_DAYS
from tws_maintenance.config.venues import VENUES
from tws_maintenance.core.text import counted
from tws_maintenance.market_events.model import OPERATOR, Confidence, Event, EventType, NamedEvent
from tws_maintenance.market_events.upcoming import Upcoming

if TYPE_CHECKING:
    from tws_maintenance.config.indices import Index
    from tws_maintenance.config.settings import Settings

TYPE_WORDS = {
    EventType.EARNINGS: "earnings",
    EventType.DIVIDEND: "ex-dividend",
    EventType.FOMC: "FOMC",
    EventType.MARKET_HOLIDAY: "holiday",
    EventType.MARKET_EARLY_CLOSE: "early close",
}
OWN_SHOWN = 40
# Not an event type: read from the reports, never stored with the events.
INDEX_CHANGE, INDEX_CHANGES = "index_change", "index_changes"
UNKNOWN = "index_changes_unknown"
TYPE_WIDTH = max(map(len, TYPE_WORDS.values()))
_CITIES = {venue.timezone: venue.name for venue in VENUES.values()}
_TO = "\N{EN DASH}"


@click.group()
def events() -> None:
    """Show coming earnings, ex-dividend days, FOMC decisions, holidays and early closes.

    Add closures that the calendar packages do not have yet.
    """


@events.command("list")
@click.option(
    "--days",
    type=click.IntRange(1, MAX_DAYS),
    default=DEFAULT_DAYS,
    show_default=True,
    help="How many days to look ahead after today.",
)
@click.option(
    "--type",
    "type_name",
    type=click.Choice([*(one.value for one in EventType), INDEX_CHANGE], case_sensitive=False),
    help="Only events of this type; index_change shows announced changes of the lists.",
)
@click.option("--symbol", metavar="S", help="Only events of this symbol, such as D05.SI.")
@json_option
@pass_home
def list_command(
    home: Home, days: int, type_name: str | None, symbol: str | None, as_json: bool
) -> None:
    """List the coming events by the calendar of each market, with reasons to doubt the list."""
    from tws_maintenance.core.clock import utc_now
    from tws_maintenance.market_events.agenda import read_agenda
    from tws_maintenance.market_events.watchlist import read_symbols

    settings, at = settings_of(home), utc_now()
    only_changes = type_name == INDEX_CHANGE
    event_type = EventType(type_name.upper()) if type_name and not only_changes else None
    named = [] if symbol is None else [symbol]
    wanted = next(iter(read_symbols(home, settings.maintained, named)), None)
    changes, unknown = ([], []) if event_type else _index_changes(home, settings, at, days, wanted)
    ahead = {INDEX_CHANGES: changes, UNKNOWN: [one.task for one in unknown]}
    if only_changes:
        if as_json:
            print_json(ahead)
            return
        if not changes and not unknown:
            click.echo(f"No change of a list is announced for the next {counted(days, 'day')}.")
        _print_index_changes(changes, unknown)
        return
    agenda = read_agenda(home, settings, at, days=days, event_type=event_type, symbol=wanted)
    found, synced = agenda.events, agenda.last_sync
    if as_json:
        print_json(agenda.to_dict() | ahead)
        return
    if found:
        _print(found, at)
    else:
        click.echo(_nothing(days, event_type, wanted))
    if changes:  # a section must name the lists that it lacks; without one nothing is claimed
        _print_index_changes(changes, unknown)
    _print_robots_own(agenda.robots_own or [])
    finished_at = synced["finished_at"] if synced else None
    is_doubtful = len(agenda.warnings) > len(agenda.verdicts)
    _print_sync(finished_at, agenda.warnings, fetches=is_doubtful or not found)


@events.command("export")
@click.option("--ics", is_flag=True, help="Write an iCalendar file, the only format.")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write to FILE instead of stdout, completely or not at all.",
)
@pass_home
def export_command(home: Home, ics: bool, output: Path | None) -> None:
    """Write all coming events in the format of calendar programs."""
    from tws_maintenance.core.clock import utc_now
    from tws_maintenance.core.errors import UsageError
    from tws_maintenance.market_events.agenda import read_calendar
    from tws_maintenance.market_events.export import write_calendar

    if not ics:
        raise UsageError("Name the format: python -m tws_maintenance events export --ics")
    content, warnings = read_calendar(home, settings_of(home), utc_now())
    for text in warnings:
        click.echo(f"Warning: {text}", err=True)
    if output is None:
        # As bytes: a text stream may turn the line ends of RFC 5545 into the system's own.
        click.echo(content, nl=False)
        return
    write_calendar(output, content)
    click.echo(f"Written: {output}")


def _day_of(_: click.Context, __: click.Parameter, value: datetime | None) -> date | None:
    return value.date() if value else None


def _time_of(_: click.Context, __: click.Parameter, value: datetime | None) -> time | None:
    return value.time() if value else None


venue_option = click.option(
    "--venue",
    "code",
    type=HomeChoice(lambda home: [venue.code for venue in home.venues], case_sensitive=False),
    required=True,
    help="The exchange.",
)
date_option = click.option(
    "--date",
    "day",
    type=click.DateTime(["%Y-%m-%d"]),
    callback=_day_of,
    required=True,
    metavar="YYYY-MM-DD",
    help="The day in the exchange's calendar.",
)


@events.command("add")
@click.option(
    "--type",
    "type_name",
    type=click.Choice(["holiday", "early_close"]),
    required=True,
    help="Whether it is closed all day or closes early.",
)
@venue_option
@date_option
@click.option(
    "--closes",
    type=click.DateTime(["%H:%M"]),
    callback=_time_of,
    metavar="HH:MM",
    help="The time of an early close, in the exchange's local time.",
)
@click.option("--title", required=True, metavar="TEXT", help="Why it is closed, in a few words.")
@click.option(
    "--reason", required=True, metavar="TEXT", help="Your source for it; kept with your name."
)
@json_option
@pass_home
def add_command(
    home: Home,
    type_name: str,
    code: str,
    day: date,
    closes: time | None,
    title: str,
    reason: str,
    as_json: bool,
) -> None:
    """Add a closure that the exchange announced and the calendar packages do not have yet.

    The market clocks use it at once, and no sync removes it.
    """
    from tws_maintenance.config.environment import operating_system_user
    from tws_maintenance.core.clock import utc_now
    from tws_maintenance.market_events.providers import closures

    closures.check_time(type_name, closes, "--closes HH:MM")
    settings, actor, at = settings_of(home), operating_system_user(), utc_now()
    venue = closures.venue_named(code, settings.maintained.venues)
    wanted = closures.Closure(venue, day, closes, title, actor, reason)
    added = closures.add(home, settings, wanted, at)
    verdicts = closures.judge([added], [], at)
    if as_json:
        print_json({"added": closures.to_dict(added), "warnings": verdicts})
        return
    click.echo(f"Added: {_day(day)}, {added.event.title}.")
    if day < wanted.today(at):
        click.secho(f"Warning: {day} is already over in {wanted.venue.name}.", fg="yellow")
    for text in verdicts:
        click.secho(f"Warning: {text}", fg="yellow")


@events.command("remove")
@venue_option
@date_option
@click.option("--reason", default="", metavar="TEXT", help="The reason; kept with your name.")
@json_option
@pass_home
def remove_command(home: Home, code: str, day: date, reason: str, as_json: bool) -> None:
    """Remove a closure that an operator added; those of the calendar packages stay."""
    from tws_maintenance.config.environment import operating_system_user
    from tws_maintenance.core.clock import utc_now
    from tws_maintenance.market_events.providers import closures

    settings, actor, at = settings_of(home), operating_system_user(), utc_now()
    venue = closures.venue_named(code, settings.maintained.venues)
    removed = closures.remove(home, settings, venue, day, actor=actor, reason=reason, at=at)
    if as_json:
        print_json({"removed": closures.to_dict(removed)})
    else:
        click.echo(f"Removed: {_day(day)}, {removed.event.title}.")


def _print(found: list[Upcoming], at: datetime) -> None:
    when_width = max(len(_when(one.event)) for one in found)
    symbol_width = max(len(one.event.symbol or "") for one in found)
    for heading, group in _headings(found, at).items():
        click.secho(heading, bold=True)
        for one in group:
            cells = (
                _when(one.event).ljust(when_width),
                TYPE_WORDS[one.event.event_type].ljust(TYPE_WIDTH),
                *([(one.event.symbol or "").ljust(symbol_width)] if symbol_width else []),
                one.event.title + "".join(f" ({flag})" for flag in _flags(one)),
            )
            click.echo(f"  {'  '.join(cells)}")
        click.echo()


def _index_changes(
    home: Home, settings: "Settings", at: datetime, days: int, symbol: str | None
) -> tuple[list[dict[str, str]], list["Index"]]:
    """Return the announced changes of the lists in the next days, the earliest first.

    Each is {task, date, action, symbol, security, title}. The second value holds the lists whose
    announcements no run of the last month could read.
    """
    from tws_maintenance.reports.announced_words import upcoming_text
    from tws_maintenance.reports.catalog import ReportCatalog
    from tws_maintenance.reports.store import reports_once
    from tws_maintenance.reports.upcoming_changes import ahead_of

    find = reports_once(home)
    catalog, until = ReportCatalog(home), (at + timedelta(days=days)).date().isoformat()
    changes, unknown = [], []
    for index in settings.maintained:
        found = ahead_of(find, index, catalog, at)
        if found is None and index.announcements:
            unknown.append(index)
        for one in found.changes if found else ():
            day = str(one.effective_date)
            if day <= until and symbol in (None, one.symbol):
                title = upcoming_text(one, found.impact if found else {})
                kinds = {"task": index.task, "date": day, "action": one.action}
                names = {"symbol": one.symbol, "security": one.security}
                changes.append(kinds | names | {"title": f"{index.name}: {title}"})
    return sorted(changes, key=lambda one: (one["date"], one["task"], one["symbol"])), unknown


def _print_index_changes(changes: list[dict[str, str]], unknown: Sequence["Index"]) -> None:
    if changes:
        click.secho("Announced changes of the lists", bold=True)
        for one in changes:
            click.echo(f"  {one['date']}  {one['title']}")
        click.echo()
    if unknown:
        names, tasks = (", ".join(one.name for one in unknown), [one.task for one in unknown])
        click.echo(
            f"Warning: No run of the last month could read the announced changes of {names}. Read "
            f"them with: python -m tws_maintenance run {' '.join(f'--task {one}' for one in tasks)}"
        )


def _print_robots_own(own: Sequence[NamedEvent]) -> None:
    if not own:
        return
    from tws_maintenance.reports.view import type_words

    count = counted(len(own), "event")
    click.secho(f"{count} of types that only the robot keeps", bold=True)
    shown = own[:OWN_SHOWN]
    width = max(len(type_words(one["event_type"])) for one in shown)
    symbol_width = max(len(one["symbol"] or "") for one in shown)
    for one in shown:
        cells = (
            str(one["date"]),
            type_words(one["event_type"]).ljust(width),
            *([(one["symbol"] or "").ljust(symbol_width)] if symbol_width else []),
            str(one["title"]),
        )
        click.echo(f"  {'  '.join(cells)}")
    if len(own) > OWN_SHOWN:
        click.echo(f"  and {len(own) - OWN_SHOWN} more; --json lists all")
    click.echo()


def _headings(found: list[Upcoming], at: datetime) -> dict[str, list[Upcoming]]:
    """Return the events grouped under Today, Tomorrow and each later day.

    Where markets have different dates, the heading names each date with its markets.
    """
    groups: dict[str, list[Upcoming]] = {}
    for away, word in enumerate(("Today", "Tomorrow")):
        group = [one for one in found if one.days_away == away]
        cities: dict[date, set[str]] = {}
        for one in group:
            cities.setdefault(one.day(at), set()).add(_city(one.event))
        if len(cities) == 1:
            groups[f"{word}, {_day(min(cities))}"] = group
        elif cities:
            dates = (f"{_day(day)} in {', '.join(sorted(cities[day]))}" for day in sorted(cities))
            groups[f"{word}, {' and '.join(dates)}"] = group
    for one in found:
        if one.days_away > 1:
            groups.setdefault(_day(one.day(at)), []).append(one)
    return groups


def _when(event: Event) -> str:
    if event.end_date:
        first, last = event.event_date, event.end_date
        if (first.year, first.month) == (last.year, last.month):
            return f"{first.day}{_TO}{last.day} {last:%b}"
        return f"{first.day} {first:%b}{_TO}{last.day} {last:%b}"
    return f"{event.event_time:%H:%M} {_city(event)}" if event.event_time else _city(event)


def _flags(one: Upcoming) -> Iterator[str]:
    event = one.event
    if one.stored.source == OPERATOR:
        yield f"added by {event.detail.get('actor', OPERATOR)}: {event.detail.get('reason', '')}"
    is_estimated = event.confidence is Confidence.ESTIMATED
    if one.is_cancelled and "cancelled" not in event.title:
        yield "cancelled"
    if is_estimated and "estimated" not in event.title:
        yield "estimated"
    if event.event_type is EventType.EARNINGS and not event.event_time and not event.end_date:
        yield "time unknown"
    if since := one.unconfirmed_since:
        yield f"unconfirmed since {since.day} {since:%b}"


def _city(event: Event) -> str:
    zone = event.market_timezone
    return _CITIES.get(zone, zone.rsplit("/", maxsplit=1)[-1].replace("_", " "))


def _day(day: date) -> str:
    return f"{day:%A} {day.day} {day:%B} {day.year}"


def _nothing(days: int, event_type: EventType | None, symbol: str | None) -> str:
    kind = f"{TYPE_WORDS[event_type]} event" if event_type else "event"
    whose = f" of {symbol}" if symbol else ""
    return f"No {kind}{whose} is stored for today and the next {counted(days, 'day')}."


def _print_sync(finished_at: str | None, warnings: list[str], *, fetches: bool) -> None:
    from tws_maintenance.market_events.sync_log import SYNC_COMMAND

    if finished_at:
        click.echo(f"Last sync: {finished_at}")
    for text in warnings:
        click.secho(f"Warning: {text}", fg="yellow")
    if fetches:
        click.echo(f"Fetch them with: {SYNC_COMMAND}")
