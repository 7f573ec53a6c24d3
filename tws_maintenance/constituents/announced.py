"""Announced changes of an index: what is ahead, what explains a change, and what is overdue.

What belongs here: pure functions of announcements, a day and lists of members. The readers of
announcements are in `sources`; what the vote makes of them is in `vote`.

Every day is a day of the index's market: a change of 22 September holds from the opening in New
York on. Until then it is *upcoming*, from then on *effective*. Of the effective changes of one
symbol the newest is in force (two of one day both are), and those before it are history: a member
that was removed and added again is not missing. An announcement that was withdrawn is gone from its
source, and one that was moved has another day there, so neither needs a record of its own.

An effective change is *recent* for six weeks. During that time an announced addition lets in what
only funds list (a fund was seen to hold a spin-off for 51 days, but only an announcement of that
very symbol counts here), and a change that the list does not show is reported as overdue.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from tws_maintenance.constituents.diff import Changes, Member, Rename
from tws_maintenance.constituents.matching import Listing, are_same
from tws_maintenance.sources.model import Action, AnnouncedChange, Gathered

RECENT = timedelta(days=42)
# Funds are a day early or late around an effective date, so the first day says nothing.
OVERDUE_AFTER = timedelta(days=2)
# How far back an explanation may lie: a source may miss a change for months. The list itself may
# be older than that; then the changes of all this time are explained, and of a month before it.
LOOK_BACK = timedelta(days=100)
BEFORE_THE_LIST = timedelta(days=30)
# Where the day of the list is unknown.
LOOK_BACK_AT_MOST = timedelta(days=400)
# How far ahead of its day an authority's list was seen to show a change, and some days more.
LOOK_AHEAD = timedelta(days=45)


class Status(StrEnum):
    """How an announced change relates to a preview."""

    EXPLAINS = "explains"
    UPCOMING = "upcoming"
    UNEXPLAINED = "unexplained"


@dataclass(frozen=True)
class Record:
    """An announced change, or a change without one, as a proposal and a report keep it.

    `symbol` and `security` are those of the list where the record explains a change.
    `effective_date` is None where no announcement was found.
    """

    effective_date: date | None
    action: Action
    symbol: str
    security: str
    counterpart: str
    reason: str
    source: str
    status: Status

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        day = self.effective_date.isoformat() if self.effective_date else None
        plain = {"action": self.action.value, "status": self.status.value}
        return asdict(self) | plain | {"effective_date": day}


@dataclass(frozen=True)
class Announcements:
    """The announced changes of one index as they stand on `day`, a day of its market.

    `are_known` is true where every source of announcements could be read: only then a missing
    change was not announced.
    """

    changes: tuple[AnnouncedChange, ...] = ()
    day: date = date.min
    are_known: bool = True

    @classmethod
    def at(cls, gathered: Gathered, at: datetime) -> "Announcements":
        """Return what is announced of an index as it stands at an instant."""
        day = at.astimezone(ZoneInfo(gathered.index.venue.timezone)).date()
        return cls(gathered.announced, day, gathered.announcements_are_known)

    @cached_property
    def upcoming(self) -> tuple[AnnouncedChange, ...]:
        """Return the changes that are still to come, the next one first, each once."""
        ahead = (one for one in self.changes if one.effective_date > self.day)
        return _each_once(sorted(ahead, key=_by_day))

    @cached_property
    def in_force(self) -> Mapping[str, tuple[AnnouncedChange, ...]]:
        """Return {symbol: its newest effective changes}, several where they are of one day."""
        of_symbol: dict[str, list[AnnouncedChange]] = defaultdict(list)
        for one in self.changes:
            if one.effective_date <= self.day:
                of_symbol[one.symbol].append(one)
        newest = {s: max(one.effective_date for one in all_) for s, all_ in of_symbol.items()}
        return {
            symbol: _each_once(one for one in all_ if one.effective_date == newest[symbol])
            for symbol, all_ in of_symbol.items()
        }

    def lets_in(self, symbols: Iterable[str]) -> bool:
        """Return whether a recent addition in force names one of the symbols.

        A name is not enough here: `MRP-W`, the when-issued line, has the name of `MRP`.
        """
        return any(
            one.action is Action.ADD and self._is_recent(one)
            for symbol in symbols
            for one in self.in_force.get(symbol, ())
        )

    def holding(self, action: Action, lines: Collection[Listing]) -> AnnouncedChange | None:
        """Return the next upcoming change of a share that its sources may anticipate.

        `lines` are what the lists have of the share; its company's name is enough.
        """
        ahead = [one for one in self.upcoming if one.action is action]
        return next(iter([*_by_symbol(ahead, lines), *_by_name(ahead, lines)]), None)

    def overdue(self, members: Iterable[Listing]) -> tuple[AnnouncedChange, ...]:
        """Return the recent changes in force that the list does not show two days later."""
        lines = {one.symbol: one for one in members}
        moved = {(one.symbol, one.action) for one in self.upcoming}
        late = [
            found[0]
            for symbol, found in self.in_force.items()
            # Two of one day: a company takes over the symbol of another, which stays in the list.
            if len(found) == 1 and (symbol, found[0].action) not in moved
        ]
        return tuple(
            one
            for one in sorted(late, key=_by_day)
            if self._is_recent(one)
            and self.day - one.effective_date >= OVERDUE_AFTER
            and _is_outstanding(one, lines)
        )

    def _is_recent(self, one: AnnouncedChange) -> bool:
        return self.day - one.effective_date <= RECENT

    def records(self, changes: Changes, since: date | None) -> tuple[Record, ...]:
        """Return what explains each change of a preview, the unexplained ones, and what is ahead.

        The unexplained are left out where not all announcements are known. `since` is the day on
        which the list that the preview is compared with was published, None where unknown.
        """
        explained: list[_Explained] = []
        renamed = {s for one in changes.renamed for s in (one.from_symbol, one.to_symbol)}
        for action, members in ((Action.ADD, changes.added), (Action.REMOVE, changes.removed)):
            for one in members:
                if one.symbol not in renamed:
                    found = self._explanation(action, one, since)
                    explained.append((found, _record(found, action, one)))
        for rename in changes.renamed:
            explained += self._of_rename(rename, since)
        used = {found for found, _ in explained}
        ahead = [_upcoming(one) for one in self.upcoming if one not in used]
        return (*(one for found, one in explained if found or self.are_known), *ahead)

    def _explanation(
        self, action: Action, member: Member, since: date | None, *, by_name: bool = True
    ) -> AnnouncedChange | None:
        """Return the announcement of a change: the one in force, else the next one ahead."""
        lines = [Listing(member.symbol, member.security)]
        for near in (self._recent_in_force(since), self._soon()):
            fitting = [one for one in near if one.action is action]
            found = _by_symbol(fitting, lines) or (_by_name(fitting, lines) if by_name else [])
            if found:
                return found[0]
        return None

    def _recent_in_force(self, since: date | None) -> list[AnnouncedChange]:
        """Return the changes in force that may explain one of today."""
        begun = self.day - LOOK_BACK_AT_MOST if since is None else since - BEFORE_THE_LIST
        earliest = min(begun, self.day - LOOK_BACK)
        every = (one for found in self.in_force.values() for one in found)
        return [one for one in every if one.effective_date >= earliest]

    def _soon(self) -> list[AnnouncedChange]:
        return [one for one in self.upcoming if one.effective_date - self.day <= LOOK_AHEAD]

    def _of_rename(self, rename: Rename, since: date | None) -> "list[_Explained]":
        """Return the announcement of each half of a rename, else one record without any.

        By symbol only: that the company itself was added some weeks ago explains no new ticker.
        """
        halves = [
            (Action.ADD, Member(rename.to_symbol, rename.security)),
            (Action.REMOVE, Member(rename.from_symbol, rename.security)),
        ]
        found: list[_Explained] = [
            (one, _record(one, action, member))
            for action, member in halves
            if (one := self._explanation(action, member, since, by_name=False))
        ]
        new = Member(rename.to_symbol, rename.security)
        return found or [(None, _record(None, Action.ADD, new, counterpart=rename.from_symbol))]


_Explained = tuple[AnnouncedChange | None, Record]


def _by_day(one: AnnouncedChange) -> tuple[date, str, str]:
    return one.effective_date, one.action.value, one.symbol


def _each_once(changes: Iterable[AnnouncedChange]) -> tuple[AnnouncedChange, ...]:
    """Return the changes without those that a second source announces as well."""
    return tuple({_by_day(one): one for one in reversed([*changes])}.values())[::-1]


def _by_symbol(
    changes: Iterable[AnnouncedChange], lines: Iterable[Listing]
) -> list[AnnouncedChange]:
    symbols = {line.symbol for line in lines}
    return [one for one in changes if one.symbol in symbols]


def _by_name(changes: Iterable[AnnouncedChange], lines: Iterable[Listing]) -> list[AnnouncedChange]:
    """Return the changes of the company that the lines name; none where two symbols fit."""
    known = [*lines]
    found = [
        one
        for one in changes
        if any(are_same(Listing(one.symbol, one.security), line) for line in known)
    ]
    return found if len({one.symbol for one in found}) == 1 else []


def _is_outstanding(one: AnnouncedChange, lines: Mapping[str, Listing]) -> bool:
    """Return whether the list lacks what joined, or still has what left.

    What joined may be listed under a new ticker; what left is found by its own ticker only.
    """
    if one.action is Action.REMOVE:
        return one.symbol in lines
    joined = Listing(one.symbol, one.security)
    return one.symbol not in lines and not any(are_same(joined, line) for line in lines.values())


def _record(
    found: AnnouncedChange | None, action: Action, member: Member, *, counterpart: str = ""
) -> Record:
    if found is None:
        why = "no announcement found"
        empty = (None, action, member.symbol, member.security, counterpart, why, "")
        return Record(*empty, Status.UNEXPLAINED)
    aside = "" if found.symbol == member.symbol else f"announced as {found.symbol}"
    return Record(
        found.effective_date,
        action,
        member.symbol,
        member.security,
        found.counterpart,
        "; ".join(filter(None, (found.reason, aside))),
        found.source,
        Status.EXPLAINS,
    )


def _upcoming(one: AnnouncedChange) -> Record:
    values = (one.security, one.counterpart, one.reason, one.source)
    return Record(one.effective_date, one.action, one.symbol, *values, Status.UPCOMING)


def overdue_texts(changes: Iterable[AnnouncedChange]) -> Iterator[str]:
    """Yield a clause for each overdue change: what was announced and what the list shows."""
    for one in changes:
        name = f"{one.symbol} ({one.security})" if one.security else one.symbol
        is_add = one.action is Action.ADD
        verb, shown = ("joined", "is not in the list") if is_add else ("left", "is still in it")
        yield f"{name} should have {verb} on {one.effective_date} but {shown}"
