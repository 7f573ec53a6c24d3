"""Changes that undo a recent one: a member that comes back, or leaves soon after it came.

Indices are reviewed four times a year; a change back and forth within weeks is more often a
vandalised page, or an older one that was served.
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta

from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import Index
from tws_maintenance.constituents.diff import Changes
from tws_maintenance.constituents.history import Stay, promoted, read_history
from tws_maintenance.core.errors import HistoryError
from tws_maintenance.core.text import some_of

RECENT = timedelta(days=30)
NAMED = 8


def reversals(
    home: Home, index: Index, changes: Changes, today: date, *, is_fallback: bool = False
) -> Iterator[str]:
    """Yield a warning for each report of the last 30 days whose changes are undone.

    `is_fallback` is true where others decide in place of the authority: then every removal of a
    recent member is reported, even of one that the first publication brought.
    """
    try:
        stays = promoted(read_history(home, index))
    except HistoryError:
        return  # promotion refuses to continue such a history, and says so
    renamed = {one.from_symbol for one in changes.renamed}
    renamed |= {one.to_symbol for one in changes.renamed}
    # The first publication brought every member, so a removal does not undo it.
    first = stays[0].report_id if stays and stays[0].from_date and not is_fallback else None
    came: dict[tuple[str, str], list[str]] = defaultdict(list)
    went: dict[tuple[str, str], list[str]] = defaultdict(list)
    for one in changes.added:
        ended = _newest(stays, one.symbol, "to_date")
        if ended and one.symbol not in renamed and _is_recent(ended.to_date, today):
            came[ended.to_date, ended.end_report_id].append(one.symbol)
    for one in changes.removed:
        begun = _newest(stays, one.symbol, "from_date")
        is_of_first = begun is not None and begun.report_id == first
        if is_of_first or one.symbol in renamed:
            continue
        if begun and _is_recent(begun.from_date, today):
            went[begun.from_date, begun.report_id].append(one.symbol)
    for (day, report_id), symbols in came.items():
        verbs = ("comes back: it left", "come back: they left")
        yield _warning(symbols, verbs, day, report_id)
    for (day, report_id), symbols in went.items():
        verbs = ("leaves again: it came", "leave again: they came")
        yield _warning(symbols, verbs, day, report_id)


def _warning(symbols: list[str], verbs: tuple[str, str], day: str, report_id: str) -> str:
    named = some_of(symbols, NAMED)
    verb = verbs[0] if len(symbols) == 1 else verbs[1]
    by = report_id or "an unknown report"
    return f"{named} {verb} on {day} by {by}. Check which is right."


def _newest(stays: list[Stay], symbol: str, key: str) -> Stay | None:
    found = [one for one in reversed(stays) if one.symbol == symbol and getattr(one, key)]
    return max(found, key=lambda one: str(getattr(one, key)), default=None)


def _is_recent(day: str, today: date) -> bool:
    try:
        return today - date.fromisoformat(day) <= RECENT
    except ValueError:
        return False
