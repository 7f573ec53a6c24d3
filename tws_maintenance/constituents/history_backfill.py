"""Membership before the first promotion, as it follows from announced changes.

What belongs here: the walk back in time from the list that was published first, and writing its
result. What does not: reading announcements (`tws_maintenance.sources`).

The walk goes a day at a time, the newest first. A change that took effect on a day is a statement
about both sides of it: a symbol that joined is a member from that day on and was not before; one
that left was a member before and is not from that day on. A contradiction stops the walk, because
then something is missing or wrong that no later step can correct. Nothing is guessed: the days
before the stop stay unknown.

Three things keep a ticker from being mistaken: the known changes of ticker, which open a stay of
their own; the company's name, where it fits one member only; and the number of members, which must
stay within the bounds of the index.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import Index
from tws_maintenance.config.settings import Settings
from tws_maintenance.config.ticker_changes import TICKER_CHANGES, TickerChange, ticker_change
from tws_maintenance.constituents.history import (
    BACKFILL,
    Stay,
    backfilled,
    begun_on,
    known_since,
    members_on,
    promoted,
    read_history,
    to_csv,
)
from tws_maintenance.constituents.matching import Listing, are_same
from tws_maintenance.constituents.promotion_stamp import read_generation
from tws_maintenance.core.atomic import write_whole
from tws_maintenance.core.clock import parse_utc
from tws_maintenance.core.errors import UsageError
from tws_maintenance.core.locks import hold
from tws_maintenance.sources.model import Action, AnnouncedChange, AnnouncedTable, DroppedRow
from tws_maintenance.sources.tables import NO_ROW

# How far a list runs ahead of a change that was announced, or behind one that took effect.
NEAR = timedelta(days=31)


@dataclass(frozen=True)
class Bounds:
    """How far the walk may go: no change before `complete_since`, no fewer or more members."""

    complete_since: date
    min_rows: int
    max_rows: int


@dataclass(frozen=True)
class Backfill:
    """What a walk found. `stays` lie before `begun`, the day of the first promotion.

    `since` is the first day whose members are known, None if no day before `begun` is.
    `stopped_at` is the day of the change at which the walk stopped, None if it reached its end,
    and `why` says what ended it. `changes` counts those that were walked, `renamed` the changes of
    ticker among them. `notes` are what an operator should look at.
    """

    begun: date
    stays: tuple[Stay, ...]
    since: date | None
    stopped_at: date | None
    why: str
    changes: int
    renamed: int
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Open:
    """A member as the walk meets it; what made the stay end, and every ticker that it had later."""

    symbol: str
    security: str
    to_date: str
    end_reason: str = ""
    later: frozenset[str] = frozenset()

    def begun(self, day: date, reason: str, renamed_from: str = "") -> Stay:
        """Return the stay as a row, begun on `day`."""
        return self._stay(day.isoformat(), reason, renamed_from)

    def unbegun(self) -> Stay:
        """Return the stay as a row with an unknown first day."""
        return self._stay("", "", "")

    def _stay(self, from_date: str, reason: str, renamed_from: str) -> Stay:
        return Stay(
            self.symbol,
            _plain(self.security),
            from_date,
            self.to_date,
            "",
            renamed_from=renamed_from,
            source=BACKFILL,
            reason=_plain(reason),
            end_reason=_plain(self.end_reason),
        )


def _plain(text: str) -> str:
    """Return a page's text on one line, in a form that no spreadsheet reads as a formula."""
    return " ".join(text.split()).lstrip("=+-@ ")


class _Contradiction(Exception):
    """A change that contradicts the members at that point of the walk; says why."""


