"""Membership over time: who was a member from when to when, one file an index.

A row is a stay. Its `source` says where it comes from:

- `promotion`: it opens with the promotion that brought the member and closes with the one that
  took it away. These rows come from comparing with the published list, not from a diff, so
  that recovering a promotion twice, or publishing over somebody else's edit, gives the same rows.
- `backfill`: it follows from announced changes and lies wholly before the first promotion (see
  `backfill`). Promotions never touch these rows, a backfill replaces them and touches no other.

A change of ticker closes one row and opens another, linked by `renamed_from`. Dates are UTC. A row
without `from_date` began before its part of the history: the member was there, but since when is
unknown. From the day of the first promotion on, the promotions' rows count; before it, the
backfilled ones.
"""

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields, replace
from datetime import date

from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import Index
from tws_maintenance.constituents.csv_file import Row
from tws_maintenance.constituents.diff import renames
from tws_maintenance.core.csv_text import to_bytes
from tws_maintenance.core.errors import HistoryError

PROMOTION, BACKFILL = "promotion", "backfill"
_ORIGINS = (PROMOTION, BACKFILL)


@dataclass(frozen=True)
class Stay:
    """One stay of a member; dates are ISO texts, blank where open or unknown.

    A stay covers `from_date` and every day before `to_date`. `report_id` made it begin,
    `end_report_id` made it end; where a row is backfilled, `reason` and `end_reason` are what the
    announcements say instead.
    """

    symbol: str
    security: str
    from_date: str
    to_date: str
    report_id: str
    end_report_id: str = ""
    renamed_from: str = ""
    source: str = PROMOTION
    reason: str = ""
    end_reason: str = ""

    def covers(self, day: date) -> bool:
        """Return whether the symbol was a member at the end of `day`."""
        text = day.isoformat()
        return (not self.from_date or self.from_date <= text) and (
            not self.to_date or text < self.to_date
        )


KINDS = ("renamed", "added", "removed")
COLUMNS = tuple(field.name for field in fields(Stay))


def read_history(home: Home, index: Index) -> list[Stay]:
    """Return the stays of `index`, oldest first; none before the first promotion.

    Raises:
        HistoryError: the file exists but cannot be read.
    """
    path = home.membership_file(index.key)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise HistoryError(f"{home.relative(path)} cannot be read: {error}.") from error
    try:
        return [_stay(row) for row in csv.DictReader(io.StringIO(text, newline=""))]
    except (csv.Error, TypeError, ValueError) as error:
        raise HistoryError(
            f"{home.relative(path)} is not a membership history (expected the columns "
            f"{', '.join(COLUMNS)}): {error}. Move it away to start a new one."
        ) from error


def _stay(row: Row) -> Stay:
    """Return the stay of a row; files without the column `source` hold promotions' rows only."""
    stay = Stay(**row)
    if stay.source not in _ORIGINS:
        raise ValueError(
            f"{stay.symbol} has the source {stay.source!r}, expected one of {_ORIGINS}"
        )
    return stay


def promoted(stays: Iterable[Stay]) -> list[Stay]:
    """Return the stays that promotions recorded."""
    return [stay for stay in stays if stay.source == PROMOTION]


def backfilled(stays: Iterable[Stay]) -> list[Stay]:
    """Return the stays that follow from announced changes."""
    return [stay for stay in stays if stay.source == BACKFILL]


def settled(
    stays: Iterable[Stay],
    before: Iterable[Row],
    after: Iterable[Row],
    report_id: str,
    day: date,
) -> list[Stay]:
    """Return `stays` with what publishing `after` changes; `before` begins an empty history."""
    old = {row["symbol"]: row for row in before}
    new = {row["symbol"]: row for row in after}
    every = list(stays)
    known = promoted(every) or [
        Stay(s, row.get("security", ""), "", "", "") for s, row in sorted(old.items())
    ]
    open_symbols = {stay.symbol for stay in known if not stay.to_date}
    moved = renames(
        {s: row for s, row in old.items() if s in open_symbols},
        new,
    )
    closed = [
        replace(stay, to_date=day.isoformat(), end_report_id=report_id)
        if not stay.to_date and stay.symbol not in new
        else stay
        for stay in known
    ]
    begun = [
        Stay(
            symbol,
            new[symbol].get("security", ""),
            day.isoformat(),
            "",
            report_id,
            renamed_from=moved.get(symbol, ""),
        )
        for symbol in sorted(new.keys() - open_symbols)
    ]
    return backfilled(every) + closed + begun


def to_csv(stays: Iterable[Stay]) -> bytes:
    """Return the content of a membership file."""
    return to_bytes([COLUMNS, *(list(asdict(stay).values()) for stay in stays)])


def begun_on(stays: Iterable[Stay]) -> str:
    """Return the day from which the promotions' rows count, "" before any promotion."""
    every = list(stays)
    dated = [day for one in promoted(every) for day in (one.from_date, one.to_date) if day]
    # Where no promotion changed a membership, the day up to which the backfill goes.
    return min(dated, default="") or max((one.to_date for one in backfilled(every)), default="")


def known_since(stays: Iterable[Stay]) -> str | None:
    """Return the first day whose members are known, None without one.

    "" where the history began with members of a former list: since when they were members is
    unknown, and they are shown for every earlier day.
    """
    every = list(stays)
    days = [day for one in backfilled(every) for day in (one.from_date, one.to_date) if day]
    if days:
        return min(days)
    if any(not stay.from_date for stay in every):
        return ""
    return begun_on(every) or None


def is_known(stays: Iterable[Stay], day: date) -> bool:
    """Return whether the history says who was a member at the end of `day`."""
    since = known_since(stays)
    return since is not None and since <= day.isoformat()


