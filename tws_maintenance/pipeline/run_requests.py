"""Dagster's run requests of schedules and sensors: tasks, their assets and checks, the reason.

https://docs.dagster.io/guides/automate
"""

from typing import TYPE_CHECKING

import dagster as dg

from tws_maintenance.config.home import Home
from tws_maintenance.pipeline.jobs import job_name, selection_of
from tws_maintenance.pipeline.tags import HOME_TAG

if TYPE_CHECKING:
    pass

RELOAD = "Reload the code location in the Dagster UI (Deployment), or restart Dagster."


def run_request(
    home: Home,
    tasks: tuple[str, ...],
    *,
    dry_run: bool,
    reason: str,
    report_id: str = "",
    run_key: str | None = None,
) -> dg.RunRequest:
    """Return Dagster's request of a run of `tasks` in `home`, of a promotion with `report_id`."""
    promotes = bool(report_id)
    assets, checks = selection_of(tasks, dry_run=dry_run, promotes=promotes)
    config = {"tasks": list(tasks), "reason": reason, "report_id": report_id}
    return dg.RunRequest(
        run_key=run_key,
        job_name=job_name(tasks, dry_run=dry_run, promotes=promotes),
        run_config={
            "resources": {"report": {"config": config}},
            # By default Dagster writes each event into the daemon's log: sixty lines a run.
            "loggers": {"console": {"config": {"log_level": "WARNING"}}},
        },
        asset_selection=sorted(assets),
        asset_check_keys=sorted(checks),
        # Shows that a waiting run belongs to this home; later its report shows that.
        tags={HOME_TAG: str(home.root)},
    )