@dataclass
class _Walk:
    """The members after the opening of a day, and the rows of all stays that begin from it on."""

    members: dict[str, _Open]
    stays: list[Stay] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    changes: int = 0
    renamed: int = 0

    def copy(self) -> "_Walk":
        return replace(
            self, members=dict(self.members), stays=list(self.stays), notes=list(self.notes)
        )

    def back_over(
        self, day: date, changes: Sequence[AnnouncedChange], renamed: Sequence[TickerChange]
    ) -> None:
        """Go from the end of `day` to before its opening. Raises _Contradiction.

        Who joined goes first, because one ticker may leave and join on the same day.
        """
        for change in changes:
            if change.action is Action.ADD:
                self._unjoin(change)
        self._unrename(day, renamed)
        for change in changes:
            if change.action is Action.REMOVE:
                self._unleave(change)
        self.changes += len(changes)

    def _unjoin(self, change: AnnouncedChange) -> None:
        member = self.members.pop(self._recognised(change))
        self.stays.append(member.begun(change.effective_date, change.reason))

    def _recognised(self, change: AnnouncedChange) -> str:
        """Return the symbol under which the walk has a member that joined."""
        if change.symbol in self.members:
            return change.symbol
        renamed = [one.symbol for one in self.members.values() if change.symbol in one.later]
        if len(renamed) == 1:
            return renamed[0]
        line = Listing(change.symbol, change.security)
        named = [
            one.symbol
            for one in self.members.values()
            if are_same(line, Listing(one.symbol, one.security))
        ]
        if len(named) != 1:
            raise _Contradiction(
                f"{change.symbol} ({change.security}) joined on {change.effective_date} but is not "
                "a member afterwards: its removal, or a change of its ticker, is not in the source"
            )
        self.notes.append(
            f"{change.symbol} ({change.security}), which joined on {change.effective_date}, was "
            f"matched to {named[0]} by its name."
        )
        return named[0]

    def _unrename(self, day: date, renamed: Sequence[TickerChange]) -> None:
        # At once: a ticker may pass from one company to another on the same day.
        met = [(one, self.members.pop(one.symbol)) for one in renamed if one.symbol in self.members]
        self.notes += [
            f"The ticker change from {one.former} to {one.symbol} on {day} was not used: "
            f"{one.symbol} is not a member then."
            for one in renamed
            if one not in [change for change, _ in met]
        ]
        for change, member in met:
            if change.former in self.members:
                raise _Contradiction(
                    f"{change.former} became {change.symbol} on {day} but is still a member under "
                    "its former ticker afterwards"
                )
            reason = f"{change.former} changed its ticker to {change.symbol}"
            self.stays.append(member.begun(day, reason, change.former))
            later = member.later | {change.symbol}
            self.members[change.former] = _Open(
                change.former, member.security, day.isoformat(), reason, later
            )
        self.renamed += len(met)

    def _unleave(self, change: AnnouncedChange) -> None:
        if change.symbol in self.members:
            raise _Contradiction(
                f"{change.symbol} ({change.security}) left on {change.effective_date} but is a "
                f"member afterwards ({self.members[change.symbol].security}): its return, or a "
                "change of ticker, is not in the source"
            )
        self.members[change.symbol] = _Open(
            change.symbol, change.security, change.effective_date.isoformat(), change.reason
        )


def backfill(home: Home, index: Index, settings: Settings, table: AnnouncedTable) -> Backfill:
    """Return the membership of `index` before its first promotion; nothing is written.

    Raises:
        UsageError: there is nothing to walk back from, or no complete record of changes.
        HistoryError: the history cannot be read.
    """
    return _backfill(home, index, settings, table, read_history(home, index))


def write_backfill(
    home: Home, index: Index, settings: Settings, table: AnnouncedTable
) -> tuple[Backfill, bool]:
    """Replace the backfilled rows of `index`; return the result and whether any row changed.

    Rows of promotions stay as they are. The lock is that of promotion, the file is replaced whole.

    Raises:
        UsageError, HistoryError: as `backfill`, or the walk found nothing; nothing was written.
        LockHeld: a run holds the lock.
        OSError: the file could not be replaced.
    """
    path = home.membership_file(index.key)
    lock = home.locks / f"{index.key}.lock"
    with hold(lock, wait_seconds=settings.locks.wait, holder=f"backfill of {index.task}"):
        stays = read_history(home, index)
        found = _backfill(home, index, settings, table, stays)
        if found.since is None:
            raise UsageError(
                f"Nothing was written: the walk back from {found.begun} stopped at its first "
                f"change. {found.why} {home.relative(path)} is unchanged."
            )
        if warning := shorter(found, stays):
            raise UsageError(f"{warning} {home.relative(path)} is unchanged.")
        content = to_csv([*found.stays, *promoted(stays)])
        if content == path.read_bytes():
            return found, False
        write_whole(path, content)
        return found, True