def members_on(stays: Iterable[Stay], day: date) -> list[Stay]:
    """Return who was a member at the end of `day`, by symbol; see `is_known`."""
    every = list(stays)
    former = backfilled(every)
    is_before = former and day.isoformat() < begun_on(every)
    of_then = former if is_before else promoted(every)
    return sorted((stay for stay in of_then if stay.covers(day)), key=lambda stay: stay.symbol)


def member_counts(stays: Iterable[Stay]) -> list[tuple[str, int]]:
    """Return (day, members at its end) for each day on which something changed, oldest first.

    A member without a first day is counted from the beginning.
    """
    moves: Counter[str] = Counter()
    for stay in _side_by_side(stays):
        moves[stay.from_date] += 1
        if stay.to_date:
            moves[stay.to_date] -= 1
    counts = []
    members = moves.pop("", 0)
    for day in sorted(moves):
        members += moves[day]
        counts.append((day, members))
    return counts


def _side_by_side(stays: Iterable[Stay]) -> list[Stay]:
    """Return the stays so that a backfilled one ends where the promotions' rows begin."""
    every = list(stays)
    former = backfilled(every)
    if not former:
        return every
    begun = begun_on(every)
    later = [one if one.from_date else replace(one, from_date=begun) for one in promoted(every)]
    return former + later


@dataclass(frozen=True)
class Change:
    """One line of the changes: `kind` is `added`, `removed` or `renamed`.

    Either a report made it, or it was announced, with `reason` as its provider gives it.
    """

    day: str
    kind: str
    symbol: str
    security: str
    report_id: str
    renamed_from: str = ""
    source: str = PROMOTION
    reason: str = ""


def changes_of(stays: Iterable[Stay]) -> list[Change]:
    """Return what changed, oldest first; a rename is one line, not an addition and a removal.

    A member before the first promotion that is in its list did not leave on that day.
    """
    known = list(stays)
    moved = {(one.renamed_from, one.report_id, one.from_date) for one in known if one.renamed_from}
    stayed = _stayed(known)
    changes = []
    for stay in known:
        if stay.from_date:
            changes.append(_beginning(stay))
        is_rename = (stay.symbol, stay.end_report_id, stay.to_date) in moved
        goes_on = stay.source == BACKFILL and (stay.symbol, stay.to_date) in stayed
        if stay.to_date and not is_rename and not goes_on:
            changes.append(_end(stay))
    come = {(one.day, one.report_id, one.symbol) for one in changes if one.kind != "removed"}

    def place(one: Change) -> tuple[str, str, int, str]:
        # A ticker that goes to another company on a day is gone before it comes.
        is_gone = one.kind == "removed"
        is_passed_on = is_gone and (one.day, one.report_id, one.symbol) in come
        return one.day, one.report_id, -1 if is_passed_on else KINDS.index(one.kind), one.symbol

    return sorted(changes, key=place)


def changes_between(stays: Iterable[Stay], first: date, last: date) -> list[Change]:
    """Return what changed after the end of `first` until the end of `last`, oldest first.

    Applied to the members on `first`, it gives those on `last`: that the first promotion recorded a
    member that was there before is no change.
    """
    known = list(stays)
    stayed = _stayed(known)
    return [
        one
        for one in changes_of(known)
        if first.isoformat() < one.day <= last.isoformat()
        and not (
            one.kind == "added" and one.source == PROMOTION and (one.symbol, one.day) in stayed
        )
    ]


def _stayed(stays: list[Stay]) -> set[tuple[str, str]]:
    """Return (symbol, day of the first promotion) of the members both before and after it."""
    former = backfilled(stays)
    if not former:
        return set()
    begun = begun_on(stays)
    until = {one.symbol for one in former if one.to_date == begun}
    after = {one.symbol for one in members_on(stays, date.fromisoformat(begun))}
    return {(symbol, begun) for symbol in until & after}


def _beginning(stay: Stay) -> Change:
    return Change(
        stay.from_date,
        "renamed" if stay.renamed_from else "added",
        stay.symbol,
        stay.security,
        stay.report_id,
        stay.renamed_from,
        stay.source,
        stay.reason,
    )


def _end(stay: Stay) -> Change:
    return Change(
        stay.to_date,
        "removed",
        stay.symbol,
        stay.security,
        stay.end_report_id,
        source=stay.source,
        reason=stay.end_reason,
    )


def day_matrix(stays: Iterable[Stay], first: date, last: date) -> list[list[str]]:
    """Return the rows of a table of who was a member when, its header first.

    Its columns are `date` and every symbol that was a member in that time. A row is `first`, and
    each later day up to `last` on which something changed, with 1 for a member at its end and 0
    for any other. In pandas, fill it forward.
    """
    lists = dict(_lists(stays, first, last))
    symbols = sorted(set().union(*lists.values()))
    rows = ([day, *("01"[one in found] for one in symbols)] for day, found in lists.items())
    return [["date", *symbols], *rows]


def _lists(stays: Iterable[Stay], first: date, last: date) -> Iterator[tuple[str, frozenset[str]]]:
    """Yield the symbols at the end of `first` and of each later day on which they changed."""
    moves: dict[str, Counter[str]] = defaultdict(Counter)
    for stay in _side_by_side(stays):
        moves[max(stay.from_date, first.isoformat())][stay.symbol] += 1
        if stay.to_date:
            moves[max(stay.to_date, first.isoformat())][stay.symbol] -= 1
    members: Counter[str] = Counter()
    before = None
    for day in sorted({first.isoformat(), *moves}):
        members.update(moves[day])
        now = frozenset(symbol for symbol, count in members.items() if count)
        if day <= last.isoformat() and now != before:
            yield day, now
            before = now
