"""Which reports can be replayed, and replaying them."""

from collections.abc import Iterator

from tws_maintenance.config.home import Home
from tws_maintenance.config.indices import index_of_task
from tws_maintenance.config.settings import Settings
from tws_maintenance.constituents.replay import Replayed, is_replayable, replay
from tws_maintenance.core.errors import UsageError
from tws_maintenance.reports.schema import is_whole
from tws_maintenance.reports.store import newest_reports, read_report, results_of


def replay_reports(
    home: Home, settings: Settings, report_id: str | None, tasks: tuple[str, ...] = ()
) -> Iterator[Replayed]:
    """Yield what became of each list that a report fetched; of every report where none is named.

    Raises:
        UsageError: there is no such report, it is damaged, or it fetched no list.
    """
    wanted = tasks or settings.maintained.constituent_tasks
    if report_id is None:
        reports = [one for one in newest_reports(home) if is_whole(one)]
    else:
        try:
            reports = [read_report(home, report_id)]
        except (OSError, ValueError) as error:
            raise UsageError(f"The report {report_id} is damaged: {error}.") from error
    count = 0
    for report in reports:
        for result in results_of(report):
            if result.get("task") in wanted and is_replayable(str(report["report_id"]), result):
                count += 1
                index = index_of_task(result["task"])
                yield replay(home, index, settings.of(index), report, result)
    if report_id is not None and not count:
        raise UsageError(
            f"The report {report_id} fetched no list{' of these tasks' if tasks else ''}: a "
            "promotion is replayed by the dry run that it promoted, a restore fetches nothing."
        )
