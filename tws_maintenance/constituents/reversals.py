"""Changes that undo a recent one: a member that comes back, or leaves as soon as it came.

Indices are reviewed four times a year; what changes to and fro within weeks is more often a page
that was vandalised, or an older one that was served.
"""

from collections.abc import Iterator
from datetime import date, timedelta

from tws_maintenance.constituents.diff import Changes
from tws_maintenance.constituents.history import Stay, read_history
from tws_maintenance.errors import HistoryError
from tws_maintenance.home import Home
from tws_maintenance.indices import Index

RECENT = timedelta(days=30)


def reversals(home: Home, index: Index, changes: Changes, today: date) -> Iterator[str]:
    """Yield a warning for each member whose change undoes one of the last 30 days."""
    try:
        stays = read_history(home, index)
    except HistoryError:
        return  # promotion refuses to continue such a history, and says so
    renamed = {one.from_symbol for one in changes.renamed}
    renamed |= {one.to_symbol for one in changes.renamed}
    for one in changes.added:
        ended = _newest(stays, one.symbol, "to_date")
        if ended and one.symbol not in renamed and _is_recent(ended.to_date, today):
            yield (
                f"{one.symbol} comes back: it left on {ended.to_date} by "
                f"{ended.end_report_id or 'a report that is not on record'}. Look which is right."
            )
    for one in changes.removed:
        begun = _newest(stays, one.symbol, "from_date")
        if begun and one.symbol not in renamed and _is_recent(begun.from_date, today):
            yield (
                f"{one.symbol} leaves again: it came on {begun.from_date} by {begun.report_id}. "
                "Look which is right."
            )


def _newest(stays: list[Stay], symbol: str, key: str) -> Stay | None:
    found = [one for one in stays if one.symbol == symbol and getattr(one, key)]
    return max(found, key=lambda one: str(getattr(one, key)), default=None)


def _is_recent(day: str, today: date) -> bool:
    try:
        return today - date.fromisoformat(day) <= RECENT
    except ValueError:
        return False