def shorter(found: Backfill, stays: Iterable[Stay]) -> str:
    """Return a warning if a walk reaches less far back than the backfilled rows, else ""."""
    former = known_since(backfilled(stays))
    if not former or (found.since and found.since.isoformat() <= former):
        return ""
    only = f"reaches only to {found.since}" if found.since else "covers no change"
    return (
        f"The history already reaches back to {former}, but this walk {only}: the page is damaged "
        "or has lost changes. Check it, and run again when it is complete."
    )


def why_not(home: Home, index: Index) -> str:
    """Return why there can be no backfill, and what to do first; "" where it can be tried.

    Raises:
        HistoryError: the history cannot be read.
    """
    if index.changes_complete_since is None:
        record = (
            "only the newest reviews of its announced changes can be read, without suspensions and "
            "delistings"
            if index.announcements
            else "no announcements of its changes are known that can be read"
        )
        return (
            f"Nothing is backfilled for {index.name}: {record}. A missing change would make some "
            "days wrong, unnoticed. Its history grows with every promotion."
        )
    if not promoted(read_history(home, index)):
        return (
            f"{index.name} has no history to walk back from yet: it begins with the first "
            f"promotion. Run first: python -m tws_maintenance run --task {index.task} --apply"
        )
    return ""


def _backfill(
    home: Home, index: Index, settings: Settings, table: AnnouncedTable, stays: list[Stay]
) -> Backfill:
    if reason := why_not(home, index):
        raise UsageError(reason)
    assert index.changes_complete_since is not None
    limits = settings.of(index)
    renamed = (*TICKER_CHANGES.get(index.key, ()), *map(ticker_change, limits.renamed))
    bounds = Bounds(
        index.changes_complete_since,
        limits.min_rows or index.min_rows,
        limits.max_rows or index.max_rows,
    )
    found = walked_back(stays, _begun(home, index, stays), table, renamed, bounds)
    warning = shorter(found, stays)
    return replace(found, notes=(*found.notes, warning)) if warning else found


def _begun(home: Home, index: Index, stays: list[Stay]) -> date:
    """Return the day of the first promotion; of the last one where none changed a membership."""
    if text := begun_on(stays):
        return date.fromisoformat(text)
    stamp = read_generation(home, index)
    if stamp is None:
        raise UsageError(
            f"{home.relative(home.membership_file(index.key))} has no day, and the stamp of the "
            "last promotion is missing, so there is no day to walk back from. Promote a list first."
        )
    return parse_utc(stamp.promoted_at).date()


def walked_back(
    history: Sequence[Stay],
    begun: date,
    table: AnnouncedTable,
    renamed: Iterable[TickerChange],
    bounds: Bounds,
) -> Backfill:
    """Return the membership before `begun` that follows from the announced changes.

    The walk starts from the members that `history`, the promotions' rows, has at the end of
    `begun`.
    """
    walk = _start(promoted(history), begun, table.changes)
    by_day = _by_day(table.changes, begun, bounds)
    tickers = _tickers_by_day(renamed, begun, min(by_day, default=begun))
    unread = _unread_days(table.dropped)
    good, since, stopped_at, why = walk.copy(), None, None, ""
    for day in sorted({*by_day, *tickers, *unread}, reverse=True):
        if day > begun or day < bounds.complete_since:
            continue
        try:
            if day in unread:
                raise _Contradiction(f"a change of {day} could not be read: {unread[day]}")
            walk.back_over(day, by_day.get(day, ()), tickers.get(day, ()))
            _count(walk, day, bounds)
        except _Contradiction as contradiction:
            stopped_at, why = day, f"{contradiction}."
            break
        if day in by_day:
            good, since = walk.copy(), day
    stays = [*good.stays, *(one.unbegun() for one in good.members.values())] if since else []
    # What joined on the day of the first promotion was not a member before it.
    stays = [one for one in stays if one.from_date != one.to_date]
    return Backfill(
        begun,
        tuple(sorted(stays, key=lambda one: (one.from_date, one.symbol, one.to_date))),
        since,
        stopped_at,
        why or _end_of(table.changes, bounds),
        good.changes,
        good.renamed,
        tuple(good.notes),
    )


def _end_of(changes: Sequence[AnnouncedChange], bounds: Bounds) -> str:
    oldest = min((one.effective_date for one in changes), default=bounds.complete_since)
    if oldest < bounds.complete_since:
        return f"changes before {bounds.complete_since} are known to be missing in the source."
    return "the source names no earlier change."


