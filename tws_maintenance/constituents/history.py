"""Membership over time: who was a member from when to when, one file an index.

A row is a stay: it opens with the promotion that brought the member and closes with the one that
took it away. A change of ticker closes one row and opens another, linked by `renamed_from`. The
file is settled against the list that is published, not against a diff, so that recovering a
promotion twice, or publishing over somebody else's edit, gives the same rows.

Dates are UTC. A member that was in the list before the first recorded promotion has no
`from_date`: it is known to have been there, not since when.
"""

import csv
import io
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, replace
from datetime import date

from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import Index
from tws_maintenance.constituents.csv_file import Row
from tws_maintenance.constituents.diff import renames
from tws_maintenance.core.errors import HistoryError


@dataclass(frozen=True)
class Stay:
    """One stay of a member; dates are ISO texts, blank where open or unknown.

    A stay covers `from_date` and every day before `to_date`. `report_id` made it begin,
    `end_report_id` made it end.
    """

    symbol: str
    security: str
    from_date: str
    to_date: str
    report_id: str
    end_report_id: str = ""
    renamed_from: str = ""

    def covers(self, day: date) -> bool:
        """Tell whether the symbol was a member at the end of `day`."""
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
        return [Stay(**row) for row in csv.DictReader(io.StringIO(text, newline=""))]
    except (csv.Error, TypeError) as error:
        raise HistoryError(
            f"{home.relative(path)} is not a membership history (expected the columns "
            f"{', '.join(COLUMNS)}): {error}. Move it away to begin a new one."
        ) from error


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
    known = list(stays) or [
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
    return closed + begun


def to_csv(stays: Iterable[Stay]) -> bytes:
    """Return the content of a membership file."""
    buffer = io.StringIO(newline="")
    writer = csv.DictWriter(buffer, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(stay) for stay in stays)
    return buffer.getvalue().encode()


def members_on(stays: Iterable[Stay], day: date) -> list[Stay]:
    """Return who was a member at the end of `day`, by symbol."""
    return sorted((stay for stay in stays if stay.covers(day)), key=lambda stay: stay.symbol)


def member_counts(stays: Iterable[Stay]) -> list[tuple[str, int]]:
    """Return (day, members at its end) for each day on which something changed, oldest first.

    Who came nobody knows when is counted from the first day on.
    """
    moves: Counter[str] = Counter()
    for stay in stays:
        moves[stay.from_date] += 1
        if stay.to_date:
            moves[stay.to_date] -= 1
    counts = []
    members = moves.pop("", 0)
    for day in sorted(moves):
        members += moves[day]
        counts.append((day, members))
    return counts


@dataclass(frozen=True)
class Change:
    """One line of the changes: `kind` is `added`, `removed` or `renamed`."""

    day: str
    kind: str
    symbol: str
    security: str
    report_id: str
    renamed_from: str = ""


def changes_of(stays: Iterable[Stay]) -> list[Change]:
    """Return what changed, oldest first; a rename is one line, not a coming and a going."""
    known = list(stays)
    moved = {(stay.renamed_from, stay.report_id) for stay in known if stay.renamed_from}
    changes = []
    for stay in known:
        if stay.from_date:
            kind = "renamed" if stay.renamed_from else "added"
            changes.append(
                Change(
                    stay.from_date,
                    kind,
                    stay.symbol,
                    stay.security,
                    stay.report_id,
                    stay.renamed_from,
                )
            )
        if stay.to_date and (stay.symbol, stay.end_report_id) not in moved:
            changes.append(
                Change(stay.to_date, "removed", stay.symbol, stay.security, stay.end_report_id)
            )
    return sorted(changes, key=lambda one: (one.day, one.report_id, KINDS.index(one.kind)))
