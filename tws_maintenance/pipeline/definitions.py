"""The definitions that Dagster loads: assets, checks, jobs, schedules, sensors, one resource."""

import dagster as dg

from tws_maintenance.config.home import Home, find_home
from tws_maintenance.config.settings import Settings, load_settings
from tws_maintenance.core.errors import SettingsError
from tws_maintenance.pipeline.asset_checks import build_checks
from tws_maintenance.pipeline.assets import build_assets
from tws_maintenance.pipeline.cleaning import build_cleaning_job, build_cleaning_schedule
from tws_maintenance.pipeline.event_assets import build_event_assets, build_event_checks
from tws_maintenance.pipeline.jobs import build_jobs
from tws_maintenance.pipeline.resources import Loaded, build_report_resource
from tws_maintenance.pipeline.schedules import build_schedules
from tws_maintenance.pipeline.sensors import build_sensors
from tws_maintenance.runs.maintenance import HeadStart

# For code that uses Dagster only through the pipeline.
Definitions = dg.Definitions


def build_definitions(
    begun: HeadStart | None = None, *, is_reconciled: bool = False
) -> dg.Definitions:
    """Return the definitions of what the home maintains, from its current settings.

    `begun` is what a caller began before importing Dagster, with the settings that it read.
    `is_reconciled` is whether the work of killed runs has just been finished, so that the first
    run of this process need not do that.
    """
    if begun is not None:
        return definitions_of(Loaded(begun.home, begun.settings, is_reconciled=True), begun)
    home = find_home()
    settings, problem = _read(home)
    return definitions_of(Loaded(home, settings, problem, is_reconciled))


def definitions_of(loaded: Loaded, begun: HeadStart | None = None) -> dg.Definitions:
    """Return the definitions of what a home maintains, from settings that are already read."""
    settings, maintained = loaded.settings, loaded.settings.maintained
    jobs, cleaning = build_jobs(maintained), build_cleaning_job(loaded.home)
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
        jobs=[*jobs, cleaning],
        schedules=[*build_schedules(maintained, jobs), build_cleaning_schedule(cleaning)],
        sensors=build_sensors(maintained, jobs),
        resources={
            "report": build_report_resource(loaded, begun),
            # No step returns a value; Dagster's own keeper of values brings fsspec, 20 ms.
            "io_manager": dg.mem_io_manager,
        },
        # The steps take milliseconds: a process each would cost four times the whole run.
        executor=dg.in_process_executor,
    )


def _read(home: Home) -> tuple[Settings, SettingsError | None]:
    """Return the settings, and the mistake in them, which every run reports.

    With a mistake they are the defaults: enough to show the assets and to write a report.
    """
    try:
        return load_settings(home), None
    except SettingsError as error:
        return Settings.model_construct(), error
