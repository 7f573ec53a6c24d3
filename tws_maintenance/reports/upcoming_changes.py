"""The announced changes of a list that are still to come, from the newest run that read them.

What belongs here: finding them in the reports. What does not: their words, which are in
`announced_words`.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from tws_maintenance.config.indices import Index
from tws_maintenance.reports.catalog import ReportCatalog
from tws_maintenance.reports.schema import Announced, ListResult
from tws_maintenance.reports.store import FindReport

# How far back to look for a run that could read the announcements.
REPORTS_READ, ANNOUNCED_FOR = 20, timedelta(days=31)


@dataclass(frozen=True)
class Ahead:
    """The announced changes of a list that are still to come, the next one first.

    They are from the report `report_id`. `impact` holds, by symbol, whom they concern, for the
    symbols that concern anybody. Where that run could not ask the robot, an earlier run of the
    last month fills in.
    """

    report_id: str
    changes: tuple[Announced, ...]
    impact: Mapping[str, Mapping[str, list[str]]]


def ahead_of(find: FindReport, index: Index, shelf: ReportCatalog, at: datetime) -> Ahead | None:
    """Return the changes of `index` still to come at `at` (aware), from the reports of `find`.

    None where they are not known: no run of the last month could read them, or the index has no
    announcements.
    """
    if not index.announcements:
        return None
    today = at.astimezone(ZoneInfo(index.venue.timezone)).date().isoformat()
    read = _read(find, index, shelf, at)
    report_id, newest = next(read, ("", None))
    if newest is None:
        return None
    changes = (one for one in _upcoming(newest) if (one.effective_date or "") > today)
    return Ahead(report_id, tuple(changes), _impact(newest, (one for _, one in read)))


def _read(
    find: FindReport, index: Index, shelf: ReportCatalog, at: datetime
) -> Iterator[tuple[str, ListResult]]:
    """Yield the results of the runs that could read what is announced, each with its report."""
    for entry in islice(shelf.since(index.task, at - ANNOUNCED_FOR), REPORTS_READ):
        if not any(one.task == index.task and one.announcements_known for one in entry.results):
            continue
        report = find(entry.report_id)
        for one in report.lists if report else ():
            if one.task == index.task and one.announcements_known:
                yield entry.report_id, one


def _upcoming(result: ListResult) -> Iterator[Announced]:
    return (one for one in result.announced if one.status == "upcoming")


def _impact(newest: ListResult, earlier: Iterable[ListResult]) -> dict[str, dict[str, list[str]]]:
    """Return whom the changes concern.

    A robot that is down once must not end a notice, or it would be sent again afterwards.
    """
    found = {symbol: dict(whom) for symbol, whom in newest.announced_impact.items()}
    for result in _while_unknown(found, earlier):
        for symbol in found.keys() & {one.symbol for one in _upcoming(result)}:
            known = result.announced_impact.get(symbol, {})
            found[symbol] |= {
                key: known.get(key, []) for key, names in found[symbol].items() if names is None
            }
    known_only = {
        symbol: {key: names for key, names in of.items() if names} for symbol, of in found.items()
    }
    return {symbol: whom for symbol, whom in known_only.items() if whom}


def _while_unknown(
    found: Mapping[str, Mapping[str, list[str] | None]], earlier: Iterable[ListResult]
) -> Iterator[ListResult]:
    unread = iter(earlier)
    while any(None in whom.values() for whom in found.values()):
        if (result := next(unread, None)) is None:
            return
        yield result
