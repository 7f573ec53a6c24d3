"""What is announced of a list and still to come, by the newest run that could read it.

What belongs here: finding it in the reports. The words are `announced_words`'.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import Index
from tws_maintenance.reports.catalog import ReportCatalog
from tws_maintenance.reports.schema import Announced
from tws_maintenance.reports.store import find_report

# How far back a run is looked for that could read what is announced.
REPORTS_READ, ANNOUNCED_FOR = 20, timedelta(days=31)


@dataclass(frozen=True)
class Ahead:
    """The announced changes of a list that are still to come, the next one first.

    They are from the report `report_id`. `impact` says whom they concern, by symbol, as that run
    knew it.
    """

    report_id: str
    changes: tuple[Announced, ...]
    impact: Mapping[str, Mapping[str, list[str]]]


def ahead_of(home: Home, index: Index, shelf: ReportCatalog, at: datetime) -> Ahead | None:
    """Return what is still to come of `index` at `at` (aware).

    None where nobody knows: no run of the last month could read it, or nobody publishes any.
    """
    if not index.announcements:
        return None
    today = at.astimezone(ZoneInfo(index.venue.timezone)).date().isoformat()
    for entry in islice(shelf.since(index.task, at - ANNOUNCED_FOR), REPORTS_READ):
        report = find_report(home, entry.report_id)
        for one in report.lists if report else ():
            if one.task == index.task and one.announcements_known:
                ahead = (each for each in one.announced if each.status == "upcoming")
                changes = (each for each in ahead if (each.effective_date or "") > today)
                return Ahead(entry.report_id, tuple(changes), one.announced_impact)
    return None
