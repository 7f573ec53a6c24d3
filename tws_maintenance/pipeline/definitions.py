"""The definitions that Dagster loads: assets, checks, jobs, schedules, sensors, one resource."""

from typing import TYPE_CHECKING

import dagster as dg

from tws_maintenance.config.home import Home, find_home
from tws_maintenance.config.settings import Settings, load_settings
from tws_maintenance.core.errors import SettingsError
from tws_maintenance.pipeline.asset_checks import build_checks
from tws_maintenance.pipeline.assets import build_assets
from tws_maintenance.pipeline.event_assets import build_event_assets, build_event_checks
from tws_maintenance.pipeline.jobs import build_jobs
from tws_maintenance.pipeline.resources import Loaded, build_report_resource
from tws_maintenance.runs.maintenance import HeadStart

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import (
        UnresolvedAssetJobDefinition as AnyJob,
    )

# For code that uses Dagster only through the pipeline.
Definitions = dg.Definitions


def build_definitions(*, is_reconciled: bool = False) -> dg.Definitions:
    """Return the definitions of what the home maintains, from its current settings.

    `is_reconciled` is whether the work of killed runs has just been finished, so that the first
    run of this process need not do that.
    """
    home = find_home()
    settings, problem = _read(home)
    loaded = Loaded(home, settings, problem, is_reconciled)
    jobs = build_jobs(settings.maintained)
    return dg.Definitions.merge(_runs(loaded, jobs), _automation(loaded, jobs))


def definitions_of_runs(loaded: Loaded, begun: HeadStart | None = None) -> dg.Definitions:
    """Return what creates and executes a run: assets, checks, jobs and the resource.

    `begun` is what a caller began before importing Dagster, with the settings that it read.
    """
    return _runs(loaded, build_jobs(loaded.settings.maintained), begun)


def _runs(loaded: Loaded, jobs: "list[AnyJob]", begun: HeadStart | None = None) -> dg.Definitions:
    settings, maintained = loaded.settings, loaded.settings.maintained
    return dg.Definitions(
        assets=[
            *(
                asset
                for index in maintained
                for asset in build_assets(index, settings.of(index).max_age_days)
            ),
            *build_event_assets(settings.events.max_age_days),
        ],
        asset_checks=[
            *(check for index in maintained for check in build_checks(index, settings.of(index))),
            build_event_checks(),
        ],
        jobs=jobs,
        resources={
            "report": build_report_resource(loaded, begun),
            # No step returns a value; Dagster's own keeper of values brings fsspec, 20 ms.
            "io_manager": dg.mem_io_manager,
        },
        # The steps take milliseconds: a process each would cost four times the whole run.
        executor=dg.in_process_executor,
    )


def _automation(loaded: Loaded, jobs: "list[AnyJob]") -> dg.Definitions:
    """Return what only a code location has: the clean-up, and schedules and sensors of `jobs`."""
    from tws_maintenance.pipeline.clean_up import build_cleaning_job, build_cleaning_schedule
    from tws_maintenance.pipeline.schedules import build_schedules
    from tws_maintenance.pipeline.sensors import build_sensors

    maintained, cleaning = loaded.settings.maintained, build_cleaning_job(loaded.home)
    return dg.Definitions(
        jobs=[cleaning],
        schedules=[*build_schedules(maintained, jobs), build_cleaning_schedule(cleaning)],
        sensors=build_sensors(maintained, jobs),
    )


def _read(home: Home) -> tuple[Settings, SettingsError | None]:
    """Return the settings, and the mistake in them, which every run reports.

    With a mistake they are the defaults: enough to show the assets and to write a report.
    """
    try:
        return load_settings(home), None
    except SettingsError as error:
        return Settings.model_construct(), error