def _by_day(
    changes: Iterable[AnnouncedChange], begun: date, bounds: Bounds
) -> Mapping[date, list[AnnouncedChange]]:
    found: dict[date, list[AnnouncedChange]] = defaultdict(list)
    for one in changes:
        # A change that is listed twice is one change.
        if bounds.complete_since <= one.effective_date <= begun and not _is_named(
            one, found[one.effective_date]
        ):
            found[one.effective_date].append(one)
    return {day: named for day, named in found.items() if named}


def _is_named(change: AnnouncedChange, others: Iterable[AnnouncedChange]) -> bool:
    return any((one.action, one.symbol) == (change.action, change.symbol) for one in others)


def _tickers_by_day(
    renamed: Iterable[TickerChange], begun: date, oldest: date
) -> Mapping[date, list[TickerChange]]:
    found: dict[date, list[TickerChange]] = defaultdict(list)
    for one in dict.fromkeys(renamed):
        if oldest <= one.day <= begun:
            found[one.day].append(one)
    return found


def _unread_days(dropped: Iterable[DroppedRow]) -> Mapping[date, str]:
    """Return the days of rows that may be a change and could not be read.

    Raises:
        UsageError: a row has no day that can be read, so that any day may lack a change.
    """
    found = {}
    for one in dropped:
        if one.reason in NO_ROW:
            continue
        cells = one.row.partition(": ")[2]
        if one.day is None:
            raise UsageError(
                f"A row of the changes has no readable day ({one.reason}), so a change may be "
                f"missing on any day: {cells}. Nothing was written. Check the page."
            )
        found[one.day] = f"{cells} ({one.reason})"
    return found


def _count(walk: _Walk, day: date, bounds: Bounds) -> None:
    count = len(walk.members)
    if not bounds.min_rows <= count <= bounds.max_rows:
        raise _Contradiction(
            f"before {day} there would be {count} members, expected {bounds.min_rows} to "
            f"{bounds.max_rows}: changes are missing"
        )


# What the first list shows, by whether it has the symbol and whether the change was due.
_EARLY_OR_LATE = {
    (True, True): "still has",
    (True, False): "already has",
    (False, True): "does not have yet",
    (False, False): "no longer has",
}


def _start(stays: list[Stay], begun: date, changes: Iterable[AnnouncedChange]) -> _Walk:
    """Return the members from which the walk starts: by the announcements, on the day `begun`.

    A list may be a few days ahead of a change, or behind it. If later promotions agree with the
    announcement, the first list was only early or late.
    """
    until = begun.isoformat()
    members = {
        one.symbol: _Open(one.symbol, one.security, until) for one in members_on(stays, begun)
    }
    walk = _Walk(members)
    near = [one for one in changes if abs(one.effective_date - begun) <= NEAR]
    for change in near:
        is_in = change.symbol in members
        is_due = change.effective_date <= begun
        is_added = change.action is Action.ADD
        if is_in is (is_added is is_due) or not _is_early_or_late(change, stays, begun, near):
            continue
        if is_in:
            del members[change.symbol]
        else:
            members[change.symbol] = _Open(change.symbol, change.security, until)
        walk.notes.append(
            f"The list of {begun} {_EARLY_OR_LATE[is_in, is_due]} {change.symbol}, which "
            f"{'joined' if is_added else 'left'} on {change.effective_date}; the days before "
            f"{begun} follow the announcement."
        )
    return walk


def _is_early_or_late(
    change: AnnouncedChange, stays: list[Stay], begun: date, near: Sequence[AnnouncedChange]
) -> bool:
    """Return whether the first list was only early or late with a nearby change."""
    of_symbol = [one for one in stays if one.symbol == change.symbol]
    limit = (begun + NEAR).isoformat()
    if change.effective_date <= begun:  # late: a following promotion made up for it
        is_added = change.action is Action.ADD
        days = [one.from_date if is_added else one.to_date for one in of_symbol]
        return any(begun.isoformat() < day <= limit for day in days if day)
    before = change.effective_date - timedelta(days=1)
    if change.action is Action.REMOVE:
        return not any(one.covers(before) for one in of_symbol)
    replaced = any(
        one.action is Action.REMOVE
        and (one.symbol, one.effective_date) == (change.symbol, change.effective_date)
        for one in near
    )
    return not replaced and any(one.covers(before) for one in of_symbol)
